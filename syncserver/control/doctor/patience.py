"""Steps about answers that are large or slow: do they come through as the server sends them?

An answer that takes long needs no extra of the server: of two devices of one user, the second one
that wants to sync waits for the first, up to `sync_wait`. Both are rolled back afterwards.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from syncserver.control.doctor import directives
from syncserver.control.doctor.answers import explain_answer, explain_no_answer
from syncserver.control.doctor.directives import for_program
from syncserver.control.doctor.exchange import NoAnswer, Reply, Route, new_style
from syncserver.control.doctor.findings import Finding, doubtful, failed, well
from syncserver.control.doctor.login import (
    META,
    Person,
    Unframed,
    changed_on_the_way,
    document,
    log_in,
    unframed,
)

NO_INPUT: Final[Mapping[str, Any]] = {"_pad": None}
NO_GRAVES: Final[Mapping[str, Any]] = {"chunk": {"cards": [], "notes": [], "decks": []}}
SIGN_OF_LIFE_SECONDS: Final = 3.0
# A large collection is read as far as this; what follows would be no different.
MOST_DOWNLOADED: Final = 32 * 1024 * 1024
SLOW_FIRST_BYTE_SECONDS: Final = 20.0
# Shorter than that, nothing was proved about time-outs of half a minute.
TELLING_SECONDS: Final = 10.0


def answers_pass(route: Route, key: str) -> Finding:
    """Download the collection, and see whether somebody has held or changed the answer."""
    asked = "sync/download"
    request = new_style(route.path(asked), NO_INPUT, key, "doctor-download")
    reply = route.ask(replace(request, most_bytes=MOST_DOWNLOADED))
    if reply.status != 200:
        return explain_answer(reply, asked, route.address)
    try:
        size = len(unframed(reply)) if len(reply.body) < MOST_DOWNLOADED else MOST_DOWNLOADED
    except Unframed as problem:
        return problem.finding
    return changed_on_the_way(reply) or _judged_buffering(reply, size)


def _judged_buffering(reply: Reply, size: int) -> Finding:
    """Judge by Content-Length: the server does not know it, so whoever tells it held all of it."""
    if "Content-Length" in reply.headers or reply.seconds > SLOW_FIRST_BYTE_SECONDS:
        return doubtful(
            f"A proxy holds answers back until they are complete (first byte after"
            f" {reply.seconds:.1f} s): with a large collection clients give up, after 30 seconds"
            " without a byte.",
            "Let it pass answers on while they come.",
            for_program(directives.BUFFERING, reply.program),
        )
    return well(f"Answers arrive while they are sent, unchanged ({size / 1_000_000:.1f} MB).")


def slow_answers_pass(route: Route, key: str, person: Person) -> Finding:
    """Let one device wait for another as long as the server lets it. Takes some 20 seconds."""
    second_key, found = log_in(route, person)
    if not second_key:
        return found
    holder, waiter = _Device(route, key, "doctor-a"), _Device(route, second_key, "doctor-b")
    begun = _begin(holder)
    if begun.status != 200:
        return explain_answer(begun, "sync/start", route.address)
    try:
        return _wait_in_line(holder, waiter)
    finally:
        with suppress(NoAnswer):  # the server rolls back by itself after sync_timeout
            holder.call("abort", NO_INPUT)


@dataclass(frozen=True, slots=True)
class _Device:
    """One of two devices of the user, as the server tells them apart."""

    route: Route
    key: str
    session: str

    def call(self, method: str, message: object) -> Reply:
        """Call a method of the sync."""
        path = self.route.path(f"sync/{method}")
        return self.route.ask(new_style(path, message, self.key, self.session))


def _begin(holder: _Device) -> Reply:
    """Begin a sync that changes nothing."""
    usn = 0
    with suppress(Unframed):
        usn = int(document(holder.call("meta", META)).get("usn", 0))
    return holder.call("start", {"minUsn": usn, "lnewer": False, "graves": None})


def _wait_in_line(holder: _Device, waiter: _Device) -> Finding:
    """Let the second device ask, while the first one gives signs of life.

    It asks for a download, which begins nothing: when a proxy has cut its answer off, it still
    stands in line at the server, and must not keep the user's devices waiting when its turn comes.
    """
    with ThreadPoolExecutor(max_workers=1) as background:
        answer = background.submit(waiter.call, "download", NO_INPUT)
        while wait([answer], SIGN_OF_LIFE_SECONDS).not_done:
            with suppress(NoAnswer):  # a holder that is not heard is taken over: that is no fault
                holder.call("applyGraves", NO_GRAVES)
        try:
            return _judged_patience(answer.result(), waiter.route)
        except NoAnswer as problem:
            return _cut(explain_no_answer(problem, waiter.route.address).what, problem.seconds)


def _judged_patience(reply: Reply, route: Route) -> Finding:
    if reply.status in (502, 504) or (reply.status in (408, 500, 503) and reply.is_page):
        what = f"A proxy answers instead of the server (HTTP {reply.status})."
        return _cut(what, reply.seconds, reply.program)
    if reply.status not in (200, 409):
        return explain_answer(reply, "sync/download", route.address)
    came = f"An answer that took {reply.seconds:.0f} s came through"
    if reply.seconds < TELLING_SECONDS:
        return well(f"{came}; the server (sync_wait) lets nobody wait longer.")
    return well(f"{came}.")


def _cut(what: str, seconds: float, program: str = "") -> Finding:
    return failed(
        f"An answer that takes longer than {seconds:.0f} s is cut off: {what}",
        "Syncs wait up to sync_wait (20 s) for another device: allow 60 seconds.",
        for_program(directives.TIMEOUTS, program),
    )
