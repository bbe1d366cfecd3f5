"""Let the doctor visit an address, and read what was found."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncserver.control.doctor.findings import Finding, Verdict
from syncserver.control.doctor.login import Person
from syncserver.control.doctor.walk import DEFAULT_LARGEST, Plan, walk
from tests.support.accounts import Account

# A time-out of proxies, in seconds: less than the 20 that a device waits for another, and more than
# anything else takes on a busy machine.
TOO_SHORT = 8


@dataclass(frozen=True)
class Visited:
    """The findings of one visit."""

    findings: Mapping[str, Finding]

    def __getitem__(self, step: str) -> Finding:
        return self.findings[step]

    def steps(self, verdict: Verdict) -> list[str]:
        """Return the steps that ended so, in their order."""
        return [step for step, found in self.findings.items() if found.verdict is verdict]

    @property
    def failed(self) -> list[str]:
        return self.steps(Verdict.FAILED)

    @property
    def only_failure(self) -> str:
        """Everything that is said about the one step that failed, its name first."""
        assert len(self.failed) == 1, self.findings
        return self.told(self.failed[0])

    def cut_after(self, step: str) -> int:
        """Return the seconds after which answers are cut off, the only failure."""
        assert self.failed == [step], self.findings
        found = re.match(r"An answer that takes longer than (\d+) s", self.findings[step].what)
        assert found, self.findings[step]
        return int(found[1])

    def told(self, step: str) -> str:
        """Return everything that is said about a step."""
        found = self.findings[step]
        return "\n".join([f"{step}: {found.what}", found.remedy, *found.directives])


def visit(
    url: str,
    account: Account | None = None,
    *,
    ca: Path | None = None,
    quick: bool = True,
    largest: int = DEFAULT_LARGEST,
) -> Visited:
    """Take all steps."""
    person = Person(account.name, account.password) if account else None
    plan = Plan(url, person, ca=ca, quick=quick, largest=largest)
    told: list[str] = []
    findings = walk(plan, lambda step, _found: told.append(step))
    assert told == list(findings)
    return Visited(findings)
