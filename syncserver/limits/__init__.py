"""How much anybody may ask for: at once, and within a while."""
