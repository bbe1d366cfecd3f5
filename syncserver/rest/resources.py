"""Which resources /api has, in the order of the OpenAPI document."""

from typing import Final

from syncserver.rest import login
from syncserver.rest.operations import Operation, Resource
from syncserver.rest.v1 import (
    card_actions,
    cards,
    deck_options,
    decks,
    exports,
    filtered_decks,
    imports,
    jobs,
    media,
    note_batch,
    notes,
    notetype_parts,
    notetypes,
    reviews,
    statistics,
    study,
    tags,
)
from syncserver.rest.v1.description import description

_USED: Final[tuple[Resource, ...]] = (
    login.resource,
    decks.resource,
    filtered_decks.resource,
    deck_options.resource,
    notes.resource,
    note_batch.resource,
    tags.resource,
    cards.resource,
    card_actions.resource,
    study.resource,
    reviews.resource,
    statistics.resource,
    notetypes.resource,
    notetype_parts.resource,
    media.resource,
    imports.resource,
    exports.resource,
    jobs.resource,
)


def api_operations() -> list[Operation]:
    """Return the operations of all resources."""
    return [operation for resource in RESOURCES for operation in resource.operations]


RESOURCES: Final = (*_USED, description(api_operations))
