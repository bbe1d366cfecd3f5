"""example.ini is the schema in words: every option, its default, an explanation, and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from syncserver.settings import ServerSettings, Settings, load_file

EXAMPLE = Path(__file__).parents[2] / "example.ini"
SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("DEFAULT", Settings),
    ("server:main", ServerSettings),
]
# An option, or one behind a '#' without a space; explanations have a space there.
OPTION = re.compile(r"^(#?)([a-z_]+) =(.*)$")


def blocks_of(section: str) -> list[list[str]]:
    """Return the lines of a section, grouped as the empty lines group them."""
    text = EXAMPLE.read_text(encoding="utf-8").split(f"[{section}]\n")[1]
    text = re.split(r"(?m)^\[", text)[0]
    return [block.strip().splitlines() for block in text.split("\n\n") if block.strip()]


def options_of(section: str) -> list[tuple[str, str]]:
    """Return the options of a section and their values, those behind a '#' too."""
    lines = [line for block in blocks_of(section) for line in block]
    found = [match for line in lines if (match := OPTION.match(line))]
    return [(match[2], match[3].strip()) for match in found if match[2] != "use"]


@pytest.mark.parametrize(("section", "model"), SECTIONS)
def test_every_option_of_the_schema_stands_there_once(section: str, model: type[BaseModel]) -> None:
    assert sorted(name for name, _ in options_of(section)) == sorted(model.model_fields)


@pytest.mark.parametrize(("section", "model"), SECTIONS)
def test_the_values_are_the_defaults(section: str, model: type[BaseModel]) -> None:
    written = model.model_validate(dict(options_of(section)))
    for name, field in model.model_fields.items():
        if not field.is_required():
            assert getattr(written, name) == field.get_default(), name


@pytest.mark.parametrize(("section", "_model"), SECTIONS)
def test_every_option_is_explained(section: str, _model: Any) -> None:
    for block in blocks_of(section):
        if any(OPTION.match(line) for line in block):
            assert block[0].startswith("# "), block


def test_the_example_can_be_used_as_it_is() -> None:
    shared, server = load_file(EXAMPLE, {})
    assert shared.options == Settings(data_root=EXAMPLE.parent / "data")
    assert server.options == ServerSettings()
