"""What it means when somebody else answers than our server, or nobody, or with what nobody expects."""

import http.client
import ssl
from contextlib import suppress
from typing import Final
from urllib.parse import urljoin, urlsplit

from syncserver.control.doctor import directives
from syncserver.control.doctor.address import Address
from syncserver.control.doctor.directives import Directives, for_program
from syncserver.control.doctor.encryption import (
    client_certificate_demanded,
    wants_client_certificate,
)
from syncserver.control.doctor.exchange import NoAnswer, Reply
from syncserver.control.doctor.findings import Finding, failed

MOST_SHOWN: Final = 200
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
GATEWAY: Final = {
    502: "A proxy answers, but cannot reach the sync server behind it (HTTP 502)",
    503: "A proxy answers that the service is not available (HTTP 503)",
    504: "A proxy waited for the sync server in vain (HTTP 504)",
}
# nginx and Apache say it with a status that stands for much else.
LARGE_HEADER_WORDS: Final = (
    "Header Or Cookie Too Large",
    "request header field exceeds server limit",
)
CHECK_THE_PATH: Final = (
    "Check the port and the path: a server in a folder of a website has that folder in its address."
)


def explain_no_answer(problem: NoAnswer, address: Address) -> Finding:
    """Say what a connection that ended without an answer means."""
    error = problem.problem
    if isinstance(error, TimeoutError):
        return failed(
            f"Nobody answered within {problem.seconds:.0f} seconds.",
            "Look whether the server hangs or is overloaded (its log), and whether the proxy waits"
            " for something.",
            for_program(directives.UPSTREAM),
        )
    if isinstance(error, ssl.SSLError):
        if wants_client_certificate(error):
            return client_certificate_demanded()
        return failed(f"The encrypted connection broke ({error.reason or error}).", "Try again.")
    what = f"The connection ended without an answer after {problem.seconds:.1f} seconds."
    if isinstance(error, http.client.BadStatusLine) and not address.encrypted:
        what = "What listens there does not answer as a web server."
    return failed(
        what,
        f"Check the port ({address.port}), whether the address must begin with"
        f" {'http' if address.encrypted else 'https'}://, and the log of the proxy.",
    )


def explain_answer(reply: Reply, asked: str, address: Address) -> Finding:
    """Say what a status means that our server would not have answered to the path `asked`."""
    if reply.status in REDIRECTS:
        return _redirect(reply, asked, address)
    if reply.status == 400 and (found := _wrong_encryption(reply, address)):
        return found
    if reply.status in (401, 403, 407):
        return _problem(
            f"Something in front of the server lets nobody pass (HTTP {reply.status}).",
            "It must not ask for a password of its own or block this: Anki logs in by itself.",
            directives.ACCESS,
            reply,
        )
    if reply.status in (404, 405, 410):
        return _nothing_here(reply)
    if reply.status >= 500:
        return _server_error(reply)
    return _known_refusal(reply) or _problem(
        f"The answer is an unexpected HTTP {reply.status}{quoted(reply)}.",
        CHECK_THE_PATH,
        directives.ERROR_PAGES,
        reply,
    )


def _wrong_encryption(reply: Reply, address: Address) -> Finding | None:
    if "SSL certificate was sent" in reply.text:
        return client_certificate_demanded()
    if "https" not in reply.text.lower():
        return None
    return failed(
        "This port wants an encrypted connection (HTTP 400).",
        f"Enter {address.url.replace('http://', 'https://', 1)}",
    )


def quoted(reply: Reply) -> str:
    """Return the first words of an answer that is a text, for the end of a sentence."""
    if reply.is_page or not reply.text:
        return ""
    text = " ".join(reply.text[:MOST_SHOWN].split())
    return f": “{text}”"


