"""What all errands have in common."""

from collections.abc import Callable

# Called with the steps that are done and how many there are.
Progress = Callable[[int, int], None]


class ErrandFailed(Exception):
    """An errand cannot be run; the message is for the operator."""
