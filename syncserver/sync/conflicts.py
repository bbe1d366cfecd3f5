"""Count what was changed on both sides since the client's last sync, and whose version is kept.

It rides on a statement that is needed anyway; only real conflicts cost a second one.
"""

import json
from collections.abc import Mapping, Sequence

from syncserver.collections.libanki import LibankiCollection
from syncserver.sync.session import SyncSession


def count_rows(
    collection: LibankiCollection, session: SyncSession, table: str, mods: Mapping[int, int]
) -> None:
    """Count the rows of `table` that are new here, and those that were changed on both sides.

    `mods` are the times of change (seconds) of the rows that came, by their ids; to be called
    before they are merged.
    """
    if not mods:
        return
    ids = json.dumps(list(mods))
    stored, changed = collection.row(
        f"select count(), ifnull(sum({session.new_to_client}), 0) from {table}"
        " where id in (select value from json_each(?2))",
        *(session.client_usn, ids),
    )
    if session.counts is not None:
        session.counts.add(table, len(mods) - int(stored))
    if changed:
        _note_winners(session, table, mods, _changed_here(collection, session, table, ids))


def _changed_here(
    collection: LibankiCollection, session: SyncSession, table: str, ids: str
) -> Sequence[Sequence[int]]:
    return collection.rows(
        f"select id, mod from {table}"
        f" where id in (select value from json_each(?2)) and {session.new_to_client}",
        *(session.client_usn, ids),
    )


def _note_winners(
    session: SyncSession, kind: str, mods: Mapping[int, int], stored: Sequence[Sequence[int]]
) -> None:
    for row_id, stored_mod in stored:
        session.tally.note_conflict(kind, client_wins=stored_mod < mods[row_id])
