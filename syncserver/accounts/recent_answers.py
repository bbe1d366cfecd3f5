"""A small cache of answers that may be a moment old, never more, and never many."""

import threading
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class RecentAnswers(Generic[Answer]):
    """At most `most` answers, each for `seconds` after its question was asked; thread-safe.

    Times are those of time.monotonic().
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._answers: dict[str, tuple[float, Answer]] = {}
        self._lock = threading.Lock()

    def get(self, question: str, now: float) -> tuple[bool, Answer | None]:
        """Return whether the answer is known, and the answer."""
        with self._lock:
            asked_at, answer = self._answers.get(question, (None, None))
        if asked_at is None or now - asked_at > self._seconds:
            return False, None
        return True, answer

    def put(self, question: str, answer: Answer, asked_at: float) -> None:
        """Keep an answer to what was asked at `asked_at`."""
        with self._lock:
            self._answers.pop(question, None)
            self._answers[question] = (asked_at, answer)
            self._forget_what_is_old(asked_at)

    def __len__(self) -> int:
        with self._lock:
            return len(self._answers)

    def _forget_what_is_old(self, now: float) -> None:
        # A dict keeps the order of insertion, so the oldest is always the first; the one
        # that was just put in never goes.
        while True:
            first = next(iter(self._answers))
            if now - self._answers[first][0] <= self._seconds and len(self._answers) <= self._most:
                return
            del self._answers[first]
