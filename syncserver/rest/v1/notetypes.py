"""Notetypes: list, look at, make, rename, restyle, delete."""

import copy
from typing import Annotated, Any, Literal

from anki.collection import Collection
from anki.models import NotetypeDict, NotetypeId
from pydantic import Field

from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document, Query, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Conflict, Invalid
from syncserver.rest.v1.common import notetype_by_id

resource = Resource("notetypes")

STANDARD, CLOZE = 0, 1
Name = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]
Text = Annotated[str, Field(max_length=1_000_000)]


class FieldDocument(Document):
    """A field, and how editors show it."""

    name: str
    font: str
    font_size: int
    right_to_left: bool
    sticky: bool
    description: str


class TemplateDocument(Document):
    """A kind of card: the templates of its two sides."""

    name: str
    question: str
    answer: str


class NotetypeSummary(Document):
    """A notetype and how many notes have it."""

    id: int
    name: str
    kind: Literal["standard", "cloze"]
    notes: int
    fields: list[str]
    templates: list[str]


class NotetypeDocument(Document):
    """A notetype; `sort_field` is the position of the field that notes are sorted by."""

    id: int
    name: str
    kind: Literal["standard", "cloze"]
    modified: int
    fields: list[FieldDocument]
    templates: list[TemplateDocument]
    css: str
    sort_field: int


class NewTemplate(Body):
    """A kind of card."""

    name: Name
    question: Text
    answer: Text


class NewNotetype(Body):
    """A new notetype; without `css` it looks like Anki's own ones."""

    name: Name
    kind: Literal["standard", "cloze"] = "standard"
    fields: Annotated[list[Name], Field(min_length=1, max_length=200)]
    templates: Annotated[list[NewTemplate], Field(min_length=1, max_length=100)]
    css: Text | None = None


class NotetypeChange(Body):
    """What is to be changed of a notetype; another sort field needs `allow_full_sync`."""

    name: Name | None = None
    css: Text | None = None
    sort_field: Annotated[int, Field(ge=0, le=999)] | None = None
    allow_full_sync: bool = False


class FullSyncQuery(Query):
    """Whether devices may be forced into a full sync."""

    allow_full_sync: bool = False


@resource.get("/v1/notetypes")
def list_notetypes(call: Call) -> list[NotetypeSummary]:
    """List the notetypes."""
    with call.reading() as collection:
        uses = {use.id: use.use_count for use in collection.models.all_use_counts()}
        return [_summary(one, uses[one["id"]]) for one in collection.models.all()]


@resource.post("/v1/notetypes", status=201)
def add_notetype(call: Call, body: NewNotetype) -> Reply[NotetypeDocument]:
    """Make a notetype; one of the name that is there already is a conflict."""
    with call.changing() as collection:
        refuse_taken(collection, body.name)
        added = collection.models.add_dict(_made(collection, body)).id
        document = document_of(notetype_by_id(collection, added))
    location = f"{call.request.script_name}/v1/notetypes/{document.id}"
    return Reply(document, headers={"Location": location})


@resource.get("/v1/notetypes/{notetype_id}")
def show_notetype(call: Call, notetype_id: int) -> NotetypeDocument:
    """Return a notetype with its fields, templates and CSS."""
    with call.reading() as collection:
        return document_of(notetype_by_id(collection, notetype_id))


@resource.patch("/v1/notetypes/{notetype_id}")
def change_notetype(call: Call, notetype_id: int, body: NotetypeChange) -> NotetypeDocument:
    """Change the name, the CSS or the sort field of a notetype."""
    with call.changing(allow_full_sync=body.allow_full_sync) as collection:
        notetype = copy.deepcopy(notetype_by_id(collection, notetype_id))
        if body.name is not None and body.name != notetype["name"]:
            refuse_taken(collection, body.name)
            notetype["name"] = body.name
        if body.css is not None:
            notetype["css"] = body.css
        if body.sort_field is not None:
            _check_position(notetype["flds"], body.sort_field)
            notetype["sortf"] = body.sort_field
        return stored(collection, notetype)


@resource.delete("/v1/notetypes/{notetype_id}")
def remove_notetype(call: Call, notetype_id: int, query: FullSyncQuery) -> None:
    """Delete a notetype with its notes and cards. Every device must full-sync."""
    with call.changing(allow_full_sync=query.allow_full_sync) as collection:
        notetype = notetype_by_id(collection, notetype_id)
        if len(collection.models.all_names_and_ids()) == 1:
            raise Conflict("The last notetype cannot be deleted.")
        collection.models.remove(NotetypeId(notetype["id"]))


def document_of(notetype: NotetypeDict) -> NotetypeDocument:
    """Return what the API tells of a notetype."""
    return NotetypeDocument(
        id=notetype["id"],
        name=notetype["name"],
        kind=_kind(notetype),
        modified=notetype["mod"],
        fields=[_field(field) for field in notetype["flds"]],
        templates=[_template(template) for template in notetype["tmpls"]],
        css=notetype["css"],
        sort_field=notetype["sortf"],
    )


def stored(collection: Collection, notetype: NotetypeDict) -> NotetypeDocument:
    """Store a changed copy of a notetype. Raises what libanki does for one that makes no cards."""
    if notetype != notetype_by_id(collection, notetype["id"]):
        collection.models.update_dict(notetype)
    return document_of(notetype_by_id(collection, notetype["id"]))


def refuse_taken(collection: Collection, name: str) -> None:
    """Raise Conflict if a notetype has the name; libanki would invent another name."""
    taken = collection.models.id_for_name(name)
    if taken is not None:
        raise Conflict(f"There is a notetype {name!r:.80}.", members={"notetype_id": taken})


def _made(collection: Collection, body: NewNotetype) -> NotetypeDict:
    notetype = collection.models.new(body.name)
    notetype["type"] = CLOZE if body.kind == "cloze" else STANDARD
    notetype["flds"] = [collection.models.new_field(name) for name in body.fields]
    notetype["tmpls"] = [new_template(collection, template) for template in body.templates]
    if body.css is not None:
        notetype["css"] = body.css
    return notetype


def new_template(collection: Collection, wanted: NewTemplate) -> dict[str, Any]:
    """Return a template as libanki has it."""
    template = collection.models.new_template(wanted.name)
    return {**template, "qfmt": wanted.question, "afmt": wanted.answer}


def _check_position(things: list[Any], position: int) -> None:
    if position >= len(things):
        raise Invalid(f"There are only {len(things)} of them.")


def _summary(notetype: NotetypeDict, notes: int) -> NotetypeSummary:
    return NotetypeSummary(
        id=notetype["id"],
        name=notetype["name"],
        kind=_kind(notetype),
        notes=notes,
        fields=[field["name"] for field in notetype["flds"]],
        templates=[template["name"] for template in notetype["tmpls"]],
    )


def _kind(notetype: NotetypeDict) -> Literal["standard", "cloze"]:
    return "cloze" if notetype["type"] == CLOZE else "standard"


def _field(field: dict[str, Any]) -> FieldDocument:
    return FieldDocument(
        name=field["name"],
        font=field["font"],
        font_size=field["size"],
        right_to_left=field["rtl"],
        sticky=field["sticky"],
        description=field.get("description") or "",
    )


def _template(template: dict[str, Any]) -> TemplateDocument:
    return TemplateDocument(
        name=template["name"], question=template["qfmt"], answer=template["afmt"]
    )
