"""AnkiConnect's API on a real server with real collections, and the forwarder to it."""
