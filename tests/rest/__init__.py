"""The REST API on a real server with real collections."""
