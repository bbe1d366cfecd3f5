"""All that people own in a collection, in a form that two sides can be compared by.

Left out is what differs rightfully between devices in step with each other: update sequence
numbers, the time of the last sync, graves (a device drops its own when it replaces the server's
collection), and whether a tag is folded in the browser, which is not synced.
"""

import json
from collections.abc import Callable
from typing import Any

from anki.collection import Collection
from anki.dbproxy import DBProxy

Contents = dict[str, Any]

QUERIES = {
    "stamps": "select crt, scm from col",
    "notes": "select id, guid, mid, mod, tags, flds, cast(sfld as text), csum, flags, data"
    " from notes order by id",
    "cards": "select id, nid, did, ord, mod, type, queue, due, ivl, factor, reps, lapses, left,"
    " odue, odid, flags, data from cards order by id",
    "revlog": "select id, cid, ease, ivl, lastIvl, factor, time, type from revlog order by id",
    "tags": "select tag from tags order by tag",
}


def contents(col: Collection) -> Contents:
    """Return everything in the collection that devices in step with each other share."""
    assert col.db is not None, "the collection is closed"
    return {
        **{name: col.db.all(query) for name, query in QUERIES.items()},
        "notetypes": _objects(col.db, "notetypes", col._backend.get_notetype_legacy),
        "decks": _objects(col.db, "decks", col._backend.get_deck_legacy),
        "options": _objects(col.db, "deck_config", col._backend.get_deck_config_legacy),
        "config": col.all_config(),
    }


def _objects(db: DBProxy, table: str, read: Callable[[int], bytes]) -> list[dict[str, Any]]:
    objects = [json.loads(read(row)) for row in db.list(f"select id from {table} order by id")]
    return [{key: value for key, value in one.items() if key != "usn"} for one in objects]
