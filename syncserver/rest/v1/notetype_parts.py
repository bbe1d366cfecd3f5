"""The fields and templates of a notetype: add, change, move, remove.

To add, move or remove one forces every device into a full sync, and needs `allow_full_sync`.
A part is named by its position, which begins with 0.
"""

import copy
from typing import Annotated, Any

from pydantic import Field

from syncserver.rest.call import Call
from syncserver.rest.models import Body
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Conflict, Invalid, NotFound
from syncserver.rest.v1.common import notetype_by_id
from syncserver.rest.v1.notetypes import (
    FullSyncQuery,
    Name,
    NewTemplate,
    NotetypeDocument,
    Text,
    new_template,
    stored,
)

resource = Resource("notetypes")

Position = Annotated[int, Field(ge=0, le=999)]
Parts = list[dict[str, Any]]


class NewField(Body):
    """A new field, at a position or at the end."""

    name: Name
    position: Position | None = None
    allow_full_sync: bool = False


class FieldChange(Body):
    """What is to be changed of a field; another position needs `allow_full_sync`."""

    name: Name | None = None
    position: Position | None = None
    font: Annotated[str, Field(max_length=200)] | None = None
    font_size: Annotated[int, Field(ge=1, le=999)] | None = None
    right_to_left: bool | None = None
    sticky: bool | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None
    allow_full_sync: bool = False


class AddedTemplate(NewTemplate):
    """A new kind of card, which every note of the notetype gets."""

    allow_full_sync: bool = False


class TemplateChange(Body):
    """What is to be changed of a template; another position needs `allow_full_sync`."""

    name: Name | None = None
    position: Position | None = None
    question: Text | None = None
    answer: Text | None = None
    allow_full_sync: bool = False


@resource.post("/v1/notetypes/{notetype_id}/fields")
def add_field(call: Call, notetype_id: int, body: NewField) -> NotetypeDocument:
    """Add a field."""
    with call.changing(allow_full_sync=body.allow_full_sync) as collection:
        notetype = copy.deepcopy(notetype_by_id(collection, notetype_id))
        fields: Parts = notetype["flds"]
        _refuse_taken(fields, body.name)
        field = collection.models.new_field(body.name)
        fields.insert(len(fields) if body.position is None else body.position, field)
        return stored(collection, notetype)


@resource.patch("/v1/notetypes/{notetype_id}/fields/{position}")
def change_field(
    call: Call, notetype_id: int, position: int, body: FieldChange
) -> NotetypeDocument:
    """Change a field; renaming one changes the templates that use it, too."""
    with call.changing(allow_full_sync=body.allow_full_sync) as collection:
        notetype = copy.deepcopy(notetype_by_id(collection, notetype_id))
        fields: Parts = notetype["flds"]
        field = _part(fields, position)
        if body.name is not None and body.name != field["name"]:
            _refuse_taken(fields, body.name)
        _set(
            field,
            name=body.name,
            font=body.font,
            size=body.font_size,
            rtl=body.right_to_left,
            sticky=body.sticky,
            description=body.description,
        )
        _move(fields, field, body.position)
        return stored(collection, notetype)


@resource.delete("/v1/notetypes/{notetype_id}/fields/{position}")
def remove_field(call: Call, notetype_id: int, position: int, query: FullSyncQuery) -> None:
    """Delete a field with its contents in all notes."""
    with call.changing(allow_full_sync=query.allow_full_sync) as collection:
        notetype = copy.deepcopy(notetype_by_id(collection, notetype_id))
        _remove(notetype["flds"], position)
        stored(collection, notetype)


@resource.post("/v1/notetypes/{notetype_id}/templates")
def add_template(call: Call, notetype_id: int, body: AddedTemplate) -> NotetypeDocument:
    """Add a kind of card."""
    with call.changing(allow_full_sync=body.allow_full_sync) as collection:
        notetype = copy.deepcopy(notetype_by_id(collection, notetype_id))
        templates: Parts = notetype["tmpls"]
        _refuse_taken(templates, body.name)
        templates.append(new_template(collection, body))
        return stored(collection, notetype)


@resource.patch("/v1/notetypes/{notetype_id}/templates/{position}")
def change_template(
    call: Call, notetype_id: int, position: int, body: TemplateChange
) -> NotetypeDocument:
    """Change a kind of card."""
    with call.changing(allow_full_sync=body.allow_full_sync) as collection:
        notetype = copy.deepcopy(notetype_by_id(collection, notetype_id))
        templates: Parts = notetype["tmpls"]
        template = _part(templates, position)
        if body.name is not None and body.name != template["name"]:
            _refuse_taken(templates, body.name)
        _set(template, name=body.name, qfmt=body.question, afmt=body.answer)
        _move(templates, template, body.position)
        return stored(collection, notetype)


@resource.delete("/v1/notetypes/{notetype_id}/templates/{position}")
def remove_template(call: Call, notetype_id: int, position: int, query: FullSyncQuery) -> None:
    """Delete a kind of card with all its cards."""
    with call.changing(allow_full_sync=query.allow_full_sync) as collection:
        notetype = copy.deepcopy(notetype_by_id(collection, notetype_id))
        _remove(notetype["tmpls"], position)
        stored(collection, notetype)


def _part(parts: Parts, position: int) -> dict[str, Any]:
    if position >= len(parts):
        raise NotFound(f"There is nothing at position {position}.")
    return parts[position]


def _refuse_taken(parts: Parts, name: str) -> None:
    if any(part["name"].casefold() == name.casefold() for part in parts):
        raise Conflict(f"{name!r:.80} is there already.")


def _set(part: dict[str, Any], **values: Any) -> None:
    part.update({name: value for name, value in values.items() if value is not None})


def _move(parts: Parts, part: dict[str, Any], position: int | None) -> None:
    if position is None:
        return
    if position >= len(parts):
        raise Invalid(f"There are only {len(parts)} of them.")
    parts.remove(part)
    parts.insert(position, part)


def _remove(parts: Parts, position: int) -> None:
    part = _part(parts, position)
    if len(parts) == 1:
        raise Conflict("The last one cannot be deleted.")
    parts.remove(part)
