"""What a check says: where, what is wrong, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "hint"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    An error keeps somebody from syncing, or will; a warning is a danger; a hint is good to know and
    does not count.
    """

    severity: Severity
    where: str
    problem: str
    remedy: str

    @property
    def counts(self) -> bool:
        """Whether it is more than a hint."""
        return self.severity != "hint"
