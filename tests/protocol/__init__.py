"""Bytes in, messages out: the framings by themselves, without accounts and collections."""
