"""Steps that need no login: is it our server, and does what clients send reach it untouched?

They use what the server answers anyway to requests with an unknown key or a broken message.
Nothing of it counts as a failed login.
"""

import secrets
import time
from typing import Final

from syncserver.control.doctor import directives
from syncserver.control.doctor.answers import (
    dropped_body,
    explain_answer,
    explain_no_answer,
    quoted,
)
from syncserver.control.doctor.directives import for_program
from syncserver.control.doctor.exchange import (
    CLIENT,
    NoAnswer,
    Reply,
    Route,
    new_style,
    with_length,
)
from syncserver.control.doctor.findings import Finding, doubtful, failed, skipped, well
from syncserver.control.doctor.forms import UNKNOWN_KEY, large_form
from syncserver.control.doctor.login import META
from syncserver.protocol.header_framing import HEADER_NAME

# Our server's words for a message that has arrived, and is none.
NOT_A_MESSAGE: Final = "not what the protocol demands"
# Our server's words for an unknown key.
ASKS_TO_LOG_IN: Final = "log in again"
# Longer than any client's header.
LONG_SESSION: Final = "x" * 800

MEGABYTE: Final = 1_000_000
# Just above the usual limits: 1 MB of nginx, 10 and 16 MB of many, 100 MB of Cloudflare.
SIZES: Final = (1_500_000, 2_500_000, 20 * MEGABYTE, 101 * MEGABYTE, 300 * MEGABYTE)
QUICK_LARGEST: Final = 2_500_000
# A larger body is left out when the last one says that it would take longer.
BODY_SECONDS: Final = 90.0


def is_our_server(route: Route) -> tuple[bool, Finding]:
    """Tell whether our server answers at the address, and what was found."""
    health = route.get("health")
    if (health.status in (403, 404, 405) or health.is_page) and _takes_syncs(route):
        return True, _syncs_alone(health)
    if health.status != 200:
        return False, explain_answer(health, "health", route.address)
    if health.is_page:
        return False, _web_page(health)
    front = route.get("")
    version = _version(front)
    if health.version < 11:
        return bool(version), _old_http(health)
    if not version:
        return False, doubtful(
            "A sync server answers, but it does not say that it is syncserver.",
            "If it should be: the proxy must pass on everything below the address, not only /sync/.",
            for_program(directives.SUB_PATH, front.program),
        )
    return True, well(f"syncserver {version} answers, with HTTP/1.1.")


def _takes_syncs(route: Route) -> bool:
    """Tell whether our server refuses an unknown key, in its own words."""
    request = new_style(route.path("sync/meta"), META, UNKNOWN_KEY)
    reply = route.ask(with_length(request))
    return _key_was_refused(reply) and ASKS_TO_LOG_IN in reply.text


def _syncs_alone(health: Reply) -> Finding:
    return doubtful(
        "A sync server answers at sync/, but somebody else at the address itself: people who open"
        " it in a browser do not see which address to enter, and nobody can ask whether it is up.",
        "Fine if it is meant; else pass on everything below the address.",
        for_program(directives.SUB_PATH, health.program),
    )


def _version(front: Reply) -> str:
    name, _, version = front.text.partition(" ")
    return version[:40] if front.status == 200 and name == "syncserver" else ""


def _web_page(reply: Reply) -> Finding:
    return failed(
        "A web page answers here, not a sync server.",
        "Check the port and the path: a server in a folder of a website has that folder in its"
        " address. In a hotel or a café, log in to the network first.",
        for_program(directives.UPSTREAM, reply.program),
    )


def _old_http(reply: Reply) -> Finding:
    return doubtful(
        "What answers speaks HTTP/1.0, which knows no bodies of unknown length.",
        "Let it speak HTTP/1.1; the step about chunked bodies tells whether it matters.",
        for_program(directives.CHUNKED, reply.program),
    )


def header_passes(route: Route) -> Finding:
    """Send a long `anki-sync` header with an unknown key: only who reads it answers 403."""
    asked = "sync/meta"
    request = new_style(route.path(asked), META, UNKNOWN_KEY, LONG_SESSION)
    reply = route.ask(with_length(request))
    if _key_was_refused(reply):
        return well(f"The header {HEADER_NAME} passes.")
    if reply.status == 403 and reply.is_page:
        return _pages_of_a_proxy(reply)
    if reply.status == 400 and not reply.is_page:
        return failed(
            f"The server does not get the header {HEADER_NAME}, or not as it was"
            f" sent{quoted(reply)}.",
            "Something on the way removes or changes headers that it does not know.",
            for_program(directives.HEADERS, reply.program),
        )
    return explain_answer(reply, asked, route.address)


def _key_was_refused(reply: Reply) -> bool:
    return reply.status == 403 and not reply.is_page


def _pages_of_a_proxy(reply: Reply) -> Finding:
    return failed(
        "Something on the way answers 403 with a page of its own: it refuses these requests, or"
        " replaces what the server answers.",
        "Let the server's own answers pass, and everybody reach it.",
        for_program(directives.ERROR_PAGES, reply.program)
        + for_program(directives.ACCESS, reply.program),
    )


