"""From a path and a verb to an operation."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from syncserver.rest.operations import MOST_ID, Operation
from syncserver.rest.problems import NotFound, WrongMethod


@dataclass(frozen=True, slots=True)
class Match:
    """An operation, and what stands in the places of its path."""

    operation: Operation
    places: dict[str, Any]


class Routes:
    """The operations of an app."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        """Prepare; of two paths that both match, the one with fewer places is taken."""
        ordered = sorted(operations, key=lambda operation: len(operation.places))
        self._routes = [(re.compile(operation.pattern), operation) for operation in ordered]

    def find(self, verb: str, path: str) -> Match:
        """Return what takes this request. Raises NotFound, WrongMethod; HEAD is taken as GET."""
        wanted = "GET" if verb == "HEAD" else verb
        matches = self._matches(path)
        for match in matches:
            if match.operation.verb == wanted:
                return match
        if matches:
            raise WrongMethod(sorted({match.operation.verb for match in matches}))
        raise NotFound

    def verbs(self, path: str) -> list[str]:
        """Return the verbs that a path takes."""
        return sorted({match.operation.verb for match in self._matches(path)})

    def _matches(self, path: str) -> list[Match]:
        found = []
        for pattern, operation in self._routes:
            match = pattern.fullmatch(path)
            places = _places(operation, match) if match else None
            if places is not None:
                found.append(Match(operation, places))
        return found


def _places(operation: Operation, match: re.Match[str]) -> dict[str, Any] | None:
    places = {name: operation.places[name](text) for name, text in match.groupdict().items()}
    too_large = any(isinstance(value, int) and value > MOST_ID for value in places.values())
    return None if too_large else places
