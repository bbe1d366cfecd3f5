"""Moving in and out, and looking into collections, with real clients and the real control script."""
