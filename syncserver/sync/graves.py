"""Deletions: collect the server's for the client, apply the client's to the collection."""

from typing import Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.protocol.messages import Graves
from syncserver.sync.session import SyncSession

CARD: Final = 0
NOTE: Final = 1
DECK: Final = 2


def collect_graves(collection: LibankiCollection, session: SyncSession) -> Graves:
    """Return what was deleted on the server since the client's last sync."""
    graves = Graves(cards=[], decks=[], notes=[])
    ids_of = {CARD: graves.cards, NOTE: graves.notes, DECK: graves.decks}
    sql = f"select oid, type from graves where {session.new_to_client}"
    for object_id, kind in collection.rows(sql, session.client_usn):
        if kind in ids_of:
            ids_of[kind].append(object_id)
            session.tally.sent["graves"] += 1
    return graves


def delete(collection: LibankiCollection, usn: int, graves: Graves) -> None:
    """Delete objects, and give each a grave with this usn."""
    for table, kind, ids in (
        ("notes", NOTE, graves.notes),
        ("cards", CARD, graves.cards),
        ("decks", DECK, graves.decks),
    ):
        collection.execute_many(f"delete from {table} where id = ?", [[oid] for oid in ids])
        collection.execute_many(
            "insert or ignore into graves (oid, type, usn) values (?, ?, ?)",
            [[oid, kind, usn] for oid in ids],
        )


def apply_graves(collection: LibankiCollection, session: SyncSession, graves: Graves) -> None:
    """Delete what the client deleted, each object by itself, and remember that for other devices.

    Nothing cascades: the cards of a deleted note come with ids of their own (section 2.4 of the
    protocol facts). An id that is not stored still gets a grave, and an older grave stays.
    """
    delete(collection, session.server_usn, graves)
    if session.may_begin_again:
        session.deletions.append(graves)
    if graves.notes or graves.cards:
        session.counts = None  # an id may be given twice, or not be stored
    session.objects_stale = session.objects_stale or bool(graves.decks)
    session.tally.received["graves"] += len(graves.notes) + len(graves.cards) + len(graves.decks)
