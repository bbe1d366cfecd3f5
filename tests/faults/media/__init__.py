"""What happens to media when things go wrong."""
