"""docs/rest.md says what is so: problems, scopes, operations."""

import re

from syncserver.accounts.scopes import Scope
from syncserver.rest.ancestor.endpoint import all_handlers
from syncserver.rest.problems import PROBLEMS, Problem
from tests.units.test_docs import code, table

REST = "docs/rest.md"


def operations(heading: str) -> dict[tuple[str, str], str]:
    """Return the scope of each operation in the tables below a heading."""
    found = {}
    for first, scope, *_ in table(REST, heading):
        kind, _, names = first.rpartition(":")
        for name in re.findall(r"`(\w+)`", names):
            found[kind or "collection", name] = scope
    return found


def test_every_problem_is_documented_with_its_status() -> None:
    rows = table(REST, "Requests, answers and problems")
    documented = {(code(row[0]), int(row[1])) for row in rows}
    assert documented == {(problem.name, problem.status) for problem in PROBLEMS}


def test_the_list_of_problems_is_whole() -> None:
    kinds = [Problem]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert set(kinds[1:]) == set(PROBLEMS)


def test_every_scope_is_documented_with_what_it_includes() -> None:
    for name, _meaning, includes in table(REST, "Scopes"):
        scope = Scope(code(name))
        named = set(re.findall(r"`(\w+)`", includes)) if includes != "all" else set(Scope)
        included = {other for other in Scope if scope.includes(other)}
        assert included == {scope, *map(Scope, named)}
    assert len(table(REST, "Scopes")) == len(Scope)


def test_every_operation_of_the_ancestor_is_documented_with_its_scope() -> None:
    handlers = all_handlers()
    expected = {(kind, name): handlers.find(kind, name).scope for kind, name in handlers.names()}
    assert operations("Calls of the ancestor") == expected
