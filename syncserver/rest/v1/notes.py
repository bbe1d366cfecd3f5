"""Notes: search, look at, add, change, delete, check before adding."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from anki.collection import Collection
from anki.decks import DeckId
from anki.notes import Note, NoteId
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Duplicate, Invalid
from syncserver.rest.v1.common import Reference, normal_deck_meant, notetype_meant
from syncserver.rest.v1.note_documents import (
    NoteDocument,
    Verdict,
    check_version,
    duplicates_of,
    etag,
    note_document,
    set_fields,
    set_tags,
    verdict_on,
    version_of,
)
from syncserver.rest.v1.pages import Page, PageQuery, page_of_ids

resource = Resource("notes")

Order = Literal["id", "-id", "modified", "-modified", "sort-field", "-sort-field"]
ORDERS: Final[Mapping[Order, str]] = {
    "id": "n.id asc",
    "-id": "n.id desc",
    "modified": "n.mod asc, n.id asc",
    "-modified": "n.mod desc, n.id desc",
    "sort-field": "n.sfld collate nocase asc, n.id asc",
    "-sort-field": "n.sfld collate nocase desc, n.id desc",
}
MOST_CHECKED: Final = 5000


class NoteQuery(PageQuery):
    """A search in the language of Anki's browser, and the order of what it finds."""

    q: str = ""
    order: Order = "id"


class NewNote(Body):
    """A note to be added; fields that are not named are empty, no deck means Anki's choice."""

    notetype: Reference
    deck: Reference | None = None
    fields: dict[str, str]
    tags: list[str] = Field(default_factory=list)
    allow_duplicate: bool = False


class NoteChange(Body):
    """What is to be changed: the fields that are named; all tags, if there is a list of them."""

    fields: dict[str, str] = Field(default_factory=dict)
    tags: list[str] | None = None


class NewNotes(Body):
    """Notes that somebody thinks of adding."""

    notes: Annotated[list[NewNote], Field(max_length=MOST_CHECKED)]


class Checked(Document):
    """What would become of a note: only "normal" and the cloze warnings can be added as they are."""

    verdict: Verdict
    duplicate_ids: list[int]


@resource.get("/v1/notes")
def list_notes(call: Call, query: NoteQuery) -> Page[NoteDocument]:
    """List the notes that a search finds."""
    with call.reading() as collection:
        page = page_of_ids(collection.find_notes(query.q, order=ORDERS[query.order]), query)
        items = [note_document(collection, note_id) for note_id in page.ids]
    return Page(items=items, next=page.next)


@resource.post("/v1/notes", scope=Scope.ADD, status=201)
def add_note(call: Call, body: NewNote) -> Reply[NoteDocument]:
    """Add a note with its cards."""
    with call.changing() as collection:
        note = new_note(collection, body)
        collection.add_note(note, deck_for(collection, note, body))
        added = note_document(collection, note.id)
    location = f"{call.request.script_name}/v1/notes/{added.id}"
    return Reply(added, headers={"Location": location, "ETag": etag(added.version)})


@resource.get("/v1/notes/{note_id}")
def show_note(call: Call, note_id: int) -> Reply[NoteDocument]:
    """Return a note; its ETag goes into If-Match when it is changed."""
    with call.reading() as collection:
        found = note_document(collection, note_id)
    return Reply(found, headers={"ETag": etag(found.version)})


@resource.patch("/v1/notes/{note_id}", takes=("If-Match",))
def change_note(call: Call, note_id: int, body: NoteChange) -> Reply[NoteDocument]:
    """Change some fields or the tags of a note."""
    with call.changing() as collection:
        note = collection.get_note(NoteId(note_id))
        check_version(note, call.request.headers.get("If-Match"))
        apply_change(collection, note, body)
        changed = note_document(collection, note_id)
    return Reply(changed, headers={"ETag": etag(changed.version)})


@resource.delete("/v1/notes/{note_id}", takes=("If-Match",))
def remove_note(call: Call, note_id: int) -> None:
    """Delete a note with its cards."""
    with call.changing() as collection:
        note = collection.get_note(NoteId(note_id))
        check_version(note, call.request.headers.get("If-Match"))
        collection.remove_notes([note.id])


@resource.post("/v1/notes:check", scope=Scope.READ)
def check_notes(call: Call, body: NewNotes) -> list[Checked]:
    """Tell for each of some notes whether it could be added, and which notes are like it."""
    with call.reading() as collection:
        return [_checked(collection, one) for one in body.notes]


def new_note(collection: Collection, wanted: NewNote) -> Note:
    """Return a note that is not added yet. Raises Invalid, Duplicate."""
    note = _unchecked_note(collection, wanted)
    verdict = verdict_on(note)
    if verdict == "empty":
        raise Invalid("The first field is empty.")
    if verdict == "duplicate" and not wanted.allow_duplicate:
        raise Duplicate(members={"duplicate_ids": duplicates_of(collection, note)})
    return note


def deck_for(collection: Collection, note: Note, wanted: NewNote) -> DeckId:
    """Return the deck that the cards of a new note go to. Raises Invalid."""
    if wanted.deck is not None:
        return DeckId(normal_deck_meant(collection, wanted.deck)["id"])
    usual = collection.default_deck_for_notetype(note.mid)
    if usual is not None:
        return usual
    return DeckId(collection.defaults_for_adding(current_review_card=None).deck_id)


def apply_change(collection: Collection, note: Note, change: NoteChange) -> None:
    """Store what is changed of a note, if anything is. Raises Invalid."""
    before = version_of(note)
    set_fields(note, change.fields)
    if change.tags is not None:
        set_tags(note, change.tags)
    if version_of(note) != before:
        collection.update_note(note)


def _unchecked_note(collection: Collection, wanted: NewNote) -> Note:
    note = collection.new_note(notetype_meant(collection, wanted.notetype))
    set_fields(note, wanted.fields)
    set_tags(note, wanted.tags)
    return note


def _checked(collection: Collection, wanted: NewNote) -> Checked:
    note = _unchecked_note(collection, wanted)
    verdict = verdict_on(note)
    same = duplicates_of(collection, note) if verdict == "duplicate" else []
    return Checked(verdict=verdict, duplicate_ids=same)
