"""Actions that look at notes, change and delete them."""

from collections.abc import Mapping
from typing import Any, Final

from anki.collection import Collection
from anki.errors import NotFoundError
from anki.models import NotetypeDict
from anki.notes import Note, NoteId

from syncserver.accounts.scopes import Scope
from syncserver.rest.ankiconnect.actions import Actions, Id, Notes, Params, Part, Search
from syncserver.rest.ankiconnect.attachments import Attachments, attach, fetched
from syncserver.rest.ankiconnect.finding import id_list, notetype_named
from syncserver.rest.ankiconnect.media_files import allowance_of
from syncserver.rest.ankiconnect.tags import TagList, tag_list
from syncserver.rest.ankiconnect.texts import set_fields, shown_fields
from syncserver.rest.call import Call
from syncserver.rest.problems import Invalid, NotFound
from syncserver.rest.reading import rows

actions: Final = Actions()


class NotesOrQuery(Params):
    """Notes by their ids, or by a search."""

    notes: list[Id] | None = None
    query: str | None = None


class Update(Attachments):
    """New fields and tags of a note; what is not named stays."""

    id: Id
    fields: dict[str, str] | None = None
    tags: TagList | None = None


class NoteUpdate(Params):
    """A changed note."""

    note: Update


class Conversion(Part):
    """A note, the notetype it gets, all of its fields and its tags."""

    id: Id
    modelName: str  # noqa: N815 - the add-on's spelling
    fields: dict[str, str]
    tags: TagList | None = None


class NoteConversion(Params):
    """A note that gets another notetype."""

    note: Conversion


@actions.add("findNotes")
def find_notes(collection: Collection, params: Search) -> list[int]:
    """Return the notes that a search finds."""
    return list(collection.find_notes(params.query))


@actions.add("notesInfo")
def notes_info(call: Call, collection: Collection, params: NotesOrQuery) -> list[dict[str, Any]]:
    """Return all about notes, {} for those that do not exist."""
    if params.notes is None and params.query is None:
        raise Invalid("notes or query is needed")
    ids = params.notes if params.notes is not None else collection.find_notes(params.query or "")
    return [_info(call, collection, NoteId(note_id)) for note_id in ids]


@actions.add("notesModTime")
def notes_mod_time(collection: Collection, params: Notes) -> list[dict[str, int]]:
    """Return when notes were changed (seconds), {} for those that do not exist."""
    query = f"select id, mod from notes where id in ({id_list(params.notes)})"
    times = {row[0]: row[1] for row in rows(collection, query)}
    return [
        {"noteId": note_id, "mod": times[note_id]} if note_id in times else {}
        for note_id in params.notes
    ]


@actions.add("updateNoteFields", scope=Scope.WRITE)
def update_note_fields(call: Call, params: NoteUpdate) -> None:
    """Change fields of a note."""
    if params.note.fields is None:
        raise Invalid("note.fields is needed")
    _update(call, params.note.model_copy(update={"tags": None}))


@actions.add("updateNote", scope=Scope.WRITE)
def update_note(call: Call, params: NoteUpdate) -> None:
    """Change fields and tags of a note, both or none."""
    if params.note.fields is None and params.note.tags is None:
        raise Invalid("note.fields or note.tags is needed")
    _update(call, params.note)


@actions.add("updateNoteModel", scope=Scope.WRITE)
def update_note_model(collection: Collection, params: NoteConversion) -> None:
    """Give a note another notetype, with new fields and, if they are named, new tags."""
    notetype = notetype_named(collection, params.note.modelName)
    note = collection.get_note(NoteId(params.note.id))
    if note.mid != notetype["id"]:
        _change_notetype(collection, note, notetype)
        note = collection.get_note(note.id)
    note.fields = [""] * len(note.fields)
    if not set_fields(note, params.note.fields):
        raise Invalid("none of the fields is of this notetype")
    if params.note.tags is not None:
        note.tags = tag_list(params.note.tags)
    collection.update_note(note)


@actions.add("deleteNotes", scope=Scope.WRITE)
def delete_notes(call: Call, params: Notes) -> None:
    """Delete notes with their cards."""
    call.keep_before_deleting(len(params.notes))
    with call.changing() as collection:
        collection.remove_notes([NoteId(note_id) for note_id in params.notes])


@actions.add("removeEmptyNotes", scope=Scope.WRITE)
def remove_empty_notes(call: Call) -> None:
    """Delete the notes all of whose cards would be empty."""
    with call.reading() as collection:
        empty = _empty_notes(collection)
    call.keep_before_deleting(len(empty))
    with call.changing() as collection:
        collection.remove_notes(_empty_notes(collection))


def _empty_notes(collection: Collection) -> list[NoteId]:
    reports = collection.get_empty_cards().notes
    return [NoteId(report.note_id) for report in reports if report.will_delete_note]


def _info(call: Call, collection: Collection, note_id: NoteId) -> dict[str, Any]:
    try:
        note = collection.get_note(note_id)
    except NotFoundError:
        return {}
    return {
        "noteId": note.id,
        "profile": call.user.name,
        "tags": note.tags,
        "fields": shown_fields(note),
        "modelName": _notetype(note)["name"],
        "mod": note.mod,
        "cards": list(note.card_ids()),
    }


def _update(call: Call, update: Update) -> None:
    files = fetched(call, update, allowance_of(call))
    with call.changing(allow_full_sync=False) as collection:
        try:
            note = collection.get_note(NoteId(update.id))
        except NotFoundError:
            raise NotFound(f"note was not found: {update.id}") from None
        set_fields(note, update.fields or {})
        attach(call, note, files)
        if update.tags is not None:
            note.tags = tag_list(update.tags)
        collection.update_note(note)


def _change_notetype(collection: Collection, note: Note, new: NotetypeDict) -> None:
    """Change the notetype; which field becomes which does not matter, since all are set anew."""
    info = collection.models.change_notetype_info(
        old_notetype_id=note.mid, new_notetype_id=new["id"]
    )
    request = info.input
    request.note_ids.append(note.id)
    collection.models.change_notetype_of_notes(request)


def _notetype(note: Note) -> Mapping[str, Any]:
    notetype = note.note_type()
    assert notetype is not None  # noqa: S101 - a note always has one
    return notetype
