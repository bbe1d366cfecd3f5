"""The documents say what is so: commands, options, events, statuses, dependencies, links."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.main import get_command

from syncserver import errors, events
from syncserver.control import output
from syncserver.control.process import CLOSING_TIMEOUT
from syncserver.control.program import build_program
from syncserver.settings import ServerSettings, Settings

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10, on which pytest brings the same under its old name
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
OPERATIONS = "docs/operations.md"
DEPENDENCIES = "docs/dependencies.md"
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md"))),
)
# What stands for the program in commands.
PROGRAMS = ("ctl.py", "syncserver-ctl")
SEPARATORS = ("&&", "||", ";", "|", "<")
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"[A-Z_]+=\S*")
MAKE_TARGET = re.compile(r"^([a-z][\w-]*) *:(?!=)", re.MULTILINE)

Row = list[str]


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def section(document: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of any level."""
    _before, found, after = text(document).partition(f"# {heading}\n")
    assert found, f"{document} has no heading {heading!r}"
    return re.split(r"^#", after, maxsplit=1, flags=re.MULTILINE)[0]


def table(document: str, heading: str) -> list[Row]:
    """Return the cells of the rows of the table under a heading."""
    lines = [line for line in section(document, heading).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    assert len(rows) > 2, f"{document} has no table under {heading!r}"
    return rows[2:]


def code(cell: str) -> str:
    return cell.strip("`")


def commands(document: str) -> Iterator[list[str]]:
    """Yield the words of each command in code blocks and in inline code."""
    blocks = [block for _language, block in CODE_BLOCK.findall(text(document))]
    prose = CODE_BLOCK.sub("", text(document))
    lines = [line for block in blocks for line in block.splitlines()] + INLINE_CODE.findall(prose)
    for line in lines:
        for part in re.split("|".join(map(re.escape, SEPARATORS)), _without_prompt(line)):
            yield part.split()


def _without_prompt(line: str) -> str:
    return re.sub(r"^\s*[$#] ", "", line).split(" #")[0]


def arguments_of(document: str, programs: Sequence[str]) -> Iterator[list[str]]:
    """Yield the arguments of the commands that call one of the programs."""
    for words in commands(document):
        called = words[words.index("--") + 1 :] if words[:1] == ["runuser"] else words
        while called and VARIABLE.fullmatch(called[0]):
            called = called[1:]
        if called and called[0].rpartition("/")[2] in programs:
            yield called[1:]


def control_commands() -> dict[str, Any]:
    """Return the commands of the control script, objects of typer, by their names, groups' too."""
    return dict(_commands_of(get_command(build_program())))


def _commands_of(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands_of(command, f"{path}{name} ")
        else:
            yield path + name, command


def named_command(words: Sequence[str]) -> str:
    """Return the command that the words call; the first word if there is no such command."""
    grouped = " ".join(words[:2])
    return grouped if grouped in control_commands() else words[0]


# Commands


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_command_of_the_control_script_exists(document: str) -> None:
    for words in filter(None, arguments_of(document, PROGRAMS)):
        name = named_command(words)
        if name.startswith("--"):
            assert name in ("--help", "--version"), f"{name} in {document}"
        else:
            assert name in control_commands(), f"ctl.py {name} in {document}"
            check_options(name, words)


def check_options(name: str, arguments: Sequence[str]) -> None:
    parameters = control_commands()[name].params
    known = {"--help", *(option for parameter in parameters for option in parameter.opts)}
    given = {word for word in arguments if word.startswith("-")}
    assert given <= known, f"ctl.py {name}: {given - known}"


def test_the_documents_name_every_command() -> None:
    called = [words for document in DOCUMENTS for words in arguments_of(document, PROGRAMS)]
    named = {named_command(words) for words in called if words}
    # What `make run` calls, and people need not.
    assert set(control_commands()) - named == {"first-user"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_target_of_make_exists(document: str) -> None:
    targets = {*MAKE_TARGET.findall(text("Makefile")), "production.ini"}
    for arguments in arguments_of(document, ["make"]):
        named = {word for word in arguments if "=" not in word and not word.startswith("-")}
        assert named <= targets, f"make {arguments} in {document}"


def test_the_two_commands_of_the_readme_are_there() -> None:
    named = [" ".join(words) for words in commands("README.md")]
    assert "make run" in named
    assert "make test" in named


def test_the_control_script_lists_the_documented_commands() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "ctl.py"), "--help"], capture_output=True, text=True, check=True
    )
    listed = re.findall(r"^  ([a-z-]+) ", done.stdout, re.MULTILINE)
    assert {arguments[0] for arguments in arguments_of(OPERATIONS, PROGRAMS) if arguments} <= {
        *listed,
        "--help",
    }


