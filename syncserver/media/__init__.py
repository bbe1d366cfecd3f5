"""The media engine: the index of a user's files, the files themselves, one module per step.

A step gets a user's open library and messages; it has never heard of HTTP.
"""
