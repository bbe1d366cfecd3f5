"""Which action is done by which function, and what parameters are made of.

A function takes by name what it needs: `call`, the `collection`, the validated `params`:

    @actions.add("findCards")
    def find_cards(collection: Collection, params: Search) -> list[int]: ...

One that takes the collection gets it to read if its scope is READ, and else to change it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_type_hints

from pydantic import BaseModel, ConfigDict, Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.problems import NotFound

UNSUPPORTED: Final = "unsupported action"
MOST_IDS: Final = 100_000

Function = Callable[..., Any]
# What a column of ids holds. Some programs send ids as text.
Id = Annotated[int, Field(ge=0, lt=2**63)]
Ids = Annotated[list[Id], Field(max_length=MOST_IDS)]


class Params(BaseModel):
    """The parameters of an action: a name that it does not know is an error, as in the add-on."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(BaseModel):
    """An object among the parameters, in which programs send more than the add-on looks at."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Cards(Params):
    """Some cards, by their ids."""

    cards: Ids


class Notes(Params):
    """Some notes, by their ids."""

    notes: Ids


class Search(Params):
    """A search as in the browser."""

    query: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One action; `scope` is None if it needs no key."""

    name: str
    function: Function
    scope: Scope | None
    params: type[Params]
    takes: frozenset[str]

    @property
    def changes(self) -> bool:
        """Whether it gets the collection to change it."""
        return self.scope is not Scope.READ


class Actions:
    """Actions by their names."""

    def __init__(self) -> None:
        self._actions: dict[str, Action] = {}

    def add(self, name: str, *, scope: Scope | None = Scope.READ) -> Callable[[Function], Function]:
        """Declare the function of an action. Raises ValueError when it has one already."""

        def declare(function: Function) -> Function:
            if name in self._actions:
                raise ValueError(f"there is an action {name} already")
            params = get_type_hints(function).get("params", Params)
            takes = frozenset(inspect.signature(function).parameters)
            self._actions[name] = Action(name, function, scope, params, takes)
            return function

        return declare

    def add_all(self, others: "Actions") -> None:
        """Take over the actions of a module."""
        self._actions.update(others.by_name)

    @property
    def by_name(self) -> Mapping[str, Action]:
        """All actions."""
        return self._actions

    def find(self, name: str) -> Action:
        """Return an action. Raises NotFound, in the add-on's words."""
        action = self._actions.get(name)
        if action is None:
            raise NotFound(UNSUPPORTED)
        return action
