"""docs/limits.md has every limit, with its default."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from syncserver.limits.admission import REMEDIES
from syncserver.settings import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
# What makes an option a limit.
SIGNS = ("max_", "_quota", "requests", "_failures_", "_failure_", "_per_user", "_window")


def rows() -> dict[str, list[str]]:
    """Return the cells behind each option in the table of all limits."""
    table = DOCUMENT.split("## Every limit\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {cells[0].strip().strip("`"): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_every_limit_is_there() -> None:
    limits = {name for name in Settings.model_fields if any(sign in name for sign in SIGNS)}
    assert limits <= set(rows())
    assert set(rows()) <= set(Settings.model_fields)


@pytest.mark.parametrize("option", sorted(rows()))
def test_the_defaults_are_those_of_the_settings(option: str) -> None:
    written: BaseModel = Settings.model_validate(
        {"data_root": "data", option: rows()[option][0].strip("`")}
    )
    assert getattr(written, option) == Settings.model_fields[option].get_default()


def test_what_is_logged_as_a_limit_is_one() -> None:
    assert set(REMEDIES) <= set(rows())
