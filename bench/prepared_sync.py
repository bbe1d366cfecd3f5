"""Whole syncs made of prepared bodies: a user with some changed notes, again and again.

What real clients send in such a sync (the settings travel along, because the client is newer); only
the usn, which grows with each sync, is put in anew.
"""

import json
import re
import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.wire import Client, NotAnswered, Reply

# Requests go out, replies come in; it ends when the sync has.
Dialogue = Generator[bytes, Reply, None]

META: Final = b'{"v":11,"cv":"26.09.3,29bb700b,linux"}'

_USN: Final = re.compile(rb'"usn": ?(\d+)')
_PLACE_OF_USN: Final = '"@usn@"'
_SECONDS_OF_A_DAY: Final = 86_400
_COUNTED_TABLES: Final = ("cards", "notes", "revlog", "graves", "notetypes", "decks", "deck_config")


@dataclass(frozen=True, slots=True)
class Content:
    """What one user's sync sends, as JSON. The usn is missing in `notes`."""

    settings: bytes
    notes: bytes
    counts: bytes


def content_of(collection: Path, changed: int) -> Content:
    """Read from a closed collection what a device would send that has changed some notes."""
    with closing(sqlite3.connect(f"file:{collection}?immutable=1", uri=True)) as database:
        # Anki's own order of names; SQLite wants to know it, and counting does not need it.
        database.create_collation("unicase", lambda one, other: (one > other) - (one < other))
        return Content(_settings(database), _notes(database, changed), _counts(database))


class SyncingUser:
    """A user of one server, whose syncs follow each other."""

    def __init__(self, client: Client, content: Content) -> None:
        self._client = client
        self._content = content
        request = client.request
        self._meta = request("meta", META)
        self._changes = request("applyChanges", content.settings)
        self._chunk = request("chunk")
        self._check = request("sanityCheck2", content.counts)
        self._finish = request("finish")

    def one_sync(self) -> Dialogue:
        """Go through one sync; raises NotAnswered when a request is refused."""
        usn = _usn(_accepted((yield self._meta)))
        _accepted((yield self._start(usn)))
        _accepted((yield self._changes))
        _accepted((yield self._chunk))
        _accepted((yield self._apply_chunk(usn)))
        checked = _accepted((yield self._check))
        if b'"ok"' not in checked.payload():
            raise NotAnswered("the sanity check failed")
        _accepted((yield self._finish))

    def _start(self, usn: bytes) -> bytes:
        # Nobody else syncs, so this device has all that the server has.
        return self._client.request("start", b'{"minUsn":%s,"lnewer":true,"graves":null}' % usn)

    def _apply_chunk(self, usn: bytes) -> bytes:
        notes = self._content.notes.replace(_PLACE_OF_USN.encode(), usn)
        return self._client.request("applyChunk", b'{"chunk":{"done":true,"notes":%s}}' % notes)


def _accepted(reply: Reply) -> Reply:
    if reply.status != 200:
        raise NotAnswered(f"status {reply.status}")
    return reply


def _usn(meta: Reply) -> bytes:
    found = _USN.search(meta.payload())
    if found is None:
        raise NotAnswered("meta has no usn")
    return found[1]


def _settings(database: sqlite3.Connection) -> bytes:
    settings = {
        key: json.loads(value) for key, value in database.execute("select key, val from config")
    }
    created = database.execute("select crt from col").fetchone()[0]
    # A device that syncs has begun its day; else the server would begin it in each of these syncs.
    settings["lastUnburied"] = int(time.time() - created) // _SECONDS_OF_A_DAY
    lists: dict[str, Sequence[object]] = {"models": [], "decks": [[], []], "tags": []}
    return json.dumps({"changes": {**lists, "conf": settings, "crt": created}}).encode()


def _notes(database: sqlite3.Connection, count: int) -> bytes:
    columns = "id, guid, mid, mod + 1, '@usn@', tags, flds, '', '', flags, data"
    rows = database.execute(f"select {columns} from notes order by id limit ?", (count,))
    return json.dumps(list(rows)).encode()


def _counts(database: sqlite3.Connection) -> bytes:
    counts = [
        database.execute(f"select count() from {table}").fetchone()[0] for table in _COUNTED_TABLES
    ]
    return json.dumps({"client": [[0, 0, 0], *counts]}).encode()
