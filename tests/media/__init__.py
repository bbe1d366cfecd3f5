"""The media of our own server: limits, shared bytes, trash, checks, memory."""
