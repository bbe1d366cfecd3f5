"""Deck options: the groups of settings that decks share, in Anki's own words."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from anki.collection import Collection
from anki.decks import DeckConfigDict, DeckConfigId, DeckId
from pydantic import Field, JsonValue

from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document, Query, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Conflict, Invalid, NotFound
from syncserver.rest.v1.common import Id

resource = Resource("deck options")

DEFAULT_OPTIONS: Final = DeckConfigId(1)
MOST_NUMBER: Final = 2**31 - 1
OptionsName = Annotated[str, Field(min_length=1, max_length=1000)]


class Options(Document):
    """A group of options; `settings` are Anki's own, under Anki's names."""

    id: int
    name: str
    deck_ids: list[int]
    settings: dict[str, JsonValue]


class NewOptions(Body):
    """A new group of options, with the settings of another one or with the defaults."""

    name: OptionsName
    like: Id | None = None


class OptionsChange(Body):
    """A name, and the settings that are to change; those that are not named stay.

    Only settings that the group has can be changed, and only to values of the same kind.
    """

    name: OptionsName | None = None
    settings: dict[str, JsonValue] = Field(default_factory=dict)


class FullSyncQuery(Query):
    """Whether devices may be forced into a full sync."""

    allow_full_sync: bool = False


@resource.get("/v1/deck-options")
def list_options(call: Call) -> list[Options]:
    """List the groups of deck options."""
    with call.reading() as collection:
        return [_document(collection, options) for options in collection.decks.all_config()]


@resource.post("/v1/deck-options", status=201)
def add_options(call: Call, body: NewOptions) -> Reply[Options]:
    """Make a group of options."""
    with call.changing() as collection:
        like = None if body.like is None else _options(collection, body.like)
        added = collection.decks.add_config(body.name, clone_from=like)
        document = _document(collection, added)
    location = f"{call.request.script_name}/v1/deck-options/{document.id}"
    return Reply(document, headers={"Location": location})


@resource.get("/v1/deck-options/{options_id}")
def show_options(call: Call, options_id: int) -> Options:
    """Return a group of options."""
    with call.reading() as collection:
        return _document(collection, _options(collection, options_id))


@resource.patch("/v1/deck-options/{options_id}")
def change_options(call: Call, options_id: int, body: OptionsChange) -> Options:
    """Change some options, for all decks that share them."""
    with call.changing() as collection:
        options = _options(collection, options_id)
        name = {} if body.name is None else {"name": body.name}
        changed = {**_merged(options, body.settings, ""), **name}
        if changed != options:
            collection.decks.update_config(changed)
        return _document(collection, _options(collection, options_id))


@resource.delete("/v1/deck-options/{options_id}")
def remove_options(call: Call, options_id: int, query: FullSyncQuery) -> None:
    """Delete a group of options; its decks get the default ones. Every device must full-sync."""
    with call.changing(allow_full_sync=query.allow_full_sync) as collection:
        options = _options(collection, options_id)
        if options["id"] == DEFAULT_OPTIONS:
            raise Conflict("The default options cannot be deleted.")
        collection.decks.remove_config(options["id"])


@resource.get("/v1/decks/{deck_id}/options")
def show_options_of_deck(call: Call, deck_id: int) -> Options:
    """Return the options of a deck."""
    with call.reading() as collection:
        deck = collection.decks.get(DeckId(deck_id), default=False)
        if deck is None or deck["dyn"]:
            raise NotFound("There is no such deck, or it is filtered.")
        return _document(collection, collection.decks.config_dict_for_deck_id(DeckId(deck_id)))


def _options(collection: Collection, options_id: int) -> DeckConfigDict:
    for options in collection.decks.all_config():
        if options["id"] == options_id:
            return options
    raise NotFound(f"There are no options {options_id}.")


def _document(collection: Collection, options: DeckConfigDict) -> Options:
    apart = {"id", "name", "mod", "usn", "dyn"}
    return Options(
        id=options["id"],
        name=options["name"],
        deck_ids=list(collection.decks.decks_using_config(options)),
        settings={name: value for name, value in options.items() if name not in apart},
    )


def _merged(present: Mapping[str, Any], changes: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the settings with changes, group by group. Raises Invalid."""
    merged = dict(present)
    for name, value in changes.items():
        where = f"{path}{name}"
        if name not in present or (not path and name in ("id", "name", "mod", "usn", "dyn")):
            raise Invalid(f"There is no setting {where!r:.80}.")
        if _kind(value) != _kind(present[name]):
            raise Invalid(f"The setting {where!r:.80} takes another kind of value.")
        if not _fits(value):
            raise Invalid(f"The setting {where!r:.80} takes no such number.")
        is_group = isinstance(value, dict)
        merged[name] = _merged(present[name], value, f"{where}.") if is_group else value
    return merged


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def _fits(value: Any) -> bool:
    """Tell whether all numbers in a list, or the number, are such as libanki can read."""
    if isinstance(value, list):
        return all(_fits(one) for one in value)
    return not isinstance(value, (int, float)) or abs(value) <= MOST_NUMBER
