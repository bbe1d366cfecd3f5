"""Does a sync server answer at this address, and do its clock and ours agree?"""

from __future__ import annotations

from http.client import HTTPException
from urllib.parse import urljoin

from .findings import Finding, fine, unknown, wrong
from .request import REQUEST_TIMEOUT, Answer, get
from .unreachable import explain_no_answer

# Beyond it Anki refuses to sync.
MOST_SECONDS_APART = 300
CHECK_THE_PATH = (
    "Check the port and what comes after it: if the server is in a folder of a website, that folder "
    "belongs to the address."
)


def check_health(url: str, *, timeout: float = REQUEST_TIMEOUT) -> list[Finding]:
    """Ask GET health below a URL that ends in a slash. Takes as long as the time-out."""
    try:
        answer = get(f"{url}health", timeout=timeout)
    except (OSError, HTTPException) as error:
        return [explain_no_answer(error, url)]
    findings = [explain_status(answer, url)]
    if findings[0].state == "fine":
        findings.append(explain_clock(answer.seconds_ahead))
    return findings


def explain_status(answer: Answer, url: str) -> Finding:
    """Say what an answer to GET health means."""
    if answer.status == 200:
        return _explain_page(answer.body)
    if 300 <= answer.status < 400:
        return _explain_redirect(answer, url)
    if answer.status in (502, 503, 504):
        return wrong(
            f"A proxy or the server answers that it is not ready (HTTP {answer.status}).",
            "Check that the sync server behind the proxy is running, and look into its log.",
        )
    if answer.status >= 500:
        return wrong(
            f"The server has a problem of its own (HTTP {answer.status}).",
            "Look into the server's log.",
        )
    if "https" in answer.body.lower() and answer.status == 400:
        return wrong(
            "This port wants an encrypted connection.",
            "The address must begin with https://",
            better_address=url.replace("http://", "https://", 1),
        )
    return _explain_refusal(answer.status)


def _explain_page(body: str) -> Finding:
    if body.lstrip().startswith("<"):
        return wrong(
            "A web page answers here, not a sync server.",
            f"{CHECK_THE_PATH} In a hotel or café, log in to the network first.",
        )
    return fine("The server can be reached and is healthy.")


def _explain_redirect(answer: Answer, url: str) -> Finding:
    target = urljoin(f"{url}health", answer.location)
    moved = target[: -len("health")] if target.endswith("/health") else ""
    return wrong(
        f"The server sends visitors on to another address: {target}",
        "Anki cannot follow there. Enter the other address here.",
        better_address=moved,
    )


def _explain_refusal(status: int) -> Finding:
    if status in (404, 405, 410):
        return wrong(f"A server answers, but no sync server (HTTP {status}).", CHECK_THE_PATH)
    if status in (401, 403, 407):
        return wrong(
            f"Something in front of the server does not let Anki pass (HTTP {status}).",
            "The proxy must not ask for a password or block this address: Anki logs in by itself.",
        )
    if status == 429:
        return wrong("The server has had too many requests.", "Wait a few minutes and try again.")
    return wrong(f"The server answers with an unexpected HTTP {status}.", CHECK_THE_PATH)


def explain_clock(seconds_ahead: float | None) -> Finding:
    """Say whether two clocks that are so far apart can sync."""
    if seconds_ahead is None:
        return unknown("The server does not tell its time, so the clocks were not compared.")
    if abs(seconds_ahead) <= MOST_SECONDS_APART:
        return fine("The clocks of the server and of this computer agree.")
    late, early = ("This computer's", "the server's")
    if seconds_ahead < 0:
        late, early = ("The server's", "this computer's")
    return wrong(
        f"{late} clock is {_duration(abs(seconds_ahead))} behind {early}.",
        "Anki only syncs when they are less than 5 minutes apart. Let both set date and time "
        "automatically, and check the time zone.",
    )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    for unit, length in (("days", 24 * 60), ("hours", 60)):
        if minutes >= 2 * length:
            return f"{minutes / length:.0f} {unit}"
    return f"{minutes} minutes"
