"""Which operation is done by which function; plug-ins may add some.

A handler takes the collection and the request, and the validated data if it declares them:

    @handlers.add("note", "index")
    def index(collection: Collection, request: AncestorRequest, data: Options) -> Any: ...
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Final, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict

from syncserver.accounts.scopes import Scope
from syncserver.accounts.users import User
from syncserver.rest.call import Call
from syncserver.rest.problems import NotFound

ENTRY_POINTS: Final = "syncserver.handlers"

# What an operation is about: the whole collection, or one thing in it.
Kind = Literal["collection", "model", "note", "deck", "card"]
KINDS: Final = ("model", "note", "deck", "card")
# Whether a handler gets the collection to read, to change, or finds its own way to it.
Needs = Literal["read", "change", "nothing"]
Function = Callable[..., Any]


class Data(BaseModel):
    """The JSON of a request; old programs send numbers as text, and what nobody needs."""

    model_config = ConfigDict(extra="ignore", frozen=True)


@dataclass(frozen=True, slots=True)
class AncestorRequest:
    """What a handler is asked: `item` names the note, card, deck or model, `data` is the JSON."""

    call: Call
    user: User
    item: str
    data: Mapping[str, Any]

    @property
    def item_id(self) -> int:
        """The item as a number. Raises NotFound when it is none."""
        if not self.item.isascii() or not self.item.isdecimal() or len(self.item) > 18:
            raise NotFound(f"{self.item!r:.80} is no id.")
        return int(self.item)


@dataclass(frozen=True, slots=True)
class Handler:
    """One operation."""

    function: Function
    scope: Scope
    needs: Needs
    data: type[Data] | None


class Handlers:
    """All operations by kind and name."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], Handler] = {}

    def add(
        self, kind: Kind, name: str, *, scope: Scope = Scope.READ, needs: Needs | None = None
    ) -> Callable[[Function], Function]:
        """Declare a handler; without `needs` it changes the collection if its scope says so.

        Raises ValueError when there is one of this name.
        """

        def declare(function: Function) -> Function:
            if (kind, name) in self._handlers:
                raise ValueError(f"there is a handler for {kind}/{name} already")
            data = get_type_hints(function).get("data")
            default: Needs = "read" if scope is Scope.READ else "change"
            self._handlers[kind, name] = Handler(function, scope, needs or default, data)
            return function

        return declare

    def add_all(self, others: "Handlers") -> None:
        """Take over the handlers of a module."""
        for (kind, name), handler in others._handlers.items():  # noqa: SLF001 - of the same class
            self._handlers[kind, name] = handler

    def find(self, kind: str, name: str) -> Handler:
        """Return the handler. Raises NotFound."""
        handler = self._handlers.get((kind, name))
        if handler is None:
            raise NotFound(f"There is no operation {name!r:.80} of a {kind}.")
        return handler

    def names(self) -> list[tuple[str, str]]:
        """Return all kinds and names."""
        return list(self._handlers)


def add_plug_ins(handlers: Handlers) -> None:
    """Have each installed plug-in add its handlers: an entry point names a function for that."""
    for entry_point in entry_points(group=ENTRY_POINTS):
        entry_point.load()(handlers)
