"""What the tests with real clients are made of: servers, devices, raw requests, comparisons."""
