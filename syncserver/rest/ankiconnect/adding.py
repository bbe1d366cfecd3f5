"""Actions that add notes, or tell whether they could be added."""

from typing import Any, Final

from anki.collection import Collection
from anki.decks import DeckId
from anki.notes import Note
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.media.refusal import MediaRefused
from syncserver.rest.ankiconnect.actions import Actions, Params
from syncserver.rest.ankiconnect.attachments import Attachments, File, attach, fetched
from syncserver.rest.ankiconnect.duplicates import DuplicateOptions, is_duplicate, is_empty
from syncserver.rest.ankiconnect.finding import deck_named, notetype_named
from syncserver.rest.ankiconnect.media_files import Allowance, allowance_of
from syncserver.rest.ankiconnect.tags import TagList, tag_list
from syncserver.rest.ankiconnect.texts import set_fields
from syncserver.rest.call import Call
from syncserver.rest.problems import Invalid, Problem

actions: Final = Actions()

# What programs look for in errors, word by word.
DUPLICATE: Final = "cannot create note because it is a duplicate"
EMPTY: Final = "cannot create note because it is empty"
MOST_NOTES: Final = 10_000


class NewNote(Attachments):
    """A note that is to be added."""

    deckName: str  # noqa: N815 - the add-on's spelling
    modelName: str  # noqa: N815
    fields: dict[str, str]
    tags: TagList = ""
    options: DuplicateOptions | None = None


class OneNewNote(Params):
    """One note."""

    note: NewNote


class NewNotes(Params):
    """Several notes; what is wrong with one of them is no error of the request."""

    notes: list[NewNote] = Field(max_length=MOST_NOTES)


@actions.add("addNote", scope=Scope.ADD)
def add_note(call: Call, params: OneNewNote) -> int:
    """Add a note with its cards, and return its id."""
    files = fetched(call, params.note, allowance_of(call))
    with call.changing() as collection:
        return _add(call, collection, params.note, files)


@actions.add("addNotes", scope=Scope.ADD)
def add_notes(call: Call, params: NewNotes) -> list[int | None]:
    """Add notes, and return their ids, None for each that could not be added."""
    allowance = allowance_of(call)
    prepared = [(note, _fetched_or_none(call, note, allowance)) for note in params.notes]
    with call.changing() as collection:
        return [
            None if files is None else _add_or_none(call, collection, note, files)
            for note, files in prepared
        ]


@actions.add("canAddNote")
def can_add_note(collection: Collection, params: OneNewNote) -> bool:
    """Tell whether a note could be added."""
    return not _objection(collection, params.note)


@actions.add("canAddNotes")
def can_add_notes(collection: Collection, params: NewNotes) -> list[bool]:
    """Tell which notes could be added."""
    return [not _objection(collection, note) for note in params.notes]


@actions.add("canAddNoteWithErrorDetail")
def can_add_note_with_error_detail(collection: Collection, params: OneNewNote) -> dict[str, Any]:
    """Tell whether a note could be added, or why not."""
    return _verdict(collection, params.note)


@actions.add("canAddNotesWithErrorDetail")
def can_add_notes_with_error_detail(
    collection: Collection, params: NewNotes
) -> list[dict[str, Any]]:
    """Tell which notes could be added, and why not the others."""
    return [_verdict(collection, note) for note in params.notes]


def _verdict(collection: Collection, new: NewNote) -> dict[str, Any]:
    objection = _objection(collection, new)
    return {"canAdd": False, "error": objection} if objection else {"canAdd": True}


def _objection(collection: Collection, new: NewNote) -> str:
    """Return why a note cannot be added, nothing if it can."""
    try:
        _made(collection, new)
    except Problem as problem:
        return problem.detail
    return ""


def _made(collection: Collection, new: NewNote) -> tuple[Note, DeckId]:
    """Return the note that would be added, and its deck. Raises NotFound, Invalid."""
    notetype = notetype_named(collection, new.modelName)
    deck = DeckId(deck_named(collection, new.deckName)["id"])
    note = collection.new_note(notetype)
    set_fields(note, new.fields)
    note.tags = tag_list(new.tags)
    if is_empty(note):
        raise Invalid(EMPTY)
    if is_duplicate(collection, note, deck, new.options or DuplicateOptions()):
        raise Invalid(DUPLICATE)
    return note, deck


def _add(call: Call, collection: Collection, new: NewNote, files: list[File]) -> int:
    note, deck = _made(collection, new)
    attach(call, note, files)
    collection.add_note(note, deck)
    return note.id


def _fetched_or_none(call: Call, note: NewNote, allowance: Allowance) -> list[File] | None:
    try:
        return fetched(call, note, allowance)
    except (Problem, MediaRefused):
        return None


def _add_or_none(call: Call, collection: Collection, new: NewNote, files: list[File]) -> int | None:
    try:
        return _add(call, collection, new, files)
    except (Problem, MediaRefused):
        return None
