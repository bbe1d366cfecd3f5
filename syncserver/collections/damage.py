"""A collection that cannot be used: how that is noticed, and what is remembered of it.

An error of SQLite in the middle of a sync may be damage or a mistake of ours, so it is a suspicion
only, until the integrity check has found something. Nothing here changes a file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged

MOST_PROBLEMS_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a collection, in the words of SQLite or libanki."""

    problem: str
    is_certain: bool = False


def check_not_emptied(collection: Path) -> None:
    """Raise CollectionDamaged for a file without content.

    libanki would make a new collection of it, and SQLite drop the write-ahead log beside it. The
    server makes none itself: a crash of the file system does.
    """
    if collection.stat().st_size == 0:
        raise CollectionDamaged("the file is empty")


def confirm(collection: LibankiCollection) -> str | None:
    """Return what the integrity check says of an open collection, None when it is sound."""
    try:
        problems = collection.integrity_problems()
    except CollectionDamaged as problem:
        return str(problem)
    return "; ".join(problems[:MOST_PROBLEMS_NAMED]) or None