def _redirect(reply: Reply, asked: str, address: Address) -> Finding:
    location = reply.headers.get("Location", "")
    upgraded = False
    with suppress(ValueError):  # it may be no address at all
        location = urljoin(f"{address.url}{asked}", location)
        target = urlsplit(location)
        upgraded = (target.scheme, target.hostname) == ("https", address.host)
    kind = "the same address with https://" if upgraded and not address.encrypted else location
    better = location[: -len(asked)] if asked and location.endswith(asked) else ""
    return _problem(
        f"Requests are sent on to {kind} (HTTP {reply.status}); a POST that follows becomes a GET"
        " without its body, so that no client can sync.",
        f"Enter {better} in clients." if better else "Let the proxy answer, not redirect.",
        directives.REDIRECT,
        reply,
    )


def _nothing_here(reply: Reply) -> Finding:
    if not reply.is_page and "address for Anki" in reply.text:
        return _problem(
            "The sync server answers, but is asked for the wrong path: the proxy does not take its"
            " own path away.",
            "Let it pass on what comes after the path.",
            directives.SUB_PATH,
            reply,
        )
    return _problem(
        f"A web server answers, but no sync server is there (HTTP {reply.status}).",
        CHECK_THE_PATH,
        directives.SUB_PATH,
        reply,
    )


def _server_error(reply: Reply) -> Finding:
    if reply.status == 503 and not reply.is_page and reply.text:
        return failed(
            f"The server cannot do it at the moment{quoted(reply)} (HTTP 503).",
            "See what the sentence names; the disk: df -h; the log: ctl.py status tells where.",
        )
    if reply.status in GATEWAY:
        return _problem(
            f"{GATEWAY[reply.status]}.",
            "Start the server (ctl.py start), and let the proxy call its host and port.",
            directives.UPSTREAM,
            reply,
        )
    if reply.is_page:  # ours says it in one line of text
        return _problem(
            f"A program in front of the server has failed (HTTP {reply.status}).",
            "Look into its error log, and at the address to which it passes requests on: the slash"
            " at the end counts.",
            directives.UPSTREAM,
            reply,
        )
    return failed(
        f"The server has a problem of its own (HTTP {reply.status}){quoted(reply)}.",
        "Look for request_failed in its log.",
    )


def _known_refusal(reply: Reply) -> Finding | None:
    if reply.status == 409:
        return failed(
            "A device of this user is syncing at the moment (HTTP 409).",
            "Try again when it has ended; a sync that is silent for sync_timeout ends by itself.",
        )
    if reply.status == 411:
        return dropped_body(reply)
    if reply.status == 413:
        return _problem(
            "The request is too large for something on the way (HTTP 413).",
            "Raise the limit above max_collection_bytes.",
            directives.BODY_SIZE,
            reply,
        )
    if reply.status == 429:
        wait = reply.headers.get("Retry-After", "")
        after = f" It says to wait {wait} seconds." if wait.isdecimal() else ""
        return failed(
            f"There were too many requests or failed logins (HTTP 429).{after}",
            "Wait, then try again; login_failures_per_account and login_failures_per_address in"
            " [DEFAULT] say how many. Behind a proxy that is not in trusted_proxies, the failures of"
            " everybody count together.",
        )
    if reply.status in (431, 494) or any(words in reply.text for words in LARGE_HEADER_WORDS):
        return _problem(
            f"The headers of a request are too large for a proxy (HTTP {reply.status}).",
            "Allow headers of 8 kB.",
            directives.HEADER_SIZE,
            reply,
        )
    return None


def dropped_body(reply: Reply) -> Finding:
    """Say that bodies of unknown length do not arrive."""
    return _problem(
        "Bodies sent in chunks (Transfer-Encoding: chunked), as Anki sends all of them, do not"
        " reach the server: something on the way drops them.",
        "The server logs this as body_missing. Let the proxy pass bodies of unknown length on.",
        directives.CHUNKED,
        reply,
    )


def _problem(what: str, remedy: str, settings: Directives, reply: Reply) -> Finding:
    return failed(what, remedy, for_program(settings, reply.program))
