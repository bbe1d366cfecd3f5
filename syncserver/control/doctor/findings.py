"""What a step found: a verdict, a sentence on what is so, and what to change."""

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Verdict(str, Enum):
    """How a step ended."""

    OK = "ok"
    # Works, or may work, but somebody should look at it.
    WARNING = "warning"
    # Keeps clients from syncing.
    FAILED = "failed"
    # Not judged: something before it failed, or it was not asked for.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one step's question, in words for whoever runs the server.

    `directives` are settings of programs that may stand between, such as `nginx: …`.
    """

    verdict: Verdict
    what: str
    remedy: str = ""
    directives: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as it is printed with `--json`."""
        return {
            "verdict": self.verdict.value,
            "what": self.what,
            "remedy": self.remedy,
            "directives": list(self.directives),
        }


def well(what: str) -> Finding:
    """Return a finding about something that is as it should be."""
    return Finding(Verdict.OK, what)


def doubtful(what: str, remedy: str, directives: tuple[str, ...] = ()) -> Finding:
    """Return a finding about something that should be looked at."""
    return Finding(Verdict.WARNING, what, remedy, directives)


def failed(what: str, remedy: str, directives: tuple[str, ...] = ()) -> Finding:
    """Return a finding about something that keeps clients from syncing."""
    return Finding(Verdict.FAILED, what, remedy, directives)


def skipped(why: str) -> Finding:
    """Return a finding about something that was not judged."""
    return Finding(Verdict.SKIPPED, why)
