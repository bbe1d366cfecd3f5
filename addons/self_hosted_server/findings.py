"""What a test found out: one sentence on what is so, and one on what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

FINE = "fine"
WRONG = "wrong"
# Neither: what was not tested, or cannot be told.
UNKNOWN = "unknown"
# What to do now that everything is fine.
NEXT = "next"

MARKS = {FINE: "✓", WRONG: "✗", UNKNOWN: "–", NEXT: "→"}
# Readable on Anki's light and dark backgrounds.
COLOURS = {FINE: "#2e9e4f", WRONG: "#d64545", UNKNOWN: "#888888", NEXT: "#888888"}


@dataclass(frozen=True)
class Finding:
    """One result of a test, in words for people."""

    state: str
    what: str
    advice: str = ""
    # An address that would probably work instead.
    better_address: str = ""


def fine(what: str) -> Finding:
    """Return a finding about something that is as it should be."""
    return Finding(FINE, what)


def wrong(what: str, advice: str, *, better_address: str = "") -> Finding:
    """Return a finding about something that keeps Anki from syncing."""
    return Finding(WRONG, what, advice, better_address)


def unknown(what: str) -> Finding:
    """Return a finding about something that was not tested."""
    return Finding(UNKNOWN, what)


def next_step(what: str) -> Finding:
    """Return what to do now."""
    return Finding(NEXT, what)


def as_html(findings: list[Finding]) -> str:
    """Return findings as the text of a window."""
    return "".join(_row(finding) for finding in findings)


def _row(finding: Finding) -> str:
    mark = f'<span style="color:{COLOURS[finding.state]}"><b>{MARKS[finding.state]}</b></span>'
    advice = f"<br>{escape(finding.advice)}" if finding.advice else ""
    # A question without an answer yet is not worth bold letters.
    what = escape(finding.what) if finding.state != WRONG else f"<b>{escape(finding.what)}</b>"
    return (
        '<table cellspacing="0" cellpadding="3"><tr>'
        f'<td width="20">{mark}</td><td>{what}{advice}</td></tr></table>'
    )
