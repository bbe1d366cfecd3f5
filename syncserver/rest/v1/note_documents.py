"""Notes as the API tells of them, their versions, and what is wrong with new ones."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final, Literal

from anki.collection import Collection, SearchNode
from anki.notes import Note, NoteFieldsCheckResult, NoteId

from syncserver.rest.models import Document
from syncserver.rest.problems import Changed, Invalid

Verdict = Literal[
    "normal", "empty", "duplicate", "missing-cloze", "notetype-not-cloze", "field-not-cloze"
]
VERDICTS: Final[Mapping[int, Verdict]] = {
    NoteFieldsCheckResult.NORMAL: "normal",
    NoteFieldsCheckResult.EMPTY: "empty",
    NoteFieldsCheckResult.DUPLICATE: "duplicate",
    NoteFieldsCheckResult.MISSING_CLOZE: "missing-cloze",
    NoteFieldsCheckResult.NOTETYPE_NOT_CLOZE: "notetype-not-cloze",
    NoteFieldsCheckResult.FIELD_NOT_CLOZE: "field-not-cloze",
}
ENTITY_TAG: Final = re.compile(r'\s*(?:W/)?"[^"]*"\s*')
MOST_TAG_LENGTH: Final = 1000


class NoteDocument(Document):
    """A note; `fields` hold HTML, `modified` is in seconds, `version` is what its ETag says."""

    id: int
    guid: str
    notetype_id: int
    notetype: str
    fields: dict[str, str]
    tags: list[str]
    modified: int
    card_ids: list[int]
    version: str


def note_document(collection: Collection, note_id: int) -> NoteDocument:
    """Return a note. Raises NotFoundError."""
    return document_of(collection, collection.get_note(NoteId(note_id)))


def document_of(collection: Collection, note: Note) -> NoteDocument:
    """Return what the API tells of a note."""
    notetype = collection.models.get(note.mid)
    return NoteDocument(
        id=note.id,
        guid=note.guid,
        notetype_id=note.mid,
        notetype=notetype["name"] if notetype else "",
        fields=dict(note.items()),
        tags=list(note.tags),
        modified=note.mod,
        card_ids=list(collection.card_ids_of_note(note.id)),
        version=version_of(note),
    )


def version_of(note: Note) -> str:
    """Return a name of the note's present state; times of changes are too coarse for that."""
    state = json.dumps([note.mid, note.mod, note.fields, note.tags])
    return hashlib.sha256(state.encode()).hexdigest()[:32]


def etag(version: str) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def check_version(note: Note, if_match: str | None) -> None:
    """Raise Changed if the header If-Match names only other states than the present one."""
    if if_match is None or if_match.strip() == "*":
        return
    wanted = [tag.strip() for tag in if_match.split(",")]
    if not all(ENTITY_TAG.fullmatch(tag) for tag in wanted):
        raise Invalid("If-Match takes * or a list of ETags, which are quoted.")
    if etag(version_of(note)) not in wanted:
        raise Changed


def set_fields(note: Note, fields: Mapping[str, str]) -> None:
    """Give fields new values. Raises Invalid for a name that the notetype does not have."""
    known = set(note.keys())
    for name, value in fields.items():
        if name not in known:
            raise Invalid(f"The notetype has no field {name!r:.80}.")
        note[name] = value


def set_tags(note: Note, tags: list[str]) -> None:
    """Give a note these tags. Raises Invalid for what cannot be one."""
    for tag in tags:
        if not tag or len(tag) > MOST_TAG_LENGTH or any(sign.isspace() for sign in tag):
            raise Invalid(f"{tag!r:.80} cannot be a tag: tags are words without spaces.")
    note.tags = list(tags)


def verdict_on(note: Note) -> Verdict:
    """Return what libanki thinks of a note that is about to be added."""
    return VERDICTS[note.fields_check()]


def duplicates_of(collection: Collection, note: Note) -> list[int]:
    """Return the notes of the same notetype with the same first field, apart from the note."""
    same = SearchNode.Dupe(notetype_id=note.mid, first_field=note.fields[0])
    found = collection.find_notes(collection.build_search_string(SearchNode(dupe=same)))
    return [one for one in found if one != note.id]
