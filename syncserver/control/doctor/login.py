"""Steps of somebody who is logged in: the login, `meta` of new and old clients, the clocks."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

import zstandard

from syncserver.control.doctor import directives
from syncserver.control.doctor.answers import explain_answer
from syncserver.control.doctor.directives import for_program
from syncserver.control.doctor.exchange import CLIENT, Reply, Route, new_style
from syncserver.control.doctor.findings import Finding, doubtful, failed, well
from syncserver.control.doctor.forms import old_style
from syncserver.protocol.response_framing import ORIGINAL_SIZE_HEADER
from syncserver.protocol.versions import FIRST_WITH_HEADER, NEWEST

# Beyond it clients refuse to sync.
MOST_SECONDS_APART: Final = 300
WARNED_SECONDS_APART: Final = 30
LARGEST_ANSWER: Final = 16 * 1024 * 1024
META: Final[Mapping[str, Any]] = {"v": NEWEST, "cv": CLIENT}
OLD_VERSION: Final = FIRST_WITH_HEADER - 1


@dataclass(frozen=True, slots=True)
class Person:
    """Whose account is used."""

    name: str
    password: str


class Unframed(Exception):
    """An answer that clients could not read; `finding` says what has changed it."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


def log_in(route: Route, person: Person) -> tuple[str, Finding]:
    """Return a host key, "" when there is none, and what was found."""
    asked = "sync/hostKey"
    message = {"u": person.name, "p": person.password}
    reply = route.ask(new_style(route.path(asked), message))
    if reply.status == 403 and not reply.is_page:
        return "", failed(
            "The server does not accept this name and password.",
            "They are those of an account on this server, not of AnkiWeb: ctl.py lsuser lists the"
            " accounts, ctl.py passwd NAME sets a password. Capital and small letters count.",
        )
    if reply.status != 200:
        return "", explain_answer(reply, asked, route.address)
    try:
        key = document(reply).get("key")
    except Unframed as problem:
        return "", problem.finding
    if not isinstance(key, str) or not key:
        return "", _no_protocol("the login")
    return key, well("The login works.")


def document(reply: Reply) -> Mapping[str, Any]:
    """Return the JSON object in an answer of version 11. Raises Unframed."""
    try:
        found = json.loads(unframed(reply))
    except ValueError:
        raise Unframed(_no_protocol("a request")) from None
    if not isinstance(found, dict):
        raise Unframed(_no_protocol("a request"))
    return found


def unframed(reply: Reply) -> bytes:
    """Return the payload of an answer of version 11, which must be as the server sent it.

    Raises Unframed when a header is gone, or the body was compressed once more or cut.
    """
    if problem := changed_on_the_way(reply):
        raise Unframed(problem)
    try:
        frame = zstandard.ZstdDecompressor().decompressobj()
        payload = frame.decompress(reply.body)
    except zstandard.ZstdError:
        raise Unframed(_no_protocol("a request")) from None
    if not frame.eof or str(len(payload)) != reply.headers[ORIGINAL_SIZE_HEADER]:
        raise Unframed(failed("An answer was cut off on its way.", "See the proxy's log."))
    return payload


def changed_on_the_way(reply: Reply) -> Finding | None:
    """Return what has changed an answer of version 11, if something has."""
    encoding = reply.headers.get("Content-Encoding", "")
    if encoding and encoding != "identity":
        return failed(
            f"A proxy compresses the server's answers once more (Content-Encoding: {encoding}),"
            " which clients have not asked for and cannot read.",
            "Leave these answers alone: they are compressed already.",
            for_program(directives.COMPRESSION, reply.program),
        )
    if ORIGINAL_SIZE_HEADER not in reply.headers:
        return failed(
            f"The header {ORIGINAL_SIZE_HEADER} of the server's answers does not arrive; clients"
            " say “missing original size”.",
            "Something on the way removes headers that it does not know, or answers itself.",
            for_program(directives.ANSWER_HEADERS, reply.program),
        )
    return None


def _no_protocol(what: str) -> Finding:
    return failed(
        f"What comes back for {what} is not what the protocol demands.",
        "Something on the way changes answers, or this is no sync server.",
        for_program(directives.COMPRESSION),
    )


def new_meta(route: Route, key: str) -> tuple[Mapping[str, Any], Finding]:
    """Ask as clients from 2.1.57 on do, and return the answer and what was found."""
    asked = "sync/meta"
    request = new_style(route.path(asked), META, key)
    reply = route.ask(request)
    if reply.status != 200:
        return {}, explain_answer(reply, asked, route.address)
    try:
        return _judged_meta({**document(reply), "asked_at": reply.sent_at})
    except Unframed as problem:
        return {}, problem.finding


def _judged_meta(meta: Mapping[str, Any]) -> tuple[Mapping[str, Any], Finding]:
    if not isinstance(meta.get("ts"), int) or not isinstance(meta.get("usn"), int):
        return {}, _no_protocol("meta")
    if not meta.get("cont", True):
        return {}, failed(
            f"The server lets nobody sync at the moment, and tells people: “{meta.get('msg')}”",
            "If that is not meant: end the maintenance, or see what the sentence names.",
        )
    said = f" The server tells people: “{meta['msg']}”" if meta.get("msg") else ""
    return meta, well(f"Clients from 2.1.57 on are answered (protocol 11).{said}")


def old_meta(route: Route, key: str) -> Finding:
    """Ask as clients before 2.1.57 do: with a form, and an answer that is not compressed."""
    asked = "sync/meta"
    reply = route.ask(old_style(route.path(asked), {"v": OLD_VERSION, "cv": CLIENT}, key))
    if reply.status != 200:
        found = explain_answer(reply, asked, route.address)
        return doubtful(f"Clients before 2.1.57: {found.what}", found.remedy, found.directives)
    try:
        json.loads(reply.body)
    except ValueError:
        return doubtful(
            "Clients before 2.1.57 get an answer that they cannot read.",
            "Something on the way changes answers.",
            for_program(directives.COMPRESSION, reply.program),
        )
    return well("Clients before 2.1.57 are answered (protocol 10, forms).")


def compare_clocks(route: Route, meta: Mapping[str, Any]) -> Finding:
    """Compare the server's clock with ours: by `meta`'s if there is one, else by a Date header.

    The Date may be a proxy's, which has its own clock.
    """
    if "ts" in meta:
        return _judged_clock(float(meta["ts"]) - meta["asked_at"])
    reply = route.get("health")
    try:
        theirs = parsedate_to_datetime(reply.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError, IndexError):
        return doubtful("The server does not tell its time.", "Log in with --user to compare.")
    # A slow answer must not look like a wrong clock.
    return _judged_clock(theirs - min(max(theirs, reply.sent_at), time.time()))


def _judged_clock(ahead: float) -> Finding:
    apart = abs(ahead)
    if apart < WARNED_SECONDS_APART:
        return well(f"The clocks of the server and of this computer are {apart:.0f} s apart.")
    late, early = ("this computer's", "the server's")
    if ahead < 0:
        late, early = early, late
    what = f"{late.capitalize()} clock is {_duration(apart)} behind {early}."
    remedy = (
        "Let both be set by the network (timedatectl set-ntp true), and check which one is wrong."
    )
    if apart <= MOST_SECONDS_APART:
        return doubtful(f"{what} From 5 minutes on, clients refuse to sync.", remedy)
    return failed(f"{what} Clients refuse to sync beyond 5 minutes.", remedy)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
