"""What a server loads when it starts, and what only when somebody asks for it."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner
from webob import Request, Response

from syncserver.control.program import COMMANDS, build_program
from syncserver.wsgi.late_view import LateView
from syncserver.wsgi.request_chain import RequestContext, View

PATIENCE = 20.0
THREADS = 8
CONTEXT = RequestContext("request", "127.0.0.1")

LOAD_THE_APP = """
import sys
from webob import Request
from syncserver.app import make_root_app
app = make_root_app({"data_root": sys.argv[1]})
for path in ("/health", "/api/v1/openapi.json"):
    Request.blank(path).get_response(app)
    print(path, "syncserver.rest.endpoint" in sys.modules)
"""
LOAD_A_COMMAND = """
import sys
from syncserver.control.program import build_program
build_program(["debug"])
print(sorted(one for one in sys.modules if one.startswith("syncserver.control.doctor")))
"""


def printed_by(code: str, *arguments: str) -> list[str]:
    """Run a program of its own and return its lines."""
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def help_of(name: str, program: typer.Typer) -> str:
    """Return what a command says of itself: what it does, its options, its own commands."""
    said = CliRunner().invoke(program, [name, "--help"])
    assert said.exit_code == 0
    return said.output


def test_the_api_is_loaded_with_its_first_request(tmp_path: Path) -> None:
    lines = printed_by(LOAD_THE_APP, str(tmp_path))
    told = [line for line in lines if line.startswith("/")]
    assert told == ["/health False", "/api/v1/openapi.json True"]


def test_a_server_does_not_load_the_other_commands() -> None:
    assert printed_by(LOAD_A_COMMAND) == ["[]"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_the_same_alone_as_among_all(name: str) -> None:
    alone = build_program([name])
    assert set(get_command(alone).commands) == {name}
    assert help_of(name, alone) == help_of(name, build_program())


def test_a_late_view_is_made_once_however_many_ask_at_once() -> None:
    made: list[int] = []
    all_there = threading.Barrier(THREADS, timeout=PATIENCE)

    def make() -> View:
        made.append(1)
        return lambda _request, _context: Response(f"view {len(made)}")

    view = LateView(make)

    def ask(_number: int) -> str:
        all_there.wait()
        text: str = view(Request.blank("/"), CONTEXT).text
        return text

    with ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(ask, range(THREADS))) == {"view 1"}


def test_a_late_view_that_could_not_be_made_is_tried_again() -> None:
    attempts: list[int] = []

    def make() -> View:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("too many open files")
        return lambda _request, _context: Response("view")

    view = LateView(make)
    with pytest.raises(OSError, match="too many"):
        view(Request.blank("/"), CONTEXT)
    assert view(Request.blank("/"), CONTEXT).text == "view"
