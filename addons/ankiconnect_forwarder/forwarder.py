#!/usr/bin/env python3
"""Let programs that expect AnkiConnect on this computer use a collection on a syncserver.

Some programs have the address http://127.0.0.1:8765 built in. This script listens there, on this
computer only, and sends what it is asked to the /ankiconnect of a server, together with a token.
Programs need no key then; so whoever may run programs on this computer may use the collection.

Web pages and browser extensions are turned away unless --allow-origin names them: any page that
you visit can reach this address.

It needs Python 3.10 or newer and nothing else.
"""

import argparse
import http.client
import http.server
import json
import logging
import os
import ssl
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8765
TOKEN_VARIABLE = "ANKICONNECT_TOKEN"  # noqa: S105 - the name of a variable
PATH = "/ankiconnect"
API_VERSION = 6
LAST_BARE_VERSION = 4
PERMISSION = "requestPermission"
# Names under which this computer is meant. Any other one is a page's, which has made the browser
# take its own name for this address.
OWN_NAMES = frozenset({ADDRESS, "localhost"})
MOST_BYTES = 256 * 1024 * 1024
TIMEOUT_SECONDS = 120.0
WILDCARD = "://*"

log = logging.getLogger("forwarder")


class WrongUse(Exception):
    """The script was called in a way that cannot work; the message says why."""


@dataclass(frozen=True)
class Options:
    """Where to send requests to, with which token, and who may make them."""

    server: SplitResult
    token: str
    origins: frozenset[str]
    context: ssl.SSLContext | None

    def allows(self, origin: str) -> bool:
        """Tell whether a page or an extension may make requests."""
        scheme, found, _host = origin.lower().partition("://")
        of_all = scheme + WILDCARD if found else origin
        return not self.origins.isdisjoint({origin.lower(), of_all})


