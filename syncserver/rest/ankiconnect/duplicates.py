"""Which new notes are empty or have been added already, as the options of a request see it."""

from typing import Final

from anki.collection import Collection
from anki.decks import DeckId
from anki.notes import Note
from anki.utils import field_checksum, strip_html_media

from syncserver.rest.ankiconnect.actions import Part
from syncserver.rest.ankiconnect.finding import deck_named, id_list
from syncserver.rest.reading import rows

FIELD_SEPARATOR: Final = "\x1f"
DECK: Final = "deck"
IN_DECKS_SQL: Final = """
select count() from cards where nid = ? and (did in ({decks}) or odid in ({decks}))
"""


class ScopeOptions(Part):
    """Another deck to look in, those below it too, and notes of other notetypes too."""

    deckName: str | None = None  # noqa: N815 - the add-on's spelling
    checkChildren: bool | None = None  # noqa: N815
    checkAllModels: bool | None = None  # noqa: N815


class DuplicateOptions(Part):
    """Whether duplicates may be added, and where they are looked for."""

    allowDuplicate: bool | None = None  # noqa: N815 - the add-on's spelling
    duplicateScope: str | None = None  # noqa: N815
    duplicateScopeOptions: ScopeOptions | None = None  # noqa: N815

    @property
    def details(self) -> ScopeOptions:
        """The options of the scope."""
        return self.duplicateScopeOptions or ScopeOptions()


def is_empty(note: Note) -> bool:
    """Tell whether the note has nothing in its first field."""
    return not strip_html_media(note.fields[0]).strip()


def is_duplicate(
    collection: Collection, note: Note, deck: DeckId, options: DuplicateOptions
) -> bool:
    """Tell whether a note with the same first field is there. Raises NotFound for a deck."""
    if options.allowDuplicate:
        return False
    same = _with_the_same_first_field(collection, note, options.details)
    if options.duplicateScope != DECK:
        return bool(same)
    decks = id_list(_decks(collection, deck, options.details))
    in_decks = IN_DECKS_SQL.format(decks=decks)
    return any(rows(collection, in_decks, note_id)[0][0] for note_id in same)


def _with_the_same_first_field(
    collection: Collection, note: Note, options: ScopeOptions
) -> list[int]:
    # libanki keeps a checksum of the first field's text, so few notes have to be looked at.
    first = note.fields[0]
    query = "select id, mid, flds from notes where csum = ?"
    return [
        note_id
        for note_id, notetype_id, fields in rows(collection, query, field_checksum(first))
        if (options.checkAllModels or notetype_id == note.mid)
        and strip_html_media(fields.split(FIELD_SEPARATOR)[0]) == strip_html_media(first)
    ]


def _decks(collection: Collection, deck: DeckId, options: ScopeOptions) -> list[int]:
    if options.deckName:
        deck = DeckId(deck_named(collection, options.deckName)["id"])
    if options.checkChildren:
        return list(collection.decks.deck_and_child_ids(deck))
    return [deck]
