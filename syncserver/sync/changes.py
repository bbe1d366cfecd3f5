"""`applyChanges`: exchange notetypes, decks, deck options, tags and the configuration."""

import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import Rejected
from syncserver.errors import BadRequest
from syncserver.protocol.messages import Changes
from syncserver.sync.merge_rules import incoming_wins, less_common_name, object_id, object_mod
from syncserver.sync.notetypes import merge_notetype
from syncserver.sync.session import SyncSession
from syncserver.sync.tags import merge_tags

# What libanki derives the day and its turn from, once for as long as a collection is open.
TIMING_SETTINGS: Final = ("schedVer", "creationOffset", "localOffset", "rollover")
# The core writes the hour of the day's turn into collections that have none; 4 is what none means.
TIMING_DEFAULTS: Final = {"rollover": msgspec.Raw(b"4")}
KEYS: Final = {"notetypes": "id", "decks": "id", "deck_config": "id", "tags": "tag"}


def exchange_changes(
    collection: LibankiCollection, session: SyncSession, received: Changes
) -> dict[str, Any]:
    """Return the server's changes, gathered before the client's are merged.

    Raises BadRequest when one of the client's objects cannot be merged.
    """
    session.may_begin_again = False
    sent = _gather(collection, session)
    _merge(collection, session, received)
    return sent


def _gather(collection: LibankiCollection, session: SyncSession) -> dict[str, Any]:
    new = _new_objects(collection, session)
    changes: dict[str, Any] = {
        "models": [msgspec.Raw(collection.notetype_json(oid)) for oid in new["notetypes"]],
        "decks": [
            [msgspec.Raw(collection.deck_json(oid)) for oid in new["decks"]],
            [msgspec.Raw(collection.deck_options_json(oid)) for oid in new["deck_config"]],
        ],
        "tags": new["tags"],
    }
    if not session.client_is_newer:
        changes["conf"] = msgspec.Raw(collection.config_json())
        changes["crt"] = collection.scalar("select crt from col")
    session.tally.sent.update({table: len(keys) for table, keys in new.items() if keys})
    return changes


def _new_objects(collection: LibankiCollection, session: SyncSession) -> dict[str, list[Any]]:
    """Return the keys of the objects that are new to the client, by table."""
    new: dict[str, list[Any]] = {table: [] for table in KEYS}
    selects = [
        f"select '{table}', {key} from {table} where {session.new_to_client}"
        for table, key in KEYS.items()
    ]
    for table, key in collection.rows(" union all ".join(selects), session.client_usn):
        new[table].append(key)
    return new


def _merge(collection: LibankiCollection, session: SyncSession, received: Changes) -> None:
    decks, deck_options = received.decks
    for notetype in received.models:
        merge_notetype(collection, session, notetype)
    try:
        for deck in decks:
            _merge_deck(collection, session, deck)
        for options in deck_options:
            _merge_deck_options(collection, session, options)
    except Rejected as problem:
        raise BadRequest("A deck or its options cannot be read.", cause=str(problem)) from problem
    merge_tags(collection, session, received.tags)
    if received.crt is not None:
        _replace_creation_time(collection, session, received.crt)
    if received.conf is not None:
        _replace_config(collection, session, received.conf)
    if received.models or decks or deck_options:
        session.objects_stale = True
    _tally(session, received)


def _tally(session: SyncSession, received: Changes) -> None:
    decks, deck_options = received.decks
    for kind, objects in (
        ("notetypes", received.models),
        ("decks", decks),
        ("deck_config", deck_options),
        ("tags", received.tags),
    ):
        if objects:
            session.tally.received[kind] += len(objects)


def _merge_deck(collection: LibankiCollection, session: SyncSession, deck: dict[str, Any]) -> None:
    if incoming_wins(collection, session, "decks", deck):
        # libanki renames the deck if another one has its name, as the official merge does.
        collection.put_deck(
            deck
            | {"id": object_id(deck), "usn": session.server_usn}
            | _less_common_deck_name(collection, deck)
        )


def _less_common_deck_name(collection: LibankiCollection, deck: dict[str, Any]) -> dict[str, str]:
    name, deck_id = deck.get("name"), object_id(deck)
    if not isinstance(name, str):
        return {}  # which libanki refuses

    def is_taken(tried: str) -> bool:
        return collection.deck_of_name(tried) not in (None, deck_id)

    return {"name": less_common_name(name, deck_id, is_taken)}


def _merge_deck_options(
    collection: LibankiCollection, session: SyncSession, options: dict[str, Any]
) -> None:
    if incoming_wins(collection, session, "deck_config", options):
        collection.put_deck_options(
            options | {"id": object_id(options)},
            mod=object_mod(options),
            usn=session.server_usn,
        )


def _replace_creation_time(
    collection: LibankiCollection, session: SyncSession, created: int
) -> None:
    if created != collection.scalar("select crt from col"):
        collection.execute("update col set crt = ?", created)
        session.timing_stale = True


def _replace_config(
    collection: LibankiCollection, session: SyncSession, config: dict[str, Any]
) -> None:
    """Make the stored configuration the received one: what that does not have is removed.

    Most syncs bring a configuration that is stored already, so only differences are written.
    """
    stored = msgspec.json.decode(collection.config_json(), type=dict[str, msgspec.Raw])
    values = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in config.items()}
    removed = stored.keys() - values.keys()
    changed = [key for key, value in values.items() if stored.get(key) != value]
    now = int(time.time())
    collection.execute_many("delete from config where key = ?", [[key] for key in removed])
    collection.execute_many(
        "insert or replace into config (key, usn, mtime_secs, val) values (?, ?, ?, ?)",
        # As a blob: libanki cannot read the configuration when a value is stored as text.
        [[key, session.server_usn, now, list(bytes(values[key]))] for key in changed],
    )
    if changed:
        _check_config(collection)
    if _timing(stored) != _timing(values):
        session.timing_stale = True


def _check_config(collection: LibankiCollection) -> None:
    """Raise BadRequest when libanki cannot read what has been stored: no sync could end then."""
    try:
        collection.config_json()
    except Rejected as problem:
        raise BadRequest("The configuration cannot be read.", cause=str(problem)) from problem


def _timing(settings: Mapping[str, msgspec.Raw]) -> list[msgspec.Raw | None]:
    return [settings.get(key, TIMING_DEFAULTS.get(key)) for key in TIMING_SETTINGS]
