"""Notes, notetypes and tags: the ancestor's operations of collection, model and note."""

from typing import Any, Final

from anki.collection import Collection
from anki.decks import DeckId
from anki.models import NotetypeDict, NotetypeId
from anki.notes import Note, NoteId
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.ancestor.documents import note_document
from syncserver.rest.ancestor.finding import find_deck
from syncserver.rest.ancestor.handlers import AncestorRequest, Data, Handlers
from syncserver.rest.problems import Invalid, NotFound
from syncserver.rest.reading import rows

handlers: Final = Handlers()

MOST_ROWS: Final = 100_000


class ModelName(Data):
    """The name of a notetype."""

    model: str


class FindNotes(Data):
    """A search; `preload` brings the notes in the place of their ids."""

    query: str = ""
    preload: bool = False


class Latest(Data):
    """What was changed last: after a time (seconds), at most so many."""

    updated_since: int = 0
    limit: int = Field(default=10, ge=0, le=MOST_ROWS)
    preload: bool = False


class NewNote(Data):
    """A note: its notetype by id or name, its fields by their names, tags with spaces between."""

    model: int | str
    fields: dict[str, str]
    tags: str = ""
    deck: int | str | None = None


class NoteUpdate(Data):
    """New fields and tags; what is not named stays. Without `update_mod` the time stays, too."""

    fields: dict[str, str] = Field(default_factory=dict)
    tags: list[str] | None = None
    update_mod: bool = True


class Tags(Data):
    """Some tags."""

    tags: list[str]
    update_mod: bool = True


@handlers.add("collection", "list_models")
def list_models(collection: Collection, _request: AncestorRequest) -> list[NotetypeDict]:
    """Return all notetypes."""
    return list(collection.models.all())


@handlers.add("collection", "find_model_by_name")
def find_model_by_name(
    collection: Collection, _request: AncestorRequest, data: ModelName
) -> NotetypeDict | None:
    """Return a notetype, None if there is none of the name."""
    return collection.models.by_name(data.model)


@handlers.add("model", "field_names")
def field_names(collection: Collection, request: AncestorRequest) -> list[str]:
    """Return the names of a notetype's fields."""
    return collection.models.field_names(_notetype(collection, request.item_id))


@handlers.add("collection", "find_notes")
def find_notes(collection: Collection, _request: AncestorRequest, data: FindNotes) -> list[Any]:
    """Return the notes that a search finds."""
    return _notes(collection, list(collection.find_notes(data.query)), preload=data.preload)


@handlers.add("collection", "latest_notes")
def latest_notes(collection: Collection, _request: AncestorRequest, data: Latest) -> list[Any]:
    """Return the notes that were changed last, the newest first."""
    found = rows(
        collection,
        "select id from notes where mod > ? order by mod desc, id desc limit ?",
        data.updated_since,
        data.limit,
    )
    return _notes(collection, [note_id for (note_id,) in found], preload=data.preload)


@handlers.add("collection", "add_note", scope=Scope.ADD)
def add_note(collection: Collection, _request: AncestorRequest, data: NewNote) -> dict[str, int]:
    """Add a note with its cards; return its id."""
    notetype = _notetype(collection, data.model)
    note = collection.new_note(notetype)
    _set_fields(note, data.fields)
    note.set_tags_from_str(data.tags)
    collection.add_note(note, _deck_for(collection, data))
    return {"id": note.id}


@handlers.add("collection", "list_tags")
def list_tags(collection: Collection, _request: AncestorRequest) -> list[str]:
    """Return all tags."""
    return collection.tags.all()


@handlers.add("note", "index")
def index(collection: Collection, request: AncestorRequest) -> dict[str, Any]:
    """Return a note."""
    return note_document(collection, request.item_id)


@handlers.add("note", "update", scope=Scope.WRITE)
def update(collection: Collection, request: AncestorRequest, data: NoteUpdate) -> None:
    """Change fields and tags of a note."""
    note = collection.get_note(NoteId(request.item_id))
    _set_fields(note, data.fields)
    if data.tags is not None:
        note.tags = data.tags
    _store(collection, note, update_mod=data.update_mod)


@handlers.add("note", "delete", scope=Scope.WRITE)
def delete(collection: Collection, request: AncestorRequest) -> None:
    """Delete a note with its cards."""
    note = collection.get_note(NoteId(request.item_id))
    collection.remove_notes([note.id])


@handlers.add("note", "add_tags", scope=Scope.WRITE)
def add_tags(collection: Collection, request: AncestorRequest, data: Tags) -> None:
    """Add tags to a note."""
    add_tags_to(collection, request.item_id, data)


@handlers.add("note", "remove_tags", scope=Scope.WRITE)
def remove_tags(collection: Collection, request: AncestorRequest, data: Tags) -> None:
    """Remove tags from a note."""
    remove_tags_from(collection, request.item_id, data)


def add_tags_to(collection: Collection, note_id: int, data: Tags) -> None:
    """Add tags to the note of this id. Raises NotFoundError."""
    note = collection.get_note(NoteId(note_id))
    for tag in data.tags:
        note.add_tag(tag)
    _store(collection, note, update_mod=data.update_mod)


def remove_tags_from(collection: Collection, note_id: int, data: Tags) -> None:
    """Remove tags from the note of this id. Raises NotFoundError."""
    note = collection.get_note(NoteId(note_id))
    for tag in data.tags:
        note.remove_tag(tag)
    _store(collection, note, update_mod=data.update_mod)


def _notes(collection: Collection, ids: list[NoteId], *, preload: bool) -> list[Any]:
    if preload:
        return [note_document(collection, note_id) for note_id in ids]
    return [{"id": note_id} for note_id in ids]


def _notetype(collection: Collection, wanted: int | str) -> NotetypeDict:
    if isinstance(wanted, int):
        found = collection.models.get(NotetypeId(wanted))
    else:
        found = collection.models.by_name(wanted)
    if found is None:
        raise NotFound(f"There is no notetype {wanted!r:.80}.")
    return found


def _set_fields(note: Note, fields: dict[str, str]) -> None:
    unknown = sorted(set(fields) - set(note.keys()))
    if unknown:
        raise Invalid(f"The notetype has no field {unknown[0]!r:.80}.")
    for name, value in fields.items():
        note[name] = value


def _deck_for(collection: Collection, data: NewNote) -> DeckId:
    if data.deck is not None:
        return DeckId(find_deck(collection, str(data.deck))["id"])
    return DeckId(collection.defaults_for_adding(current_review_card=None).deck_id)


def _store(collection: Collection, note: Note, *, update_mod: bool) -> None:
    modified = note.mod
    collection.update_note(note)
    if not update_mod:
        # libanki has no way to keep the time; devices are sent the note because of its usn.
        assert collection.db is not None  # noqa: S101 - it is open
        collection.db.execute("update notes set mod = ? where id = ?", modified, note.id)
