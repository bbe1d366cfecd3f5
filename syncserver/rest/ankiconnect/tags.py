"""Actions about tags."""

from typing import Final

from anki.collection import Collection
from anki.notes import NoteId
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.ankiconnect.actions import Actions, Id, Notes, Params
from syncserver.rest.ankiconnect.finding import id_list
from syncserver.rest.reading import rows

actions: Final = Actions()

TagList = list[str] | str


class NoteTags(Params):
    """A note by its id, and its tags."""

    note: Id
    tags: TagList


class OneNote(Params):
    """A note by its id."""

    note: Id


class Tags(Notes):
    """Some notes, and tags with spaces between them."""

    tags: TagList


class Replacement(Params):
    """A tag and the one that takes its place."""

    tag_to_replace: str = Field(min_length=1)
    replace_with_tag: str = Field(min_length=1)


class ReplacementInNotes(Replacement, Notes):
    """Some notes, a tag and the one that takes its place."""


@actions.add("updateNoteTags", scope=Scope.WRITE)
def update_note_tags(collection: Collection, params: NoteTags) -> None:
    """Give a note these tags and no others."""
    note = collection.get_note(NoteId(params.note))
    note.tags = tag_list(params.tags)
    collection.update_note(note)


@actions.add("getNoteTags")
def get_note_tags(collection: Collection, params: OneNote) -> list[str]:
    """Return the tags of a note."""
    return collection.get_note(NoteId(params.note)).tags


@actions.add("addTags", scope=Scope.WRITE)
def add_tags(collection: Collection, params: Tags) -> None:
    """Add tags to notes."""
    collection.tags.bulk_add(_existing(collection, params.notes), " ".join(tag_list(params.tags)))


@actions.add("removeTags", scope=Scope.WRITE)
def remove_tags(collection: Collection, params: Tags) -> None:
    """Remove tags from notes."""
    tags = " ".join(tag_list(params.tags))
    collection.tags.bulk_remove(_existing(collection, params.notes), tags)


@actions.add("getTags")
def get_tags(collection: Collection) -> list[str]:
    """Return all tags."""
    return collection.tags.all()


@actions.add("clearUnusedTags", scope=Scope.WRITE)
def clear_unused_tags(collection: Collection) -> None:
    """Forget the tags that no note has."""
    collection.tags.clear_unused_tags()


@actions.add("replaceTags", scope=Scope.WRITE)
def replace_tags(collection: Collection, params: ReplacementInNotes) -> None:
    """Replace a tag in those of the notes that have it."""
    _replace(collection, _existing(collection, params.notes), params)


@actions.add("replaceTagsInAllNotes", scope=Scope.WRITE)
def replace_tags_in_all_notes(collection: Collection, params: Replacement) -> None:
    """Replace a tag in all notes that have it."""
    found = rows(collection, "select id from notes where tags != ''")
    _replace(collection, [NoteId(note_id) for (note_id,) in found], params)


def tag_list(tags: TagList) -> list[str]:
    """Return tags one by one, which may have come as a text with spaces between them."""
    parts = [tags] if isinstance(tags, str) else tags
    return [tag for part in parts for tag in part.split()]


def _existing(collection: Collection, ids: list[int]) -> list[NoteId]:
    found = rows(collection, f"select id from notes where id in ({id_list(ids)})")
    return [NoteId(note_id) for (note_id,) in found]


def _replace(collection: Collection, ids: list[NoteId], tags: Replacement) -> None:
    old = tags.tag_to_replace.casefold()
    changed = []
    for note in map(collection.get_note, ids):
        if any(tag.casefold() == old for tag in note.tags):
            kept = [tag for tag in note.tags if tag.casefold() != old]
            note.tags = [*kept, *tag_list(tags.replace_with_tag)]
            changed.append(note)
    collection.update_notes(changed)
