"""`debug`: the server in the foreground, ours or another one that PasteDeploy can load."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.operator import META, PATIENCE, Operator


@pytest.fixture
def waitress(tmp_path: Path) -> Iterator[Operator]:
    """An installation whose apps are served by another WSGI server."""
    operator = Operator(tmp_path, server="egg:waitress#main")
    yield operator
    operator.clean_up()


def test_the_log_of_a_server_in_the_foreground_is_on_its_terminal(operator: Operator) -> None:
    server = operator.debug()
    server.terminate()
    output, _ = server.communicate(timeout=PATIENCE)
    assert "server_started" in output
    assert operator.url in output
    assert server.returncode == 0


def test_ctrl_c_stops_a_server_in_the_foreground(operator: Operator) -> None:
    server = operator.debug()
    # A terminal sends it to all processes.
    os.killpg(server.pid, signal.SIGINT)
    output, _ = server.communicate(timeout=PATIENCE)
    assert server.returncode == 0
    assert output.count("server_stopped") == 1
    assert operator.is_stopped()


def test_a_server_in_the_foreground_can_be_stopped_by_the_script(operator: Operator) -> None:
    server = operator.debug()
    operator.must("stop")
    assert server.wait(PATIENCE) == 0


def test_another_wsgi_server_serves_the_same_app(waitress: Operator) -> None:
    waitress.debug()
    client = waitress.client(waitress.add("bob"))
    assert client.call("meta", META).status == 200


def test_another_wsgi_server_can_be_started_and_stopped_by_the_script(waitress: Operator) -> None:
    waitress.must("start")
    assert waitress.must("status", "--json").json["pid"] == int(waitress.pid_file.read_text())
    waitress.must("stop")
    assert waitress.is_stopped()
    assert not waitress.pid_file.exists()


def test_another_wsgi_server_may_take_what_the_account_commands_need_not_know(
    waitress: Operator,
) -> None:
    text = waitress.config.read_text()
    waitress.config.write_text(text.replace("[server:main]", "[server:main]\nident = anki"))
    waitress.add("bob")
