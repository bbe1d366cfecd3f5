"""Notes, cards and reviews as the ancestor's programs know them."""

import time
from typing import Any

from anki.cards import Card, CardId
from anki.collection import Collection
from anki.notes import Note, NoteId

from syncserver.rest.ancestor.handlers import Data
from syncserver.rest.reading import rows, with_sounds


class CardOptions(Data):
    """What a card brings along."""

    load_note: bool = False
    load_deck: bool = False
    load_latest_revlog: bool = False


def note_document(collection: Collection, note_id: int) -> dict[str, Any]:
    """Return a note. Raises NotFoundError."""
    note = collection.get_note(NoteId(note_id))
    return {
        "id": note.id,
        "guid": note.guid,
        "model": note.note_type(),
        "mid": note.mid,
        "mod": note.mod,
        "scm": rows(collection, "select scm from col")[0][0],
        "tags": note.tags,
        "string_tags": " ".join(note.tags),
        "fields": dict(note.items()),
        "flags": 0,
        "usn": note.usn,
    }


def card_document(collection: Collection, card_id: int, options: CardOptions) -> dict[str, Any]:
    """Return a card with its question and answer as HTML. Raises NotFoundError."""
    card = collection.get_card(CardId(card_id))
    document = {**_shown(card), **_stored(card), "timerStarted": time.time()}
    if options.load_note:
        document["note"] = note_document(collection, card.nid)
    if options.load_deck:
        document["deck"] = collection.decks.get(card.did, default=False)
    if options.load_latest_revlog:
        document["latest_revlog"] = latest_review(collection, card.id)
    return document


def latest_review(collection: Collection, card_id: int) -> dict[str, int] | None:
    """Return the last review of a card; times are seconds."""
    reviews = rows(
        collection, "select id, ease from revlog where cid = ? order by id desc limit 1", card_id
    )
    return review_summary(*reviews[0]) if reviews else None


def review_summary(review_id: int, ease: int) -> dict[str, int]:
    """Return what the ancestor tells of a review."""
    return {"id": review_id, "ease": ease, "timestamp": review_id // 1000}


def _shown(card: Card) -> dict[str, Any]:
    output = card.render_output()
    return {
        "isEmpty": _is_empty(card.note(), card),
        "css": output.css,
        "question": with_sounds(output.question_text, output.question_av_tags),
        "answer": with_sounds(output.answer_text, output.answer_av_tags),
    }


def _is_empty(note: Note, card: Card) -> bool:
    return not note.cloze_numbers_in_fields() and not card.question().strip()


def _stored(card: Card) -> dict[str, Any]:
    return {
        "id": card.id,
        "did": card.did,
        "due": card.due,
        "factor": card.factor,
        "ivl": card.ivl,
        "lapses": card.lapses,
        "left": card.left,
        "mod": card.mod,
        "nid": card.nid,
        "odid": card.odid,
        "odue": card.odue,
        "ord": card.ord,
        "queue": card.queue,
        "reps": card.reps,
        "type": card.type,
        "usn": card.usn,
    }
