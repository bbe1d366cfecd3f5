"""Sounds, videos and pictures that come with a note and are shown in its fields.

They are decoded or fetched before the collection is taken, and stored before the note is.
"""

from dataclasses import dataclass
from html import escape

from anki.notes import Note
from pydantic import Field

from syncserver.rest.ankiconnect.actions import Part
from syncserver.rest.ankiconnect.media_files import Allowance, Source, content_of, store
from syncserver.rest.ankiconnect.texts import set_fields
from syncserver.rest.call import Call


class Attachment(Source):
    """A file, and the fields in which it is shown."""

    fields: list[str] = Field(default_factory=list)


OneOrMore = list[Attachment] | Attachment | None


class Attachments(Part):
    """What a note may bring along."""

    audio: OneOrMore = None
    video: OneOrMore = None
    picture: OneOrMore = None


@dataclass(frozen=True, slots=True)
class File:
    """An attachment with its content; pictures are shown, all else is played."""

    attachment: Attachment
    content: bytes
    is_picture: bool


def fetched(call: Call, attachments: Attachments, allowance: Allowance) -> list[File]:
    """Return what is attached, without what is to be left out. Raises what `content_of` does."""
    files = []
    for given in (attachments.audio, attachments.video, attachments.picture):
        for attachment in _listed(given):
            content = content_of(call, attachment, allowance)
            if content is not None:
                files.append(File(attachment, content, given is attachments.picture))
    return files


def attach(call: Call, note: Note, files: list[File]) -> None:
    """Store files and show them at the end of their fields of the note."""
    for file in files:
        name = store(call, file.attachment, file.content)
        shown = f'<img src="{escape(name)}">' if file.is_picture else f"[sound:{name}]"
        wanted = {field.casefold() for field in file.attachment.fields}
        present = [(field, text) for field, text in note.items() if field.casefold() in wanted]
        set_fields(note, {field: text + shown for field, text in present})


def _listed(given: OneOrMore) -> list[Attachment]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]
