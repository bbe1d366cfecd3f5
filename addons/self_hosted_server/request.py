"""One GET request that follows no redirect, and says what the server's clock shows."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

REQUEST_TIMEOUT = 10.0
# Enough to tell a web page from the empty answer of a sync server.
MOST_BYTES_READ = 2000


@dataclass(frozen=True)
class Answer:
    """What came back; `seconds_ahead` is how far the server's clock is before ours."""

    status: int
    location: str
    body: str
    seconds_ahead: float | None


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        # Anki's own requests carry a body, which does not survive most redirects.
        return None


def get(url: str, *, timeout: float = REQUEST_TIMEOUT) -> Answer:
    """Ask for a URL. Raises what urllib raises when there is no HTTP answer."""
    opener = build_opener(_NoRedirects(), HTTPSHandler(context=_trusted_certificates()))
    request = Request(url, headers={"User-Agent": "Anki add-on self_hosted_server"})  # noqa: S310 - read_address() let http and https pass only
    started = time.time()
    try:
        with opener.open(request, timeout=timeout) as reply:
            return _answer(reply.status, reply.headers, reply.read(MOST_BYTES_READ), started)
    except HTTPError as refusal:
        with refusal:
            body = refusal.read(MOST_BYTES_READ)
            return _answer(refusal.code, refusal.headers, body, started)


def _trusted_certificates() -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        # Packaged versions of Anki bring no certificates of the system, but these.
        import certifi  # noqa: PLC0415
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context


def _answer(status: int, headers: Message, body: bytes, started: float) -> Answer:
    return Answer(
        status=status,
        location=headers.get("Location", ""),
        body=body.decode("utf-8", "replace"),
        seconds_ahead=_seconds_ahead(headers.get("Date", ""), started),
    )


def _seconds_ahead(date: str, started: float) -> float | None:
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, IndexError):
        return None
    # A slow answer must not look like a wrong clock.
    return theirs - min(max(theirs, started), time.time())
