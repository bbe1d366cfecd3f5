"""Bytes to messages and back: framing, limits and shapes; knows no account and no collection."""
