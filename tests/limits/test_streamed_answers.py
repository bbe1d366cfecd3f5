"""A place is held until the last byte of an answer is sent, or until nobody wants it any more."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from webob import Request, Response

from syncserver.limits.admission import Admission
from syncserver.settings import Settings
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.request_chain import RequestChain, RequestContext


class Streaming:
    """An app whose answers come in three parts, and that has one place."""

    def __init__(self, folder: Path) -> None:
        self.closed = 0
        admission = Admission(Settings(data_root=folder, max_requests=1))
        self._chain = RequestChain(self._view, TrustedProxies(()), admission)

    def _view(self, _request: Request, _context: RequestContext) -> Response:
        return Response(status=200, app_iter=self._parts())

    def _parts(self) -> Iterator[bytes]:
        try:
            yield from (b"one", b"two", b"three")
        finally:
            self.closed += 1

    def call(self) -> Iterable[bytes]:
        return self._chain(Request.blank("/", body_file=io.BytesIO()).environ, lambda *_: None)

    def status(self) -> str:
        """Ask once more, take no answer, and return the status."""
        statuses: list[str] = []

        def start(status: str, _headers: Any) -> None:
            statuses.append(status)

        answer = self._chain(Request.blank("/").environ, start)
        getattr(answer, "close", lambda: None)()
        return statuses[0]

    def has_room(self) -> bool:
        return self.status() == "200 OK"


@pytest.fixture
def app(tmp_path: Path) -> Streaming:
    return Streaming(tmp_path)


def test_it_is_held_while_parts_are_to_come(app: Streaming) -> None:
    parts = iter(app.call())
    assert next(parts) == b"one"
    assert app.status() == "503 Service Unavailable"
    assert list(parts) == [b"two", b"three"]
    assert app.has_room()


def test_it_is_given_back_when_an_answer_is_given_up(app: Streaming) -> None:
    answer = app.call()
    assert next(iter(answer)) == b"one"
    answer.close()  # type: ignore[attr-defined]
    assert app.closed == 1
    assert app.has_room()


def test_it_is_given_back_when_an_answer_was_never_begun(app: Streaming) -> None:
    app.call().close()  # type: ignore[attr-defined]
    assert app.has_room()


def test_it_is_given_back_by_a_server_that_forgets_to_close(app: Streaming) -> None:
    answer = app.call()
    assert next(iter(answer)) == b"one"
    del answer
    assert app.closed == 1
    assert app.has_room()
