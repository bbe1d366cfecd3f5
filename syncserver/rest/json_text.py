"""JSON in and out, by simplejson."""

import re
from typing import Any, Final

import simplejson
from pydantic import BaseModel

from syncserver.rest.problems import Invalid, Malformed

# The only way to write half a character; whole ones beyond the first 65,536 are two such halves.
SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Any:
    """Return what `body` says.

    Raises Malformed for what is no JSON, NaN and infinity among it, Invalid for halves of
    characters.
    """
    try:
        value = simplejson.loads(body.decode())
    except (ValueError, RecursionError) as problem:
        # The decoder's message quotes nothing of the body but where it went wrong.
        text = "nested too deeply" if isinstance(problem, RecursionError) else str(problem)
        raise Malformed("The body is not JSON in UTF-8.", cause=text) from None
    if SURROGATE.search(body):
        _check_characters(value)
    return value


def _check_characters(value: Any) -> None:
    try:
        simplejson.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Invalid("There is half a character in a text.") from None


def text_of(value: Any) -> bytes:
    """Return `value` as JSON: documents of ours, and anything that JSON knows; NaN becomes null."""
    text: str = simplejson.dumps(value, default=_plain, ignore_nan=True, separators=(",", ":"))
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} cannot be told as JSON")
