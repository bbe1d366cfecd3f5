"""JSON in and out, by simplejson."""

from typing import Any, Final

import simplejson
from pydantic import BaseModel

from syncserver.rest.problems import Malformed

# How the escapes of characters that JSON writes in two halves begin.
HALF_CHARACTER: Final = rb"\ud"


def parse(body: bytes) -> Any:
    """Return what `body` says. Raises Malformed for what is no JSON, NaN and infinity among it."""
    try:
        value = simplejson.loads(body.decode())
        if HALF_CHARACTER in body.lower():
            # An escape for half of a character has no UTF-8: nothing can be stored under it.
            simplejson.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        # The decoder's message quotes nothing of the body but where it went wrong.
        text = "nested too deeply" if isinstance(problem, RecursionError) else str(problem)
        raise Malformed("The body is not JSON in UTF-8.", cause=text) from None
    return value


def text_of(value: Any) -> bytes:
    """Return `value` as JSON: documents of ours, and anything that JSON knows; NaN becomes null."""
    text: str = simplejson.dumps(value, default=_plain, ignore_nan=True, separators=(",", ":"))
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} cannot be told as JSON")
