"""Complete a note's row: what clients leave empty is computed here as they would compute it."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.errors import BadRequest
from syncserver.protocol.messages import NoteRow
from syncserver.sync.long_texts import without
from syncserver.sync.notetypes import note_layouts
from syncserver.sync.session import SyncSession
from syncserver.sync.tags import note_tags

FIELD_SEPARATOR: Final = "\x1f"
# ASCII control characters but tab, newline and the separator of fields.
NOT_IN_FIELDS: Final = re.compile("[\x00-\x08\x0b-\x1e\x7f]")
CHECKSUM_BYTES: Final = 4


def complete_note_rows(
    collection: LibankiCollection, session: SyncSession, notes: Iterable[NoteRow]
) -> Iterator[list[Any]]:
    """Yield each note with the sort field, the checksum and the session's server usn.

    Raises BadRequest when the notetype is not stored or the number of fields is not its own: such
    a note would make every client fail later.
    """
    for note_id, guid, notetype_id, mod, _usn, tags, joined_fields, *_empty in notes:
        if not session.layouts:
            session.layouts = note_layouts(collection)
        layout = session.layouts.get(notetype_id)
        # Counted first: a text of nothing but separators would become millions of fields.
        field_count = joined_fields.count(FIELD_SEPARATOR) + 1
        if layout is None or layout.field_count != field_count:
            raise BadRequest(
                "A note does not fit its notetype.",
                cause=f"note {note_id} has {field_count} fields; notetype {notetype_id}: {layout}",
            )
        fields = without(NOT_IN_FIELDS, joined_fields).split(FIELD_SEPARATOR)
        first = _as_shown(collection, fields[0])
        sort_field = _sort_field(collection, fields, layout.sort_field, first)
        yield [
            *(note_id, guid, notetype_id, mod, session.server_usn, note_tags(tags)),
            *(FIELD_SEPARATOR.join(fields), sort_field, _checksum(first), 0, ""),
        ]


def _sort_field(collection: LibankiCollection, fields: list[str], position: int, first: str) -> str:
    if position == 0:
        return first
    return _as_shown(collection, fields[position]) if position < len(fields) else ""


def _as_shown(collection: LibankiCollection, field: str) -> str:
    """Return a field without its HTML; most fields have none, which is cheap to see."""
    return collection.strip_html(field) if "<" in field or "&" in field else field


def _checksum(text: str) -> int:
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:CHECKSUM_BYTES], "big")
