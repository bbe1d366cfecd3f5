"""Tags: list, rename, remove, and put on or take off many notes at once."""

from typing import Annotated

from anki.notes import NoteId
from pydantic import Field

from syncserver.rest.call import Call
from syncserver.rest.models import Body
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Invalid
from syncserver.rest.v1.common import Changed, Ids

resource = Resource("tags")

Tag = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^\S+$")]


class TagRename(Body):
    """A tag, and what it is to be called; the tags below it move along."""

    old: Tag
    new: Tag


class SomeTags(Body):
    """Some tags, with those below them."""

    tags: Annotated[list[Tag], Field(min_length=1, max_length=1000)]


class TagChange(Body):
    """Which notes get and lose which tags."""

    note_ids: Ids
    add: list[Tag] = Field(default_factory=list)
    remove: list[Tag] = Field(default_factory=list)


@resource.get("/v1/tags")
def list_tags(call: Call) -> list[str]:
    """List all tags."""
    with call.reading() as collection:
        return collection.tags.all()


@resource.post("/v1/tags:rename")
def rename_tag(call: Call, body: TagRename) -> Changed:
    """Rename a tag on all notes that have it."""
    with call.changing() as collection:
        return Changed(changed=collection.tags.rename(body.old, body.new).count)


@resource.post("/v1/tags:remove")
def remove_tags(call: Call, body: SomeTags) -> Changed:
    """Remove tags from all notes that have them, and from the list."""
    with call.changing() as collection:
        return Changed(changed=collection.tags.remove(" ".join(body.tags)).count)


@resource.post("/v1/tags:remove-unused")
def remove_unused_tags(call: Call) -> Changed:
    """Remove the tags that no note has."""
    with call.changing() as collection:
        return Changed(changed=collection.tags.clear_unused_tags().count)


@resource.post("/v1/notes:tag")
def tag_notes(call: Call, body: TagChange) -> Changed:
    """Put tags on notes and take tags off; answer on how many notes something changed at most."""
    if not body.add and not body.remove:
        raise Invalid("There is neither a tag to add nor one to remove.")
    notes = [NoteId(one) for one in body.note_ids]
    with call.changing() as collection:
        added = collection.tags.bulk_add(notes, " ".join(body.add)).count if body.add else 0
        gone = collection.tags.bulk_remove(notes, " ".join(body.remove)).count if body.remove else 0
    return Changed(changed=max(added, gone))
