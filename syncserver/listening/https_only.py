"""What keeps people on HTTPS: the HSTS header, and the plain port that redirects.

Only GET and HEAD are redirected. Whoever sends anything else over plain HTTP, a client with a
password above all, is refused in words: a redirect would turn its POST into a GET or would have
it send the password in clear with each sync, unnoticed.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote, urlsplit

from syncserver.listening.sockets import USUAL_PORTS

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

REDIRECTED_VERBS: Final = ("GET", "HEAD")
HOST: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")
# What may stand in a path or a query as it is; anything else is quoted. A path has lost its '%' to
# the server, a query is as it was sent.
PLAIN_IN_PATH: Final = "/~!$&'()*+,;=:@"
PLAIN_IN_QUERY: Final = f"{PLAIN_IN_PATH}?%"
# As the standard asks for when a request is refused because of its protocol.
UPGRADE: Final = [("Upgrade", "TLS/1.2, HTTP/1.1"), ("Connection", "Upgrade")]


def with_hsts(app: WsgiApp, seconds: int) -> WsgiApp:
    """Return the app; its answers tell browsers to come by HTTPS for that long, 0 nothing.

    Only for listeners with TLS: browsers ignore it elsewhere.
    """
    if not seconds:
        return app
    header = ("Strict-Transport-Security", f"max-age={seconds}")

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, header], *rest)

        return app(environ, start)

    return answer


def redirecting_app(public_url: str, port: int) -> WsgiApp:
    """Return the app of the plain port: to `public_url`, or to the same host at `port`."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        base = _secure_base(public_url, port, environ.get("HTTP_HOST", ""))
        if base is None:
            return _say(start_response, "400 Bad Request", [], "The request names no host.")
        if environ["REQUEST_METHOD"] not in REDIRECTED_VERBS:
            text = f"This is plain HTTP. Use {base}/ instead: nothing you send here is protected."
            return _say(start_response, "426 Upgrade Required", UPGRADE, text)
        location = ("Location", base + _path_and_query(environ))
        return _say(start_response, "301 Moved Permanently", [location], f"Go to {location[1]}")

    return answer


def _secure_base(public_url: str, port: int, host_header: str) -> str | None:
    if urlsplit(public_url).scheme == "https":
        return public_url.rstrip("/")
    host = HOST.fullmatch(host_header)
    if host is None:
        return None
    return f"https://{host[1]}" + ("" if port == USUAL_PORTS["https"] else f":{port}")


def _path_and_query(environ: dict[str, Any]) -> str:
    # WSGI hands paths over as Latin-1 whatever was sent.
    path = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe=PLAIN_IN_PATH)
    query = quote(environ.get("QUERY_STRING", "").encode("latin-1"), safe=PLAIN_IN_QUERY)
    return f"/{path.lstrip('/')}" + (f"?{query}" if query else "")


def _say(
    start_response: Callable[..., Any], status: str, headers: list[tuple[str, str]], text: str
) -> list[bytes]:
    body = f"{text}\n".encode()
    kind = ("Content-Type", "text/plain; charset=utf-8")
    start_response(status, [*headers, kind, ("Content-Length", str(len(body)))])
    return [body]
