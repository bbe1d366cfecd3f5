"""The modern form of the API under /api/v1/."""