def main(arguments: list[str] | None = None) -> None:
    """Run until somebody presses Ctrl+C."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    command_line = parser()
    given = command_line.parse_args(arguments)
    try:
        options = options_from(given)
        server = Server((ADDRESS, given.port), options)
    except (WrongUse, OSError) as problem:
        command_line.error(str(problem))
    log.info("listening on http://%s:%d for %s", ADDRESS, given.port, given.server)
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, which also writes --help."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("server", help="address of the server: https://anki.example.org")
    made.add_argument(
        "--token-file",
        type=Path,
        help=f"file with the token; without it the environment variable {TOKEN_VARIABLE} is read",
    )
    made.add_argument("--port", type=int, default=DEFAULT_PORT, help="default: %(default)s")
    made.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a page, app or extension that may make requests, for example app://obsidian.md;"
        " moz-extension://* stands for all extensions; may be given several times",
    )
    made.add_argument("--ca-file", type=Path, help="certificates to trust, if not the system's")
    made.add_argument(
        "--insecure-http",
        action="store_true",
        help="send the token to another computer without encryption",
    )
    return made


def options_from(given: argparse.Namespace) -> Options:
    """Return what the command line says. Raises WrongUse, OSError."""
    server = urlsplit(given.server)
    if server.scheme not in ("http", "https") or not server.hostname:
        raise WrongUse(f"{given.server} is not an address such as https://anki.example.org")
    near = server.hostname in OWN_NAMES
    if server.scheme == "http" and not near and not given.insecure_http:
        raise WrongUse("the token would be sent without encryption; use https")
    token = (
        given.token_file.read_text("utf-8")
        if given.token_file
        else os.environ.get(TOKEN_VARIABLE, "")
    )
    if not token.strip().isprintable() or not token.strip():
        raise WrongUse(f"there is no token: use --token-file or {TOKEN_VARIABLE}")
    path = server.path.rstrip("/")
    full = server._replace(path=path if path.endswith(PATH) else path + PATH, query="")
    context = ssl.create_default_context(cafile=given.ca_file) if server.scheme == "https" else None
    origins = frozenset(origin.lower() for origin in given.allow_origin)
    return Options(full, token.strip(), origins, context)


class Server(http.server.ThreadingHTTPServer):
    """The listener, with the options that its handlers look at."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], options: Options) -> None:
        self.options = options
        super().__init__(address, Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a program."""

    protocol_version = "HTTP/1.1"
    # Seconds for which a program may be silent.
    timeout = TIMEOUT_SECONDS
    server: Server

    @property
    def origin(self) -> str:
        """The page or extension that asks; empty for programs, and for pages of no origin."""
        return self.headers.get("Origin", "")

    def do_OPTIONS(self) -> None:
        """Tell a browser whether a page may send a request."""
        if self._is_welcome():
            self._send(204, b"")

    def do_GET(self) -> None:
        """Pass the greeting on, by which programs see that somebody is there."""
        if self._is_welcome():
            self._send(*self._forwarded("GET", None))

    def do_POST(self) -> None:
        """Pass a request on."""
        body = self._body()
        if body is None:
            return
        asked = permission_asked(body)
        if asked is not None and self._is_called_by_own_name():
            allowed = not self.origin or self.server.options.allows(self.origin)
            self._send(200, permission(asked, allowed=allowed), readable=True)
        elif self._is_welcome():
            self._send(*self._forwarded("POST", body))

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its signature
        """Log nothing about requests: they hold what people learn."""

    def _body(self) -> bytes | None:
        """Return the body, None if it was answered with a refusal."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            self._send(413 if length.isdecimal() else 411, b"")
            return None
        return self.rfile.read(int(length))

    def _is_called_by_own_name(self) -> bool:
        return urlsplit(f"//{self.headers.get('Host', '')}").hostname in OWN_NAMES

    def _is_welcome(self) -> bool:
        """Tell whether to go on; otherwise the refusal was sent."""
        if self._is_called_by_own_name() and (
            not self.origin or self.server.options.allows(self.origin)
        ):
            return True
        log.warning(
            "refused %s; to let it in, start with --allow-origin %s",
            self.origin or "a foreign name",
            self.origin or "...",
        )
        self._send(403, error_text("this origin is not allowed by the forwarder"))
        return False

    def _forwarded(self, verb: str, body: bytes | None) -> tuple[int, bytes]:
        """Return status and body of the server's answer, or of an error in the add-on's form."""
        try:
            status, answer = ask_server(self.server.options, verb, body)
        except (OSError, http.client.HTTPException) as problem:
            log.warning("the server cannot be reached: %s", problem)
            return 200, error_text(f"the server cannot be reached: {problem}")
        if status != 200:
            return 200, error_text(f"the server answered with status {status}")
        return status, answer

    def _send(self, status: int, body: bytes, *, readable: bool = False) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Content-Length", str(len(body)))
        if self.origin and (readable or self.server.options.allows(self.origin)):
            self.send_header("Access-Control-Allow-Origin", self.origin)
            self.send_header("Access-Control-Allow-Methods", "GET, POST")
            self.send_header("Access-Control-Allow-Headers", "*, Authorization, Content-Type")
            self.send_header("Access-Control-Allow-Private-Network", "true")
        self.send_header("Vary", "Origin")
        self.end_headers()
        self.wfile.write(body)


def ask_server(options: Options, verb: str, body: bytes | None) -> tuple[int, bytes]:
    """Send a request to the server and return the status and the body of its answer.

    Redirects are not followed: the token is for this server only. Raises OSError, HTTPException.
    """
    host, port = options.server.hostname or "", options.server.port
    if options.context is not None:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=TIMEOUT_SECONDS, context=options.context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {options.token}", "Content-Type": "application/json"}
    try:
        connection.request(verb, options.server.path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def permission_asked(body: bytes) -> dict[str, Any] | None:
    """Return the request if it asks for permission, which is for the forwarder to answer."""
    if PERMISSION.encode() not in body:
        return None
    try:
        asked = json.loads(body)
    except ValueError:
        return None
    is_it = isinstance(asked, dict) and asked.get("action") == PERMISSION
    return asked if is_it else None


def permission(asked: dict[str, Any], *, allowed: bool) -> bytes:
    """Return the answer: no key is needed here, since the forwarder has the token."""
    result: dict[str, Any] = {"permission": "denied"}
    if allowed:
        result = {
            "permission": "granted",
            "requireApiKey": False,
            "requireApikey": False,
            "version": API_VERSION,
        }
    version = asked.get("version", LAST_BARE_VERSION)
    bare = isinstance(version, int) and version <= LAST_BARE_VERSION
    return json.dumps(result if bare else {"result": result, "error": None}).encode()


def error_text(text: str) -> bytes:
    """Return an error in the add-on's form."""
    return json.dumps({"result": None, "error": text}).encode()


if __name__ == "__main__":
    main()
