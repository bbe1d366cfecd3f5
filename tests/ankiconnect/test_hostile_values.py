"""Whatever the values of parameters are, the answer is a result or an error that was foreseen."""

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from syncserver.rest.ankiconnect.endpoint import all_actions
from tests.ankiconnect.conftest import NewAnki, Program
from tests.support.device import Device

NUMBERS = [0, 1, -1, 2**31, 2**53, 2**63 - 1, 2**63, 10**30]
TEXTS = [
    "",
    "Basic",
    "Default",
    "one",
    "\x00",
    "\x1f",
    "{{",
    "a" * 70_000,
    '"',
    "0!",
    "::",
    "../x",
    "a " * 5000,
]
STRUCTURES = [None, True, [], {}, [[]], {"x": 1}]


PLAIN: dict[Any, list[Any]] = {int: NUMBERS, bool: [True, False], str: TEXTS}


def values(annotation: Any) -> list[Any]:
    """Return values that fit an annotation, as far as its shape goes, and are hard on its code."""
    arguments = get_args(annotation)
    if arguments:
        return composed(get_origin(annotation), arguments)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return list(objects(annotation))
    return PLAIN.get(annotation, STRUCTURES)


def composed(origin: Any, arguments: tuple[Any, ...]) -> list[Any]:
    if origin is list:
        return [[], *([value] for value in values(arguments[0])), values(arguments[0])[:3] * 2]
    if origin is dict:
        return [{}, *({key: "x"} for key in TEXTS), *({"Front": text} for text in TEXTS)]
    if origin is tuple:
        return [[number] * len(arguments) for number in NUMBERS]
    if origin in (Union, types.UnionType):
        return [value for one in arguments for value in values(one)]
    return values(arguments[0])  # Annotated


def objects(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """Yield parameters in which each member in turn has each of its values."""
    fields = {name: values(field.annotation) for name, field in model.model_fields.items()}
    required = {
        name: next((value for value in fields[name] if value), None)
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    for name, candidates in fields.items():
        for value in candidates:
            yield {**required, name: value}


@pytest.fixture
def seasoned(new_anki: NewAnki, laptop: Device) -> Program:
    """A program on a collection with a review and another deck."""
    program = new_anki()
    program("createDeck", deck="Other")
    program("answerCards", cards=program("findCards", query="")[:1], answers=[3])
    return program


@pytest.mark.parametrize("action", sorted(set(all_actions().by_name) - {"multi"}))
def test_no_value_is_unforeseen(seasoned: Program, laptop: Device, action: str) -> None:
    asked = [
        {"action": action, "version": 6, "params": params}
        for params in objects(all_actions().find(action).params)
    ]
    for answer in seasoned("multi", actions=[{"action": action, "version": 6}, *asked[:400]]):
        assert "the server failed" not in str(answer["error"]), answer
    assert seasoned("guiCheckDatabase") is True
