"""The doctor before set-ups that are right, and before each that is wrong in a way of its own."""
