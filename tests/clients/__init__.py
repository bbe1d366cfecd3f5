"""Scenarios with real Anki clients against a real server process over a real socket."""
