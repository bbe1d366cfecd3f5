"""The forms of protocol versions 8 to 10, which also carry bodies of any size to prove that they pass.

The server reads a form whole before it looks at the key in it, and the key stands at its end: only
when every byte has arrived is the answer "403, unknown key", and nothing is stored or counted.
"""

import gzip
import json
from collections.abc import Iterator
from typing import Final

from syncserver.control.doctor.exchange import Request

BOUNDARY: Final = "doctor5dde5b73c0ffee"
CONTENT_TYPE: Final = f"multipart/form-data; boundary={BOUNDARY}"
PIECE: Final = bytes(256 * 1024)
# Nobody's: real keys are random.
UNKNOWN_KEY: Final = "the-doctor-asks-without-a-key"


def old_style(path: str, payload: object, key: str, session: str = "doctor") -> Request:
    """Return a request as clients before 2.1.57 send it, with its length."""
    fields = {"k": key, "s": session, "c": "1"}
    data = gzip.compress(json.dumps(payload).encode())
    body = b"".join([*(_field(*pair) for pair in fields.items()), _head_of_data(), data, _end()])
    return Request("POST", path, {"Content-Type": CONTENT_TYPE}, body)


def large_form(path: str, size: int, seconds: float) -> Request:
    """Return a request with `size` bytes of nothing in chunks, and the unknown key behind them."""
    return Request("POST", path, {"Content-Type": CONTENT_TYPE}, _large_body(size), seconds=seconds)


def _large_body(size: int) -> Iterator[bytes]:
    yield _field("c", "0") + _head_of_data()
    left = size
    while left > 0:
        yield PIECE[: min(left, len(PIECE))]
        left -= len(PIECE)
    yield b"\r\n" + _field("k", UNKNOWN_KEY) + _end(first=True)


def _field(name: str, value: str) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return f"{head}{value}\r\n".encode()


def _head_of_data() -> bytes:
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="data"; filename="data"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()


def _end(*, first: bool = False) -> bytes:
    before = "" if first else "\r\n"
    return f"{before}--{BOUNDARY}--\r\n".encode()
