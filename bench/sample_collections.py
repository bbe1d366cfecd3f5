"""Collections to sync: made once with the real `anki` package, and kept in a cache folder.

The large tables are filled with plain SQL, in a private file that nobody has open.
"""

import base64
import os
import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha1
from itertools import islice
from pathlib import Path
from typing import Final

from anki.collection import Collection
from rich.console import Console
from rich.progress import track

# Part of each file's name: another content needs another number.
VERSION: Final = 3
# Ids are milliseconds and times of changes are seconds; both long ago, in the year 2020.
FIRST_ID: Final = 1_600_000_000_000
CHANGED_AT: Final = 1_600_000_000
NOTES_AT_ONCE: Final = 1000
DEFAULT_DECK: Final = 1
# Notetypes of Anki, by the number of cards that each of their notes has.
NOTETYPES: Final = {1: "Basic", 2: "Basic (and reversed card)"}
# From the column `type` on; due long after today, so that syncs find nothing else to do.
A_CARD_IN_REVIEW: Final = (2, 2, 100_000, 30, 2500, 5, 0, 0, 0, 0, 0, '{"lrt":1600000000}')

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a collection holds. Its text is random, so that it hardly gets smaller by packing."""

    notes: int
    cards_per_note: int = 1
    reviews_per_card: int = 1
    text_bytes: int = 120

    @property
    def file_name(self) -> str:
        """The name of the file, which tells all of the recipe."""
        parts = (self.notes, self.cards_per_note, self.reviews_per_card, self.text_bytes)
        return f"v{VERSION}-" + "-".join(map(str, parts)) + ".anki2"


def cache_folder() -> Path:
    """Return where collections are kept and servers work: $BENCH_CACHE, or below ~/.cache."""
    given = os.environ.get("BENCH_CACHE")
    folder = Path(given) if given else Path.home() / ".cache" / "syncserver-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sample_collection(recipe: Recipe) -> Path:
    """Return the closed file of such a collection, which is made when there is none yet."""
    finished = cache_folder() / recipe.file_name
    if not finished.exists():
        unfinished = finished.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        _make(recipe, unfinished)
        unfinished.rename(finished)
    return finished


def _make(recipe: Recipe, path: Path) -> None:
    collection = Collection(str(path))
    notetype = collection.models.id_for_name(NOTETYPES[recipe.cards_per_note])
    collection.close()
    with closing(sqlite3.connect(path)) as database, database:
        _fill(database, recipe, notetype)
    # Anki folds the write-ahead log in, and would find it out if the tables were wrong.
    Collection(str(path)).close()


def _fill(database: sqlite3.Connection, recipe: Recipe, notetype: object) -> None:
    numbers = iter(range(recipe.notes))
    batches = -(-recipe.notes // NOTES_AT_ONCE)
    title, console = f"making a collection of {recipe.notes:,} notes", Console(stderr=True)
    for _batch in track(range(batches), title, console=console, transient=True):
        for number in islice(numbers, NOTES_AT_ONCE):
            _insert(database, "notes", [_note(number, notetype, recipe.text_bytes)])
            _insert(database, "cards", _cards(number, recipe))
            _insert(database, "revlog", _reviews(number, recipe))
    # As clients do before they upload: who has synced up to this number has all of the rows.
    database.execute("update col set usn = 1")


def _insert(database: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    if rows:
        places = ", ".join("?" * len(rows[0]))
        database.executemany(f"insert into {table} values ({places})", rows)


def _note(number: int, notetype: object, text_bytes: int) -> Row:
    front = f"note {number}"
    fields = f"{front}\x1f{_random_text(number, text_bytes)}"
    checksum = int(sha1(front.encode()).hexdigest()[:8], 16)  # noqa: S324 - what Anki stores
    identifier = FIRST_ID + number
    return (
        identifier,
        f"bench{number}",
        notetype,
        CHANGED_AT,
        0,
        "",
        fields,
        front,
        checksum,
        0,
        "",
    )


def _cards(number: int, recipe: Recipe) -> list[Row]:
    return [
        (identifier, FIRST_ID + number, DEFAULT_DECK, template, CHANGED_AT, 0, *A_CARD_IN_REVIEW)
        for template, identifier in enumerate(_card_ids(number, recipe))
    ]


def _card_ids(number: int, recipe: Recipe) -> range:
    first = FIRST_ID + number * recipe.cards_per_note
    return range(first, first + recipe.cards_per_note)


def _reviews(number: int, recipe: Recipe) -> list[Row]:
    per_card = recipe.reviews_per_card
    return [
        (FIRST_ID + (card - FIRST_ID) * per_card + turn, card, 0, 3, 30, 20, 2500, 5000, 1)
        for card in _card_ids(number, recipe)
        for turn in range(per_card)
    ]


def _random_text(seed: int, size: int) -> str:
    # Three bytes become four letters.
    random_bytes = random.Random(seed).randbytes(size * 3 // 4)  # noqa: S311 - no secret
    return base64.b64encode(random_bytes).decode()
