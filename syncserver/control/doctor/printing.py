"""Print findings while they come: a line for each step, and what to change below it."""

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from syncserver.control.doctor.findings import Finding, Verdict
from syncserver.control.output import UNLIMITED_WIDTH, printable

STYLES: Final = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.SKIPPED: "dim",
}
VERDICT_WIDTH: Final = 9
STEP_WIDTH: Final = 16
INDENT: Final = VERDICT_WIDTH + STEP_WIDTH


def print_finding(step: str, found: Finding) -> None:
    """Print one finding; colours only on a terminal."""
    out = _console()
    line = Text(no_wrap=False)
    line.append(f"{found.verdict.value:<{VERDICT_WIDTH}}", style=STYLES[found.verdict])
    line.append(f"{step:<{STEP_WIDTH}}")
    line.append(printable(found.what))
    out.print(line)
    if found.verdict in (Verdict.FAILED, Verdict.WARNING):
        _print_below(out, f"→ {found.remedy}")
        for directive in found.directives:
            _print_below(out, f"  {directive}")


def print_verdict(findings: Mapping[str, Finding]) -> None:
    """Print the last line: is all well?"""
    failed = [step for step, one in findings.items() if one.verdict is Verdict.FAILED]
    warned = [step for step, one in findings.items() if one.verdict is Verdict.WARNING]
    out = _console()
    if failed:
        out.print(Text(f"Clients cannot sync like this; failed: {', '.join(failed)}."))
    elif warned:
        out.print(Text(f"Clients can sync; look at: {', '.join(warned)}."))
    else:
        out.print(Text("All is well."))


def as_document(url: str, findings: Mapping[str, Finding]) -> dict[str, Any]:
    """Return what `--json` prints; a password in the address is left out."""
    return {
        "url": re.sub(r"//[^/]*@", "//", url),
        "ok": not has_failed(findings),
        "steps": [{"step": step, **found.document()} for step, found in findings.items()],
    }


def has_failed(findings: Mapping[str, Finding]) -> bool:
    """Tell whether any step failed."""
    return any(found.verdict is Verdict.FAILED for found in findings.values())


def _console() -> Console:
    # Made anew each time: it writes to whatever standard output is now.
    width = None if sys.stdout.isatty() else UNLIMITED_WIDTH
    return Console(width=width, highlight=False)


def _print_below(out: Console, text: str) -> None:
    out.print(Padding(Text(printable(text)), (0, 0, 0, INDENT), expand=False))
