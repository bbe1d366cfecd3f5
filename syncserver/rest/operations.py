"""How a resource declares its operations: verb, path, scope, and a function with typed arguments.

The arguments of a handler say what it takes: `call` first, then the names in braces of the path
(int or str), `body` (a Body) and `query` (a Query). Its return type says what it answers.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, get_type_hints

from syncserver.accounts.scopes import Scope

Handler = Callable[..., Any]

PLACE: Final = re.compile(r"\{(\w+)\}")
# What a place takes: an id, or any text up to the next slash.
PLACE_PATTERNS: Final = {int: "[0-9]{1,19}", str: "[^/]+"}
MOST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `scope` is None for what needs no token, `places` are those of the path."""

    verb: str
    path: str
    scope: Scope | None
    status: int
    handler: Handler
    places: dict[str, type]
    body: Any
    query: Any
    answer: Any
    group: str
    # The type of a body that is no JSON, and the request headers that the handler looks at.
    upload: str = ""
    takes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name in the log and in the OpenAPI document."""
        return self.handler.__name__

    @property
    def pattern(self) -> str:
        """A regular expression for the path, with a named group for each place."""
        pieces = PLACE.split(self.path)
        # Texts and names of places take turns.
        texts = [re.escape(text) for text in pieces[::2]]
        places = [f"(?P<{one}>{PLACE_PATTERNS[self.places[one]]})" for one in pieces[1::2]]
        return "".join(a + b for a, b in zip(texts, [*places, ""], strict=True))


class Resource:
    """The operations of one module, in the order in which they are declared."""

    def __init__(self, group: str) -> None:
        """Make a resource; `group` is its heading in the OpenAPI document."""
        self.group = group
        self.operations: list[Operation] = []

    def operation(
        self, verb: str, path: str, *, scope: Scope | None, status: int = 200, **more: Any
    ) -> Callable[[Handler], Handler]:
        """Declare a handler; `path` begins behind the app's own, such as "/v1/notes/{note_id}".

        A handler that returns None answers 204. `more` are `upload` and `takes` of Operation.
        """

        def declare(handler: Handler) -> Handler:
            hints = get_type_hints(handler)
            self.operations.append(
                Operation(
                    verb=verb,
                    path=path,
                    scope=scope,
                    status=204 if hints["return"] is type(None) else status,
                    handler=handler,
                    places={name: hints[name] for name in PLACE.findall(path)},
                    body=hints.get("body"),
                    query=hints.get("query"),
                    answer=hints["return"],
                    group=self.group,
                    **more,
                )
            )
            _check_arguments(handler, self.operations[-1])
            return handler

        return declare

    def get(
        self, path: str, *, scope: Scope | None = Scope.READ, **more: Any
    ) -> Callable[[Handler], Handler]:
        """Declare what is asked for with GET."""
        return self.operation("GET", path, scope=scope, **more)

    def post(
        self, path: str, *, scope: Scope | None = Scope.WRITE, status: int = 200, **more: Any
    ) -> Callable[[Handler], Handler]:
        """Declare what is asked for with POST; `status` 201 if it makes something."""
        return self.operation("POST", path, scope=scope, status=status, **more)

    def put(
        self, path: str, *, scope: Scope | None = Scope.WRITE, **more: Any
    ) -> Callable[[Handler], Handler]:
        """Declare what is asked for with PUT."""
        return self.operation("PUT", path, scope=scope, **more)

    def patch(
        self, path: str, *, scope: Scope | None = Scope.WRITE, **more: Any
    ) -> Callable[[Handler], Handler]:
        """Declare what is asked for with PATCH."""
        return self.operation("PATCH", path, scope=scope, **more)

    def delete(
        self, path: str, *, scope: Scope | None = Scope.WRITE, **more: Any
    ) -> Callable[[Handler], Handler]:
        """Declare what is asked for with DELETE."""
        return self.operation("DELETE", path, scope=scope, **more)


def _check_arguments(handler: Handler, operation: Operation) -> None:
    """Raise TypeError for an argument that nothing would be given for."""
    known = {"call", "body", "query", *operation.places}
    unknown = set(inspect.signature(handler).parameters) - known
    if unknown:
        raise TypeError(f"{handler.__name__} takes {', '.join(sorted(unknown))}")
