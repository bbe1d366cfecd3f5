"""Merge a client's notetype: the three tables are written directly.

libanki's own call for this is for editors, not for merging: it generates cards that the client is
about to send, rewrites templates and touches notes (section 8.6 of the protocol facts).
"""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from google.protobuf.message import Message
from msgspec import Meta, Struct

from syncserver.collections.libanki import (
    FieldConfig,
    LibankiCollection,
    NotetypeConfig,
    TemplateConfig,
)
from syncserver.collections.libanki_errors import Rejected
from syncserver.errors import BadRequest
from syncserver.sync.merge_rules import incoming_wins, less_common_name, object_id, object_mod
from syncserver.sync.session import NotetypeLayout, SyncSession

# Keys of schema 11 whose names differ from the stored form's. All others are looked up by their
# camel case names in the stored form, so that settings of a newer libanki find their place.
NOTETYPE_KEYS: Final = {
    "type": "kind",
    "sortf": "sort_field_idx",
    "did": "target_deck_id_unused",
    "latexsvg": "latex_svg",
}
FIELD_KEYS: Final = {"font": "font_name", "size": "font_size"}
TEMPLATE_KEYS: Final = {
    "qfmt": "q_format",
    "afmt": "a_format",
    "bqfmt": "q_format_browser",
    "bafmt": "a_format_browser",
    "did": "target_deck_id",
    "bfont": "browser_font_name",
    "bsize": "browser_font_size",
}
# What has a column of its own, or is handled by itself.
NOTETYPE_COLUMNS: Final = frozenset({"id", "name", "mod", "usn", "flds", "tmpls", "req"})
PART_COLUMNS: Final = frozenset({"name", "ord"})
# In the stored form, but not single settings: a key that happens to have such a name is unknown.
NOT_SETTINGS: Final = frozenset({"other", "reqs"})
NO_ID: Final = 0
REQUIREMENT_KINDS: Final = {"none": 0, "any": 1, "all": 2}
# Old clients have numbers and texts for these two; any other setting has the right type or none.
TRUTHY_SETTINGS: Final = frozenset({"sticky", "rtl"})
TRUE_WORDS: Final = ("true", "1", "yes")

Part = dict[str, Any]


class _Essentials(Struct):
    """What a notetype cannot do without."""

    name: str
    type: Annotated[int, Meta(ge=0, le=1)]
    sortf: Annotated[int, Meta(ge=0, le=2**16 - 1)]
    flds: Annotated[list[Part], Meta(min_length=1)]
    tmpls: Annotated[list[Part], Meta(min_length=1)]


def merge_notetype(
    collection: LibankiCollection, session: SyncSession, notetype: dict[str, Any]
) -> None:
    """Store `notetype` unless the stored one is newer; notes and cards are not touched.

    Raises BadRequest when it is malformed, or when the number of its fields or templates differs
    from the stored one's: that is a change of schema, which does not come this way.
    """
    if not incoming_wins(collection, session, "notetypes", notetype):
        return
    if object_id(notetype) == NO_ID:
        raise BadRequest("A notetype has no id.", cause="its id is 0, which no client can read")
    try:
        parts = msgspec.convert(notetype, _Essentials)
        _check_same_layout(collection, object_id(notetype), parts)
        _replace(collection, session, notetype, parts)
    except (msgspec.ValidationError, Rejected) as problem:
        raise BadRequest("A notetype cannot be merged.", cause=str(problem)) from problem


def note_layouts(collection: LibankiCollection) -> dict[int, NotetypeLayout]:
    """Return the layout of every stored notetype by its id."""
    rows = collection.rows(
        "select id, config, (select count() from fields where ntid = notetypes.id) from notetypes"
    )
    return {
        notetype_id: NotetypeLayout(
            field_count, NotetypeConfig.FromString(bytes(config)).sort_field_idx
        )
        for notetype_id, config, field_count in rows
    }


