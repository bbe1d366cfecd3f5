"""Replies are recognised as whole, whichever way their length is told."""

import pytest

from bench.wire import Reply, take_reply

COUNTED = b"HTTP/1.1 409 Conflict\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n10\r\nlo, 16 bytes lon\r\n0\r\n\r\n"
)


@pytest.mark.parametrize(
    ("wire", "expected"),
    [(COUNTED, Reply(409, b"hello")), (CHUNKED, Reply(200, b"hello, 16 bytes lon"))],
)
def test_a_reply_is_taken_when_its_last_byte_is_there(wire: bytes, expected: Reply) -> None:
    received = bytearray()
    for byte in wire[:-1]:
        received.append(byte)
        assert take_reply(received) is None
    received.append(wire[-1])

    assert take_reply(received) == expected
    assert not received


def test_a_reply_without_a_body_is_whole() -> None:
    assert take_reply(bytearray(b"HTTP/1.1 403 X\r\ncontent-length: 0\r\n\r\n")) == Reply(403, b"")
