"""What a client's `meta` needs to know of a collection, as of the last commit."""

from dataclasses import dataclass
from typing import Final

import msgspec

from syncserver.collections.libanki import LibankiCollection, Row
from syncserver.collections.libanki_errors import CollectionDamaged


@dataclass(frozen=True, slots=True)
class CommittedState:
    """The committed head of a collection; it stays readable while a sync has uncommitted changes.

    `modified` and `schema_modified` are milliseconds, `usn` counts finished syncs and downloads.
    """

    modified: int
    schema_modified: int
    usn: int
    empty: bool
    scheduler_version: int
    new_timezone: bool


_COLUMNS: Final = (
    "mod, scm, usn, not exists (select 1 from cards),"
    " (select val from config where key = 'schedVer'),"
    " (select val from config where key = 'creationOffset')"
)


def read_committed_state(collection: LibankiCollection) -> CommittedState:
    """Read the head of an open collection that has no transaction in progress.

    Raises CollectionDamaged when the file has no row that describes the collection.
    """
    return _committed_state(collection.rows(f"select {_COLUMNS} from col"))


def advance(collection: LibankiCollection, modified: int) -> CommittedState:
    """Give the collection its next usn and these times (ms), and return the head that this makes.

    Raises CollectionDamaged as reading it does.
    """
    set_times = "update col set ls = ?1, mod = ?1, usn = usn + 1"
    return _committed_state(collection.rows(f"{set_times} returning {_COLUMNS}", modified))


def _committed_state(rows: list[Row]) -> CommittedState:
    if len(rows) != 1:
        raise CollectionDamaged(f"the collection has {len(rows)} rows in table col")
    modified, schema_modified, usn, empty, scheduler_version, creation_offset = rows[0]
    version = _config_value(scheduler_version)
    return CommittedState(
        modified=modified,
        schema_modified=schema_modified,
        usn=usn,
        empty=bool(empty),
        scheduler_version=version if isinstance(version, int) else 1,
        new_timezone=isinstance(_config_value(creation_offset), int),
    )


def _config_value(blob: list[int] | None) -> object:
    try:
        return msgspec.json.decode(bytes(blob)) if blob is not None else None
    except msgspec.DecodeError:
        return None
