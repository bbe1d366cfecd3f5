"""Which of two versions of an object wins, as all clients and the official server have it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.errors import BadRequest
from syncserver.sync.session import SyncSession

INT64: Final = range(-(2**63), 2**63)
# Each is one query more; thousands of objects with one name would take minutes.
MOST_PLUSES: Final = "+" * 20


def incoming_wins(
    collection: LibankiCollection, session: SyncSession, table: str, incoming: dict[str, Any]
) -> bool:
    """Tell whether an incoming notetype, deck or options object replaces the stored one.

    It does when nothing is stored under its id, or what is stored is not newer; when both were
    changed in the same second the incoming one wins (section 2.5 of the protocol facts).
    """
    stored = collection.rows(
        f"select mtime_secs, usn from {table} where id = ?", object_id(incoming)
    )
    if not stored:
        return True
    stored_mod, usn = stored[0]
    wins: bool = stored_mod <= object_mod(incoming)
    if session.is_new_to_client(usn):
        session.tally.note_conflict(table, client_wins=wins)
    return wins


def less_common_name(name: str, object_id: int, is_taken: Callable[[str], bool]) -> str:
    """Return a name that a few `+` make differ from all others: with the id where many have it."""
    has_many = is_taken(name) and is_taken(name + MOST_PLUSES)
    return f"{name} {object_id}" if has_many else name


def object_id(incoming: dict[str, Any]) -> int:
    """Return the id of a notetype, deck or options object; some clients send it as a string."""
    return _integer(incoming, "id")


def object_mod(incoming: dict[str, Any]) -> int:
    """Return the modification time (seconds) of an object; some clients send it as a string."""
    return _integer(incoming, "mod")


def _integer(incoming: dict[str, Any], key: str) -> int:
    value = incoming.get(key)
    if isinstance(value, str | int) and not isinstance(value, bool):
        with suppress(ValueError):
            number = int(value)
            if number in INT64:
                return number
    raise BadRequest("An object has no usable id or time.", cause=f"{key!r} is {value!r:.80}")
