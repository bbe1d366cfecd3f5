"""Restore points, with real clients and a real server."""
