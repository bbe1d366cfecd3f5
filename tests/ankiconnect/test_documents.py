"""docs/ankiconnect.md lists every action as it is, and every action is tested."""

from pathlib import Path

import pytest

from syncserver.rest.ankiconnect.actions import Actions
from syncserver.rest.ankiconnect.endpoint import all_actions
from tests.ankiconnect.conftest import Program
from tests.units.test_docs import table

DOCUMENT = "docs/ankiconnect.md"
GROUPS = (
    *("Cards", "Decks", "Notes", "Notetypes"),
    *("Media", "Statistics", "Miscellaneous", "Windows"),
)
UNSUPPORTED = "no"


def documented() -> dict[str, tuple[str, str]]:
    """Return the scope and the state of each action."""
    rows = [row for group in GROUPS for row in table(DOCUMENT, group)]
    names = [row[0].strip("`") for row in rows]
    assert len(set(names)) == len(names)
    return {row[0].strip("`"): (row[1], row[2]) for row in rows}


def test_every_action_is_listed_with_its_scope() -> None:
    listed = {name: scope for name, (scope, state) in documented().items() if state != UNSUPPORTED}
    actions = all_actions().by_name.values()
    assert listed == {
        action.name: action.scope.value if action.scope else "none" for action in actions
    }


def test_an_action_is_declared_once() -> None:
    actions = Actions()
    declare = actions.add("version")
    declare(lambda: 1)
    with pytest.raises(ValueError, match="version"):
        declare(lambda: 2)


def test_states_are_the_three_that_are_explained() -> None:
    assert {state for _scope, state in documented().values()} == {"same", "equivalent", "no"}


@pytest.mark.parametrize(
    "action", [name for name, (_scope, state) in documented().items() if state == UNSUPPORTED]
)
def test_what_is_said_to_be_unsupported_is(anki: Program, action: str) -> None:
    assert anki.error(action) == "unsupported action"


@pytest.mark.parametrize("action", sorted(all_actions().by_name))
def test_every_action_is_named_in_a_test(action: str) -> None:
    tests = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    assert any(f'"{action}"' in test for test in tests)