def _check_same_layout(collection: LibankiCollection, notetype_id: int, parts: _Essentials) -> None:
    fields, templates, stored = collection.row(
        "select (select count() from fields where ntid = ?1),"
        " (select count() from templates where ntid = ?1),"
        " exists (select 1 from notetypes where id = ?1)",
        notetype_id,
    )
    if stored and (fields, templates) != (len(parts.flds), len(parts.tmpls)):
        raise BadRequest(
            "A notetype's fields or templates were added or removed.",
            cause=f"notetype {notetype_id}: {fields} fields and {templates} templates are stored",
        )


def _replace(
    collection: LibankiCollection, session: SyncSession, notetype: Part, parts: _Essentials
) -> None:
    notetype_id, mod = object_id(notetype), object_mod(notetype)
    name = _free_name(collection, notetype_id, parts.name)
    if name != parts.name:
        mod = int(time.time())
    collection.execute("delete from fields where ntid = ?", notetype_id)
    collection.execute("delete from templates where ntid = ?", notetype_id)
    collection.execute(
        "insert or replace into notetypes (id, name, mtime_secs, usn, config)"
        " values (?, ?, ?, ?, ?)",
        *(notetype_id, name, mod, session.server_usn, _notetype_config(notetype)),
    )
    collection.execute_many(
        "insert into fields (ntid, ord, name, config) values (?, ?, ?, ?)",
        [
            [notetype_id, position, _name(part), _blob(FieldConfig(), part, FIELD_KEYS)]
            for position, part in enumerate(parts.flds)
        ],
    )
    collection.execute_many(
        "insert into templates (ntid, ord, name, mtime_secs, usn, config)"
        " values (?, ?, ?, 0, 0, ?)",
        [
            [notetype_id, position, _name(part), _blob(TemplateConfig(), part, TEMPLATE_KEYS)]
            for position, part in enumerate(parts.tmpls)
        ],
    )


def _free_name(collection: LibankiCollection, notetype_id: int, name: str) -> str:
    """Return `name` with as many `+` behind it as make it differ from all other notetypes'."""

    def is_taken(tried: str) -> bool:
        taken = "select 1 from notetypes where name = ? and id <> ?"
        return collection.scalar(taken, tried, notetype_id) is not None

    name = less_common_name(name, notetype_id, is_taken)
    while is_taken(name):
        name += "+"
    return name


def _name(part: Part) -> str:
    name = part.get("name")
    if not isinstance(name, str):
        raise BadRequest("A field or template has no name.", cause=f"its name is {name!r:.80}")
    return name


def _notetype_config(notetype: Part) -> list[int]:
    config = NotetypeConfig()
    try:
        for ordinal, kind, fields in notetype.get("req") or ():
            config.reqs.add(card_ord=ordinal, kind=REQUIREMENT_KINDS[kind], field_ords=fields)
    except (TypeError, ValueError, KeyError):
        del config.reqs[:]  # clients fall back to none as well
    return _blob(config, notetype, NOTETYPE_KEYS, NOTETYPE_COLUMNS)


def _blob(
    config: Message,
    part: Part,
    renamed: Mapping[str, str],
    columns: frozenset[str] = PART_COLUMNS,
) -> list[int]:
    """Return the stored form of `part`; keys that libanki does not know are kept as JSON."""
    stored = config.DESCRIPTOR.fields_by_camelcase_name
    not_by_own_name = NOT_SETTINGS.union(renamed.values())
    unknown = {}
    for key, value in part.items():
        if key in columns:
            continue
        name = renamed.get(key) or (stored[key].name if key in stored else None)
        if name is None or (name in not_by_own_name and key not in renamed):
            unknown[key] = value
        elif value is not None:
            _set(config, name, value)
    if unknown:
        config.other = msgspec.json.encode(unknown)
    return list(config.SerializeToString())


def _set(config: Message, name: str, value: object) -> None:
    """Set one setting; a value of the wrong type leaves the default, as in the clients."""
    if name in TRUTHY_SETTINGS:
        value = value.lower() in TRUE_WORDS if isinstance(value, str) else bool(value)
    elif isinstance(getattr(config, name), bool) and not isinstance(value, bool):
        return
    try:
        setattr(config, name, value)
    except (TypeError, ValueError):
        config.ClearField(name)