def test_the_exit_codes_are_those_of_the_control_script() -> None:
    documented = {int(row[0]) for row in table(OPERATIONS, "Users")}
    assert documented == {
        output.DONE,
        output.FAILED,
        output.WRONG_USAGE,
        output.NOT_RUNNING,
        output.NO_SUCH_USER,
        output.WRONG_CONFIGURATION,
    }


# Options


@pytest.mark.parametrize(
    ("heading", "model"),
    [("Options in [DEFAULT]", Settings), ("Options in [server:main]", ServerSettings)],
)
class TestOptions:
    def test_the_table_has_every_option_in_the_order_of_the_schema(
        self, heading: str, model: type[BaseModel]
    ) -> None:
        assert [code(row[0]) for row in table(OPERATIONS, heading)] == list(model.model_fields)

    def test_the_table_tells_the_defaults(self, heading: str, model: type[BaseModel]) -> None:
        documented = {code(row[0]): row[1] for row in table(OPERATIONS, heading)}
        for name, field in model.model_fields.items():
            if field.is_required():
                assert documented.pop(name) == "required"
        given = {name: "" if cell == "empty" else code(cell) for name, cell in documented.items()}
        assert validated(model, given) == validated(model, {})


def validated(model: type[BaseModel], values: dict[str, str]) -> dict[str, Any]:
    required = {"data_root": "data"} if model is Settings else {}
    return model.model_validate({**required, **values}).model_dump()


# Events and statuses


def test_the_table_has_every_event() -> None:
    named = {key: value for key, value in vars(events).items() if key.isupper()}
    names = [value for value in named.values() if isinstance(value, str)]
    assert sorted(code(row[0]) for row in table(OPERATIONS, "Events")) == sorted(names)


def test_the_table_has_every_status_that_a_client_can_get() -> None:
    refusals = [errors.SyncServerError]
    for refusal in refusals:
        refusals += refusal.__subclasses__()
    documented = [int(row[0]) for row in table(OPERATIONS, "Statuses")]
    assert documented == sorted({200, *(refusal.status for refusal in refusals)})


# Dependencies


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads(text("pyproject.toml"))
    return loaded


def requirements(heading: str) -> list[str]:
    return sorted(code(row[0]) + code(row[1]) for row in table(DEPENDENCIES, heading))


def test_every_dependency_has_its_reason(project: dict[str, Any]) -> None:
    assert requirements("To run") == sorted(project["project"]["dependencies"])
    extras = project["project"]["optional-dependencies"]
    assert extras.keys() == {"postgresql", "s3"}
    assert requirements("For accounts in PostgreSQL") == extras["postgresql"]
    assert requirements("For off-site copies of restore points") == extras["s3"]
    assert requirements("To develop") == sorted(project["dependency-groups"]["dev"])


def test_every_dependency_is_used(project: dict[str, Any]) -> None:
    needed = {re.split("[^a-z0-9.-]", one)[0] for one in project["project"]["dependencies"]}
    assert {one for one in needed if not top_level_names(one) & imported_modules()} == set()


def top_level_names(package: str) -> set[str]:
    """Return what a package brings to import; packages_distributions knows half of it on 3.10."""
    return {path.parts[0].removesuffix(".py") for path in files(package) or ()}


@cache
def imported_modules() -> frozenset[str]:
    """Return the names of the packages that syncserver imports."""
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "syncserver").rglob("*.py"))
    return frozenset(re.findall(r"^\s*(?:import|from) (\w+)", sources, re.MULTILINE))


def test_the_documented_pythons_are_those_of_the_package(project: dict[str, Any]) -> None:
    assert project["project"]["requires-python"] == ">=3.10,<3.14"
    for document in ("README.md", "CONTRIBUTING.md", OPERATIONS):
        assert "3.10 to 3.13" in text(document)


# Links


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    for target in LINK.findall(text(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / document).parent / path if path else ROOT / document
        assert linked.exists(), f"{target} in {document}"
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), f"{target} in {document}"


def anchors(markdown: str) -> set[str]:
    """Return the names under which headings can be linked to."""
    headings = HEADING.findall(CODE_BLOCK.sub("", markdown))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# What operators copy


@pytest.fixture
def supervised() -> dict[str, str]:
    """The section that makes Supervisor run the server."""
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "supervisor" / "syncserver.conf")
    assert parser.sections() == ["program:syncserver"]
    return dict(parser["program:syncserver"])


def test_supervisor_runs_the_server_in_the_foreground(supervised: dict[str, str]) -> None:
    script, command, *arguments = shlex.split(supervised["command"])
    assert Path(script).name in PROGRAMS
    assert command == "debug"
    check_options(command, arguments)


def test_supervisor_gives_the_server_the_time_that_it_may_need(supervised: dict[str, str]) -> None:
    assert supervised["stopsignal"] == "TERM"
    needed = ServerSettings().stop_timeout + CLOSING_TIMEOUT
    assert int(supervised["stopwaitsecs"]) > needed
