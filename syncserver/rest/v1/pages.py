"""Long lists come in pages: each says with which cursor the next one is asked for.

A cursor names the last item of a page and where it stood, so that what is added or removed in
between neither repeats nor hides an item that stays.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from pydantic import Field

from syncserver.rest.models import Document, Query
from syncserver.rest.problems import Invalid

MOST_ITEMS: Final = 1000
CURSOR: Final = re.compile(r"([0-9]{1,12}):([0-9]{1,19})")

Item = TypeVar("Item")
Limit = Annotated[int, Field(ge=1, le=MOST_ITEMS)]


class Page(Document, Generic[Item]):
    """Some items of a list; `next` is the cursor of the following ones, null after the last."""

    items: list[Item]
    next: str | None


class PageQuery(Query):
    """Which page: the cursor that the page before it named, and how many items at most."""

    cursor: str = ""
    limit: Limit = 100


@dataclass(frozen=True, slots=True)
class IdsOfPage:
    """The ids of one page, and the cursor of the next."""

    ids: Sequence[int]
    next: str | None


def page_of_ids(ids: Sequence[int], query: PageQuery) -> IdsOfPage:
    """Return the part of an ordered list that a query asks for. Raises Invalid."""
    start = _start(ids, query.cursor)
    end = start + query.limit
    chosen = ids[start:end]
    more = end < len(ids)
    return IdsOfPage(chosen, encoded(f"{end}:{chosen[-1]}") if more else None)


def encoded(text: str) -> str:
    """Return a cursor that says `text`."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(cursor: str) -> str:
    """Return what a cursor says, empty for an empty one. Raises Invalid."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Invalid("This is no cursor of ours.") from None


def _start(ids: Sequence[int], cursor: str) -> int:
    if not cursor:
        return 0
    match = CURSOR.fullmatch(decoded(cursor))
    if match is None:
        raise Invalid("This is no cursor of ours.")
    position, last = int(match[1]), int(match[2])
    if 0 < position <= len(ids) and ids[position - 1] == last:
        return position
    try:
        return list(ids).index(last) + 1  # libanki's sequences cannot tell
    except ValueError:
        return min(position, len(ids))
