"""`start`: open the transaction of a sync, reserve the collection, exchange deletions."""

from syncserver.collections.lease import Lease
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.slot import Caller
from syncserver.errors import SyncConflict
from syncserver.protocol.messages import Graves, StartRequest
from syncserver.sync.graves import apply_graves, collect_graves
from syncserver.sync.row_counts import trusted_counts
from syncserver.sync.session import SyncSession


def start(lease: Lease, caller: Caller, request: StartRequest) -> Graves:
    """Begin a sync for `caller` and return the server's deletions that are new to it.

    The server's deletions are collected before the client's are applied, so that none is echoed.
    Raises SyncConflict when the collection was replaced since this caller's `meta`: its decision
    to merge was made for another collection (section 2.10 of the protocol facts).
    """
    if lease.schema_told(caller) != lease.committed.schema_modified:
        raise SyncConflict("The collection was replaced in the meantime; sync again.")
    session = SyncSession(
        server_usn=lease.committed.usn,
        client_usn=request.minUsn,
        client_is_newer=request.lnewer,
    )
    collection = lease.collection
    session.counts = trusted_counts(collection)
    begin_transaction(collection)
    graves = collect_graves(collection, session)
    if request.graves is not None:
        apply_graves(collection, session, request.graves)
    lease.reserve(caller, session)
    return graves


def begin_transaction(collection: LibankiCollection) -> None:
    """Open the transaction of a sync, with what every sync begins with."""
    collection.begin()
    collection.restore_buried_cards()
