"""What operators and their programs look at: /metrics and /ready."""
