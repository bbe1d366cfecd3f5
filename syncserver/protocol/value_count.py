"""How many values does a JSON text hold? Asked before it is decoded, to bound the memory for that.

A value of two bytes becomes an object of some 75, so a limit on the bytes alone is none.
"""

from typing import Final

# Each value in a list or an object follows one of these.
PUNCTUATION: Final = (b",", b"[", b"{")
SLICE_SIZE: Final = 64 * 1024


def holds_more_values(body: bytes, most: int) -> bool:
    """Tell whether the JSON text `body` holds more than `most` values.

    Takes one quick look at nearly all bodies, and about a second for the largest; what is no JSON
    gets some answer.
    """
    return _punctuation(body) > most and _punctuation_outside_texts(body, most) > most


def _punctuation(text: bytes) -> int:
    return sum(map(text.count, PUNCTUATION))


def _punctuation_outside_texts(body: bytes, most: int) -> int:
    """Count slice by slice, until there are more than `most`: no copy of the body is made."""
    count = start = inside_text = 0
    while start < len(body) and count <= most:
        piece = _slice(body, start)
        start += len(piece)
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        count += _punctuation(b"".join(parts[inside_text::2]))
        inside_text = (inside_text + len(parts) - 1) % 2
    return count


def _slice(body: bytes, start: int) -> bytes:
    """Return the slice at `start`, which never ends between a backslash and what it escapes."""
    piece = body[start : start + SLICE_SIZE]
    backslashes = len(piece) - len(piece.rstrip(b"\\"))
    return piece[:-1] if backslashes % 2 and len(piece) > 1 else piece
