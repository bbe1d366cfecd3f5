"""Which names a media file may have (section 6.3 of the protocol facts)."""

import unicodedata
from typing import Final

from syncserver.errors import BadRequest

MAX_NAME_BYTES: Final = 255


def check_name(name: str) -> str:
    """Return `name`, which then is one plain entry of a folder. Raises BadRequest if it is not.

    Odd names that cannot leave the folder (`con`, `a:b`, with a newline) are accepted: old clients
    have such files, and a refusal would end their media sync for good.
    """
    problem = _problem(name)
    if problem:
        raise BadRequest("A media file has an impossible name.", cause=f"{name!r:.80}: {problem}")
    return name


def is_possible_name(name: str) -> bool:
    """Tell whether a media file may have this name."""
    return not _problem(name)


def _problem(name: str) -> str:
    if name in ("", ".", ".."):
        return "not a file's name"
    if "/" in name or "\0" in name:
        return "it has a slash or a NUL"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # what Python makes of a file's name that is not UTF-8
        return "not Unicode"
    if size > MAX_NAME_BYTES:
        return f"longer than {MAX_NAME_BYTES} bytes"
    if not unicodedata.is_normalized("NFC", name):
        return "not in normal form C"
    return ""
