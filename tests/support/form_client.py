"""Requests in the forms of AnkiDroid's own syncer and of Python 2.0's, and of Rust clients, v10.

Which fields each of them sends with which method, and in which order, is in section 1 of the
protocol facts; what comes back is never compressed.
"""

import gzip
import http.client
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.accounts import Account
from tests.support.forms import Part, content_type, form, payload, text
from tests.support.raw_client import RawReply

ANKIDROID = "ankidroid,2.15.6,5.10.0"
PYTHON_2_0 = "ankidesktop,2.0.52,lin:debian"
RUST_10 = "anki,2.1.49 (7a232b70),lin"

REQUEST_TIMEOUT = 60.0
PIECE_BYTES = 1000
# These methods go without a session key, and tell the client's version in a field instead.
WITHOUT_SESSION = ("upload", "download")
NO_INPUT: dict[str, object] = {}


@dataclass
class FormClient:
    """One client object; each kind of client overrides what it does in its own way."""

    url: str
    host_key: str = ""
    session_key: str = "5dde5b73"
    client = ANKIDROID
    # To the address of the media server, as people enter it, AnkiDroid adds a slash.
    media_path = "msync//"

    def login(self, account: Account) -> "FormClient":
        """Fetch a host key with the account's name and password, and use it from now on."""
        reply = self.call("hostKey", {"u": account.name, "p": account.password})
        assert reply.status == 200, reply
        self.host_key = reply.json["key"]
        return self

    def expect(self, method: str, message: object = NO_INPUT) -> Any:
        """Send one request that must be answered with 200, and return the JSON of the answer."""
        reply = self.call(method, message)
        assert reply.status == 200, f"{method} was answered {reply.status}: {reply.body!r}"
        return reply.json

    def call(self, method: str, message: object = NO_INPUT) -> RawReply:
        """Send one request of the collection sync with a message as JSON."""
        return self.post(f"sync/{method}", self.form(method, json.dumps(message).encode()))

    def download(self) -> RawReply:
        """Ask for the whole collection; no payload goes with that."""
        return self.post("sync/download", self.form("download", None))

    def upload(self, body: bytes) -> RawReply:
        """Send a whole collection."""
        return self.post("sync/upload", self.form("upload", body))

    def form(self, method: str, body: bytes | None) -> bytes:
        """Return the form of a request of the collection sync."""
        if body is None:
            return form(*self._keys(method), text("c", "1"))
        return form(*self._keys(method), text("c", "1"), payload(gzip.compress(body)))

    def _keys(self, method: str) -> list[Part]:
        if method == "hostKey":
            return []
        if method in WITHOUT_SESSION:
            return [text("k", self.host_key), text("v", self.client)]
        return [text("k", self.host_key), text("s", self.session_key)]

    # Media

    def begin_media(self) -> RawReply:
        """Begin a media sync: the version is in the form."""
        fields = [text("k", self.host_key), text("v", self.client), text("c", "1")]
        packed = gzip.compress(b"{}")
        return self.post(f"{self.media_path}begin", form(*fields, payload(packed)))

    def call_media(self, method: str, message: object) -> RawReply:
        """Send one request of the media sync, with the key that `begin` gave."""
        packed = gzip.compress(json.dumps(message).encode())
        fields = [text("sk", self.host_key), text("c", "1"), payload(packed)]
        return self.post(f"{self.media_path}{method}", form(*fields))

    def upload_media(self, zip_file: bytes) -> RawReply:
        """Send a zip, which is not compressed again."""
        fields = [text("sk", self.host_key), text("c", "0"), payload(zip_file)]
        return self.post(f"{self.media_path}uploadChanges", form(*fields))

    # HTTP

    def post(
        self, path: str, body: bytes | Iterable[bytes], kind: str | None = content_type()
    ) -> RawReply:
        """Send a body to a path; one that is not whole goes in chunks."""
        return self.request("POST", path, body, {} if kind is None else {"Content-Type": kind})

    def request(
        self,
        verb: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> RawReply:
        """Send one request; redirects are not followed."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=REQUEST_TIMEOUT
        )
        chunked = body is not None and not isinstance(body, bytes)
        try:
            connection.request(
                verb, f"{address.path}{path}", body, headers or {}, encode_chunked=chunked
            )
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return RawReply(response.status, headers, response.read())
        finally:
            connection.close()


class Python2Client(FormClient):
    """Anki 2.0: a form without a payload lacks its closing delimiter."""

    client = PYTHON_2_0
    media_path = "msync/"

    def form(self, method: str, body: bytes | None) -> bytes:
        if body is None:
            return form(*self._keys(method), text("c", "1"), closed=False)
        return super().form(method, body)


class Rust10Client(FormClient):
    """Anki 2.1.28 to 2.1.56: payload first, a boundary of its own, no `c` and no gzip for media."""

    client = RUST_10
    media_path = "msync/"
    boundary = "1d8a1f1b7c3cf8a1-9c7f5e1a2b3c4d5e-0f1e2d3c4b5a6978-8796a5b4c3d2e1f0"

    def form(self, method: str, body: bytes | None) -> bytes:
        packed = payload(gzip.compress(b"{}" if body is None else body))
        return form(packed, text("c", "1"), *self._keys(method), boundary=self.boundary)

    def _keys(self, method: str) -> list[Part]:
        if method == "hostKey":
            return []
        return [text("k", self.host_key), text("s", self.session_key)]

    def upload(self, body: bytes) -> RawReply:
        return self.post("sync/upload", in_pieces(self.form("upload", body)))

    def begin_media(self) -> RawReply:
        version = "anki%2C2.1.49%20(7a232b70)%2Clin"
        return self.request("GET", f"msync/begin?k={self.host_key}&v={version}")

    def call_media(self, method: str, message: object) -> RawReply:
        return self._post_media(method, json.dumps(message).encode())

    def upload_media(self, zip_file: bytes) -> RawReply:
        return self._post_media("uploadChanges", zip_file)

    def _post_media(self, method: str, body: bytes) -> RawReply:
        fields = [payload(body), text("sk", self.host_key)]
        return self.post(f"msync/{method}", form(*fields, boundary=self.boundary))

    def post(self, path: str, body: bytes | Iterable[bytes], kind: str | None = None) -> RawReply:
        return super().post(path, body, kind or content_type(self.boundary))


def in_pieces(body: bytes) -> Iterator[bytes]:
    """Yield a body piece by piece, so that it is sent in chunks."""
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]
