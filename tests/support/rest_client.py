"""A program that uses the API: plain requests with a token, JSON in and out."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

REQUEST_TIMEOUT = 60.0


@dataclass(frozen=True)
class RestReply:
    """What came back; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The last word of the problem's type, empty if it is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return str(self.json["type"]).rpartition(":")[2]


@dataclass(frozen=True)
class RestClient:
    """A program with a token, or with none."""

    url: str
    token: str = ""

    def call(
        self,
        verb: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> RestReply:
        """Send one request; `body` is sent as JSON, bytes as they are."""
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        return self._send(verb, path, body, sent)

    def ok(self, verb: str, path: str, body: object = None) -> Any:
        """Send one request that must succeed, and return the JSON of the answer, None if empty."""
        reply = self.call(verb, path, body)
        assert reply.status < 300, f"{verb} {path}: {reply.status} {reply.body!r}"
        return reply.json if reply.body else None

    def collection(self, user: str, operation: str, data: object = None) -> Any:
        """Call one of the ancestor's operations, which must succeed."""
        return self.ok(
            "POST", f"/collection/{quote(user)}/{quote(operation)}", {} if data is None else data
        )

    def _send(
        self, verb: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> RestReply:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=REQUEST_TIMEOUT
        )
        try:
            connection.request(verb, path, body, dict(headers))
            answer = connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return RestReply(answer.status, received, answer.read())
        finally:
            connection.close()