def chunks_pass(route: Route) -> Finding:
    """Send a message that is none in several chunks: only who gets all of it can say so."""
    asked = "sync/hostKey"
    # Random, so that it does not shrink to a single chunk.
    request = new_style(route.path(asked), {"doctor": secrets.token_hex(4096)})
    try:
        reply = route.ask(request)
    except NoAnswer as problem:
        return _never_ends(problem, route)
    if reply.status == 400 and NOT_A_MESSAGE in reply.text:
        return well("Bodies in chunks arrive whole.")
    if reply.status in (400, 411, 501):
        return dropped_body(reply)
    return explain_answer(reply, asked, route.address)


def _never_ends(problem: NoAnswer, route: Route) -> Finding:
    plain = explain_no_answer(problem, route.address)
    return failed(
        f"A body in chunks (Transfer-Encoding: chunked) gets no answer: {plain.what}",
        "Something on the way waits for a length that Anki never tells.",
        for_program(directives.CHUNKED),
    )


def sizes_pass(route: Route, largest: int, *, quick: bool) -> Finding:
    """Send larger and larger bodies up to `largest` bytes, as long as the line is fast enough."""
    most = min(largest, QUICK_LARGEST) if quick else largest
    passed, speed = 0, 0.0
    for size in _steps(most):
        if speed and size / speed > BODY_SECONDS:
            return _too_slow(passed, size, speed)
        started = time.monotonic()
        try:
            reply = route.ask(large_form(route.path("sync/meta"), size, 2 * BODY_SECONDS))
        except NoAnswer as problem:
            return _cut(problem, passed, size, route)
        if not _key_was_refused(reply):
            return _not_passed(reply, passed, size, route)
        passed, speed = size, size / max(time.monotonic() - started, 0.001)
    only = " (larger ones: without --quick)" if quick and most < largest else ""
    return well(f"Bodies of up to {_megabytes(passed)} pass{only}.")


def _steps(most: int) -> list[int]:
    return [*(size for size in SIZES if size < most), most]


def _not_passed(reply: Reply, passed: int, size: int, route: Route) -> Finding:
    if reply.status == 413 and not reply.is_page and reply.text:
        # Ours, in words: no proxy stood in the way up to there.
        return doubtful(
            f"Bodies of {_megabytes(passed)} pass; {_megabytes(size)} is more than the server"
            " itself accepts.",
            "If collections are larger, raise max_collection_bytes in [DEFAULT].",
        )
    if reply.status == 413:
        return failed(
            f"A proxy refuses bodies of {_megabytes(size)} (HTTP 413){_after(passed)}: uploads of"
            " collections and media fail.",
            "Raise its limit above max_collection_bytes (300 MB unless changed).",
            for_program(directives.BODY_SIZE, reply.program),
        )
    if reply.status in (400, 411):
        return dropped_body(reply)
    found = explain_answer(reply, "sync/meta", route.address)
    return failed(f"A body of {_megabytes(size)}: {found.what}", found.remedy, found.directives)


def _cut(problem: NoAnswer, passed: int, size: int, route: Route) -> Finding:
    plain = explain_no_answer(problem, route.address)
    return failed(
        f"A body of {_megabytes(size)} gets no answer{_after(passed)}: {plain.what}",
        "A proxy hangs up on large bodies, or is too slow with them.",
        for_program(directives.BODY_SIZE) + for_program(directives.TIMEOUTS),
    )


def _too_slow(passed: int, size: int, speed: float) -> Finding:
    return well(
        f"Bodies of up to {_megabytes(passed)} pass; {_megabytes(size)} would take"
        f" {size / speed / 60:.0f} minutes on this line and was not tried."
    )


def _after(passed: int) -> str:
    return f"; {_megabytes(passed)} passed" if passed else ""


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:g} MB"


def slashes_pass(route: Route) -> Finding:
    """Ask with doubled slashes, as AnkiDroids with two addresses do."""
    asked = "/msync//begin"
    request = new_style(route.path(asked), {"v": CLIENT}, UNKNOWN_KEY)
    reply = route.ask(with_length(request))
    if _key_was_refused(reply):
        return well("Doubled slashes, which old AnkiDroids send, are no obstacle.")
    return doubtful(
        f"A path with doubled slashes, which old AnkiDroids send, is answered with HTTP"
        f" {reply.status}.",
        "Let the proxy merge them, or pass them on as they are: never redirect.",
        for_program(directives.SLASHES, reply.program),
    )


def media_path_passes(route: Route) -> Finding:
    """Ask for a method of the media sync with an unknown key."""
    asked = "msync/begin"
    request = new_style(route.path(asked), {"v": CLIENT}, UNKNOWN_KEY)
    reply = route.ask(with_length(request))
    if _key_was_refused(reply):
        return well("Media are asked for at msync/, which passes as well.")
    found = explain_answer(reply, asked, route.address)
    return failed(
        f"Cards can pass, media cannot: {found.what}",
        "Pass on msync/ like sync/.",
        for_program(directives.MEDIA_PATH, reply.program),
    )


def not_ours() -> Finding:
    """Return the finding of a step that needs our server's words."""
    return skipped("Only syncserver says what of a body has arrived.")


def no_login(what: str) -> Finding:
    """Return the finding of a step for which somebody has to log in."""
    return skipped(f"{what} needs a login: --user NAME, or --scratch on the server's machine.")
