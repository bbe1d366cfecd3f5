"""What all errands have in common."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from syncserver.errors import SyncServerError

# Called with the steps that are done and how many there are.
Progress = Callable[[int, int], None]

# An errand in several steps: yields what it tells the control script, is sent what that answers,
# and returns the result. If nobody answers any more it is closed where it waits, and cleans up.
Talk = Generator[Any, Any, Any]

# One step of a talk as the control script sees it: says something, and returns what it is told
# next or the result. The first step says None.
Converse = Callable[[Any], Any]


class ErrandFailed(Exception):
    """An errand cannot be run; the message is for the operator."""


def in_words(problem: Exception) -> str:
    """Return what kept one user from a result, for the operator."""
    if isinstance(problem, SyncServerError):
        return problem.cause or problem.public_text
    if isinstance(problem, OSError):
        return f"{problem.filename}: {problem.strerror}"
    return str(problem)


def hold(talk: Talk, converse: Converse) -> Any:
    """Hold a talk to its end: `converse` passes on what it tells and returns the answer."""
    with closing(talk):
        try:
            told = next(talk)
            while True:
                told = talk.send(converse(told))
        except StopIteration as end:
            return end.value
