"""A device is about to delete much: what is stored is kept before, while the device waits.

Deletions come first in a sync, before anything else is merged, in parts. When they have become
many, those which were applied are undone, and repeated afterwards; in between the collection file
is what it was before the sync, and can be copied.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from syncserver import one_processor
from syncserver.collections.lease import Lease
from syncserver.collections.libanki import LibankiCollection
from syncserver.protocol.messages import Graves
from syncserver.sync.graves import delete
from syncserver.sync.session import current_session
from syncserver.sync.start import begin_transaction

# Whatever the options say: so many are remembered at most, to be repeated.
ALWAYS_BULK: Final = 10_000
# Fewer are no bulk, even if they are half of a collection.
NEVER_BULK: Final = 10


@dataclass(frozen=True, slots=True)
class Policy:
    """How many deletions are a bulk, and what keeps the file of a closed collection before one."""

    limit: int
    keep: Callable[[Lease], None]


def keep_before_start(lease: Lease, graves: Graves, policy: Policy) -> None:
    """Keep what is stored if this much is to be deleted by a sync that has not begun."""
    if _is_bulk(lease.collection, [graves], policy.limit):
        _keep(lease, policy)


def keep_before_more(lease: Lease, graves: Graves, policy: Policy) -> None:
    """Keep what was stored before the sync in progress, once with these its deletions are a bulk.

    Nothing is kept of a sync that has merged something else already, which no client does.
    """
    session = current_session(lease)
    if not session.may_begin_again:
        return
    if _is_bulk(lease.collection, [*session.deletions, graves], policy.limit):
        _keep(lease, policy)
        begin_transaction(lease.collection)
        for earlier in session.deletions:
            delete(lease.collection, session.server_usn, earlier)
        session.may_begin_again = False


def _keep(lease: Lease, policy: Policy) -> None:
    one_processor.spread()
    lease.close_file()
    policy.keep(lease)


def _is_bulk(collection: LibankiCollection, parts: Sequence[Graves], limit: int) -> bool:
    """Tell whether these are many of one kind, or half of the cards of a small collection."""
    kinds = ((len(part.notes), len(part.cards), len(part.decks)) for part in parts)
    deleted = max(map(sum, zip(*kinds, strict=True)))
    if deleted >= min(limit, ALWAYS_BULK):
        return True
    if deleted < NEVER_BULK:
        return False
    # No more of them are counted than are needed to tell.
    sql = "select count() from (select 1 from cards limit ?)"
    return bool(collection.scalar(sql, 2 * deleted + 1) <= 2 * deleted)
