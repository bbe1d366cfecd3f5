"""Texts of notes as the add-on tells them."""

from collections.abc import Mapping
from typing import Any

from anki.notes import Note


def shown_fields(note: Note) -> dict[str, dict[str, Any]]:
    """Return the fields of a note by their names, each with its place."""
    return {
        name: {"value": value, "order": order} for order, (name, value) in enumerate(note.items())
    }


def without_isolates(text: str) -> str:
    """Return a text of libanki without the invisible marks around its parts."""
    return text.replace("\u2068", "").replace("\u2069", "")


def set_fields(note: Note, fields: Mapping[str, str]) -> bool:
    """Set fields by their names, whatever their case; tell whether the note has any of them."""
    names = {name.casefold(): name for name in note.keys()}  # noqa: SIM118 - a note is no dict
    known = {
        names[name.casefold()]: text for name, text in fields.items() if name.casefold() in names
    }
    for name, text in known.items():
        note[name] = text
    return bool(known)
