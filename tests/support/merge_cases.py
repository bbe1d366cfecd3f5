"""What an imagined client sends to a server that holds the seasoned collection.

One object for each case of the merge rules (section 2.5 and 2.7 of the protocol facts): new,
newer, equally old, older, renamed, of a name that is taken, oddly spelled, with unknown keys.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from anki.collection import Collection

from tests.support.seasoned_collection import CLIENT_USN, PAST, PAST_MS, REVERSED
from tests.support.stored_files import Row, copy_of, read_tables

Json = dict[str, Any]

UNKNOWN = {"unknownKey": {"kept": [1, 2.5, None, "ü"]}}
# Takes the place of the update sequence number until a sync stamps what it sends.
NOT_STAMPED = -1
# In which column of a row it stands.
USN_COLUMN = {"revlog": 2, "cards": 5, "notes": 4}
# Ids of objects that only the client has.
NEW_ID = PAST_MS + 77_000_000
ROWS_IN_CHUNK = 100

TAGS = [
    "new",
    "plain",
    "PARENT::child::grandchild",
    "parent::Other",
    " spaced out ",
    "wide\u3000space",
    "control\x07character",
    "Zoe\u0308",
    "ZOË",
    "::leading",
    "trailing::",
    "a::::b",
    "",
    "::",
    "new",
    "New::Child",
    "emoji🦉",
    "apostrophe'",
]

# First fields that the derived columns are hard to compute for.
FIELDS = [
    "12",
    " 5",
    "007",
    "1e3",
    "1.50",
    "-0",
    "0x10",
    "9223372036854775807",
    "9223372036854775808",
    "12345678901234567890123",
    "٤٢",
    "inf",
    "nan",
    "",
    "   ",
    "<b>bold</b> text",
    "a &amp; b &lt;c&gt; &eacute; &#9731; &#x2603;",
    "non&nbsp;break",
    "R&D",
    "&apos;quoted&apos;",
    "&AMP; &lt",
    "&bogus; &amp;",
    '<img src="a b.jpg">',
    "<IMG SRC='Ä.png' alt=x>after",
    "<img alt='src=wrong.jpg' src=right.jpg>",
    "<video src=v.mp4></video><audio src='a.mp3'>",
    '<object data="thing.svg">x</object>',
    "[sound:a.mp3] text",
    "before<!-- comment\n --> <style>b { }</style><script>x()</script>after",
    "a<br>b<div>c</div>",
    "unclosed <b",
    "line\nbreak\ttab\r",
    "control\x00\x01\x07\x1b\x7f\x85end",
    "e\u0301 not normalised \ufb01",
    "\u200bzero\ufeffwidth",
    "🦉 👩‍👩‍👧‍👦",
    "x" * 5000,
]

CARD_DATA = [
    "",
    "{}",
    '{"pos":5}',
    '{"pos":5,"s":12.3456789,"d":5.67891,"dr":0.9}',
    '{"s":1.0,"d":2.0,"dr":0.876543,"decay":0.154321,"lrt":1700000000}',
    '{"cd":"{\\"own\\":1}"}',
    '{"unknown":1,"pos":7}',
    "not json",
    "[]",
    "null",
    '{"pos":"seven"}',
    '{"pos":-1}',
    '{ "pos" : 3 }',
]

REVLOG_TYPES = [0, 1, 2, 3, 4, 5, 6, 99, 255]


class MergeCases:
    """The objects and rows to send, made from those that the server holds."""

    def __init__(self, collection: Path, folder: Path) -> None:
        copy = copy_of(collection, folder)
        self.tables = read_tables(copy)
        col = Collection(str(copy))
        self._notetypes = _objects(col, "notetypes", col._backend.get_notetype_legacy)
        self._decks = _objects(col, "decks", col._backend.get_deck_legacy)
        self._options = _objects(col, "deck_config", col._backend.get_deck_config_legacy)
        self.config = col.all_config()
        col.close()

    def notetype(self, name: str) -> Json:
        """Return the notetype of that name, as the server holds it."""
        return self._notetypes[name]

    def deck(self, name: str) -> Json:
        """Return the deck of that name, as the server holds it."""
        return self._decks[name]

    def deck_options(self, name: str) -> Json:
        """Return the deck options of that name, as the server holds them."""
        return self._options[name]

    def changes(self) -> Json:
        """Return what `applyChanges` carries, without the parts that only a newer client sends."""
        decks = [list(self.decks()), list(self.options())]
        return {"models": list(self.notetypes()), "decks": decks, "tags": TAGS}

    def notetypes(self) -> Iterator[Json]:
        """Yield one notetype for each case."""
        basic, cloze, typing = (
            self._notetypes[name] for name in ("Basic", "Cloze", "Basic (type in the answer)")
        )
        yield _newer(basic, name="Basic renamed", css="newer", **UNKNOWN)
        yield {**cloze, "css": "as old as the stored one"}
        yield _older(typing, css="older: to be ignored", name="ignored")
        yield _newer(cloze, id=NEW_ID + 1, name="cLOZE")
        yield _newer(basic, id=NEW_ID + 2, name='"Quoted" ünï', sortf=1)
        yield _newer(basic, id=str(NEW_ID + 3), name="Id as text")
        yield _newer(basic, id=NEW_ID + 4, name="\u212bngstro\u0308m")
        with_parts = _newer(self._notetypes[REVERSED], css="changed inside")
        # More than one unknown key in an object would be stored in an order made by chance.
        with_parts["flds"] = [
            {**with_parts["flds"][0], **UNKNOWN},
            {**with_parts["flds"][1], "media": []},
        ]
        with_parts["flds"][0].update(name="Renamed", sticky=1, description="ü", size=0)
        with_parts["tmpls"] = [{**one, **UNKNOWN, "did": "x"} for one in with_parts["tmpls"]]
        with_parts["tmpls"][0].update(qfmt="{{Back}} changed", name="Renamed", did=None)
        yield with_parts
        defaults = _newer(basic, id=NEW_ID + 5, name="Falls back", css=5, req="x", latexsvg=[])
        yield {**defaults, "did": "none"}

    def decks(self) -> Iterator[Json]:
        """Yield one deck for each case."""
        default, french = self._decks["Default"], self._decks["Languages::French"]
        yield _newer(french, name="Languages::Français", desc="newer", **UNKNOWN)
        yield {**self._decks["Doomed"], "desc": "as old as the stored one"}
        yield _older(self._decks["Ünïcode 🦉"], desc="older: to be ignored", name="ignored")
        yield _newer(default, id=NEW_ID + 11, name="LANGUAGES::german")
        yield _newer(default, id=NEW_ID + 12, name="lANGUAGES::gERMAN")
        yield _newer(default, id=NEW_ID + 13, name=" :odd: :: \x07bell ::::e\u0301\u0000")
        yield _newer(default, id=NEW_ID + 14, name="Without a parent::Child")
        yield _newer(default, id=str(NEW_ID + 15), name="Id as text", mod=str(PAST + 5000))
        yield _newer(default, id=NEW_ID + 16, name="Conf as text", conf="1", dyn=False)
        yield _newer(default, id=NEW_ID + 17, name="Counts", newToday=[3, 4], revToday=[2, 9])
        yield _newer(default, id=NEW_ID + 18, name="Extends", extendNew=-5, extendRev=-6)
        yield _newer(default, id=NEW_ID + 19, name="Limits", newLimit=3, reviewLimit=None, md=True)
        yield _newer(
            self._decks["Cramming"], terms=[["tag:x", 5, 1], ["tag:y", 6, 2]], resched=False
        )
        filtered = {**self._decks["Cramming"], "delays": [1.0, 10.0], "return": True}
        yield _newer(filtered, id=NEW_ID + 20, name="Another filtered")
        yield _newer(self._decks["To be renamed"], name="")

    def options(self) -> Iterator[Json]:
        """Yield one group of deck options for each case."""
        default, slow, fast = (self._options[name] for name in ("Default", "Slow", "Fast"))
        yield _newer(default, name="Renamed", maxTaken=33, **UNKNOWN)
        yield {**slow, "timer": 1}
        yield _older(fast, name="older: to be ignored")
        yield _newer(default, id=NEW_ID + 31, name="slow")
        old = json.loads(json.dumps(_newer(default, id=str(NEW_ID + 32), name="Old client")))
        old["new"]["ints"] = [1, 4]
        old["rev"].update(UNKNOWN)
        del old["desiredRetention"]
        yield old
        yield _newer(default, id=NEW_ID + 33, name="Falls back", lapse="x", rev=None, new=7)
        yield _newer(default, id=NEW_ID + 34, name="Floats", desiredRetention=0.871234567)

    def chunks(self) -> list[Json]:
        """Return what the `applyChunk` requests carry, in their order."""
        rows = [
            *(("revlog", row) for row in self.revlog()),
            *(("cards", row) for row in self.cards()),
            *(("notes", row) for row in self.notes()),
        ]
        pieces = [
            rows[start : start + ROWS_IN_CHUNK] for start in range(0, len(rows), ROWS_IN_CHUNK)
        ]
        chunks: list[Json] = [{"done": piece is pieces[-1]} for piece in pieces]
        for chunk, piece in zip(chunks, pieces, strict=True):
            for table, row in piece:
                chunk.setdefault(table, []).append(row)
        return chunks

    def notes(self) -> Iterator[list[Any]]:
        """Yield note rows: changed ones of every age, then new ones with fields of every kind."""
        for row in _conflicting(self.tables["notes"]):
            values = {**row, "flds": row["flds"].replace("front", "sent"), "tags": " b  a\u3000B b"}
            yield _note_row(values)
        mid, by_second_field = self._notetypes["Basic"]["id"], NEW_ID + 2
        for number, text in enumerate(FIELDS):
            new = {"id": NEW_ID + 100 + number, "guid": f"new{number}", "mod": PAST, "tags": ""}
            yield _note_row({**new, "mid": mid, "flds": f"{text}\x1fback"})
            new = {**new, "id": NEW_ID + 200 + number, "guid": f"second{number}"}
            yield _note_row({**new, "mid": by_second_field, "flds": f"front\x1f{text}"})

    def cards(self) -> Iterator[list[Any]]:
        """Yield card rows: changed ones of every age, then new ones with data of every kind."""
        for row in _conflicting(self.tables["cards"]):
            yield list({**row, "flags": 3, "due": 77}.values())
        some = self.tables["cards"][0]
        for number, data in enumerate(CARD_DATA):
            yield list({**some, "id": NEW_ID + 300 + number, "data": data}.values())
        floats = {"mod": PAST + 0.7, "due": 12.9, "ivl": 3.7, "odue": 4.2}
        yield list({**some, **floats, "id": NEW_ID + 400}.values())
        negative = {"due": -12.9, "ivl": -3.7, "odue": -4.2}
        yield list({**some, **negative, "id": NEW_ID + 401}.values())
        lowest = {"ord": 0, "type": 0, "queue": -3, "due": -(2**31), "odue": -(2**31), "ivl": -1}
        yield list({**some, **lowest, "id": NEW_ID + 402}.values())
        highest = {"ord": 65535, "factor": 65535, "flags": 255, "reps": 2**32 - 1}
        highest |= {"type": 3, "queue": 4, "due": 2**31 - 1, "left": 2**32 - 1, "ivl": 2**32 - 1}
        yield list({**some, **highest, "id": NEW_ID + 403}.values())
        yield list({**some, "id": NEW_ID + 404, "nid": 1, "did": 2}.values())

    def revlog(self) -> Iterator[list[Any]]:
        """Yield reviews: known ones, which stay as they are, and new ones of every kind."""
        for row in self.tables["revlog"][:20]:
            yield list({**row, "ease": 1, "time": 1}.values())
        some = self.tables["revlog"][0]
        for number, kind in enumerate(REVLOG_TYPES):
            yield list({**some, "id": NEW_ID + 500 + number, "type": kind}.values())
        floats = {"ivl": -1.9, "lastIvl": 2.9, "factor": 2500.5, "time": 1234.5}
        yield list({**some, **floats, "id": NEW_ID + 600}.values())
        yield list({**some, "id": NEW_ID + 601, "ease": 255, "cid": 5, "time": 0}.values())


def stamped_changes(changes: Json, usn: int) -> Json:
    """Return the changes with the number that `meta` told, as clients send them."""
    decks = [[{**one, "usn": usn} for one in objects] for objects in changes["decks"]]
    models = [{**one, "usn": usn} for one in changes["models"]]
    return {**changes, "models": models, "decks": decks}


def stamped_chunk(chunk: Json, usn: int) -> Json:
    """Return the chunk with the number that `meta` told in all its rows, as clients send them."""
    stamped = dict(chunk)
    for table, column in USN_COLUMN.items():
        if table in chunk:
            stamped[table] = [[*row[:column], usn, *row[column + 1 :]] for row in chunk[table]]
    return stamped


def _objects(col: Collection, table: str, read: Callable[[int], bytes]) -> dict[str, Json]:
    assert col.db is not None
    objects = [json.loads(read(one)) for one in col.db.list(f"select id from {table}")]
    return {one["name"]: one for one in objects}


def _newer(one: Json, **changed: Any) -> Json:
    return {**one, "mod": PAST + 5000, **changed}


def _older(one: Json, **changed: Any) -> Json:
    return {**one, "mod": one["mod"] - 1, **changed}


def _conflicting(rows: list[Row]) -> Iterator[Row]:
    """Yield rows older, as old and newer than stored ones that are new to the client or not."""
    for position, row in enumerate(rows[:180]):
        shift = (-1, 0, 1)[position % 3]
        yield {**row, "mod": row["mod"] + shift}
    assert {row["usn"] < CLIENT_USN for row in rows[:180]} == {True, False}


def _note_row(row: Row) -> list[Any]:
    columns = ("id", "guid", "mid", "mod", "usn", "tags", "flds")
    return [{"usn": NOT_STAMPED, **row}[column] for column in columns] + ["", "", 0, ""]
