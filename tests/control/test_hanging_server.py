"""A server that hangs: each command that needs it says so before long, and what can be done."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.control.operator import Operator, Result, wait_until

FAILED = 1
SILENT = "the server has not answered for 20 seconds; it may hang: see ctl.py status"
# More than the socket keeps in its queue; all of them at once, since each takes so long.
ASKING = {
    "who": ["who"],
    "backup": ["backup", "anna"],
    "media check": ["media", "check", "anna"],
    "restore": ["restore", "anna", "newest"],
    "sql": ["sql", "anna", "select 1"],
    "shell": ["shell", "anna", "--command", "1"],
    "import": ["import", "anna", "some.anki2", "--yes"],
}
OTHERS = {
    "check": ["check", "anna", "--quick", "--json"],
    "stats": ["stats", "--json"],
    "log": ["log", "anna", "--json"],
    "start": ["start"],
    "stop": ["stop"],
}

Results = dict[str, Result]


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    operator = Operator(tmp_path_factory.mktemp("hanging"))
    text = operator.config.read_text()
    operator.config.write_text(text.replace("[server:main]", "[server:main]\nstop_timeout = 1"))
    (operator.folder / "some.anki2").write_bytes(b"is not looked at")
    try:
        operator.add("anna")
        operator.must("start")
        # At a stop, a supervisor that works ends a worker that hangs.
        for pid in (operator.server_pid(), operator.worker_pid()):
            os.kill(pid, signal.SIGSTOP)
        yield operator
    finally:
        operator.clean_up()


@pytest.fixture(scope="module")
def results(hanging: Operator) -> Results:
    """What all the commands have said, each of which has ended."""
    commands = {**ASKING, **OTHERS}
    with ThreadPoolExecutor(len(commands)) as together:
        ended = together.map(lambda arguments: hanging.ctl(*arguments), commands.values())
        return dict(zip(commands, ended, strict=True))


@pytest.mark.parametrize("command", ASKING)
def test_a_command_that_gets_no_answer_ends_and_says_so(results: Results, command: str) -> None:
    result = results[command]
    assert (result.exit_code, result.output, result.errors) == (FAILED, "", f"{SILENT}\n")


def test_a_check_finds_that_the_server_hangs(results: Results) -> None:
    result = results["check"]
    assert (result.exit_code, result.errors) == (FAILED, "")
    [finding] = [one for one in result.json["findings"] if one["where"] == "control.sock"]
    assert finding["severity"] == "error"
    assert finding["problem"] == f"{SILENT}; nobody's data were looked at"
    assert "ctl.py restart" in finding["remedy"]


@pytest.mark.parametrize("command", ["stats", "log"])
def test_what_needs_the_server_for_the_newest_only_says_that_it_may_be_missing(
    results: Results, command: str
) -> None:
    result = results[command]
    assert (result.exit_code, result.errors) == (0, f"the newest syncs may be missing: {SILENT}\n")
    assert result.json or command == "log"


def test_a_start_does_not_take_a_server_that_hangs_for_one_that_runs(
    hanging: Operator, results: Results
) -> None:
    pid = hanging.server_pid()
    result = results["start"]
    assert (result.exit_code, result.output) == (FAILED, "")
    assert result.errors == (
        f"it runs as process {pid}, but has not answered for 20 seconds: ctl.py restart\n"
    )


def test_a_stop_that_the_server_does_not_obey_says_how_to_end_it(
    hanging: Operator, results: Results
) -> None:
    said = results["stop"]
    assert said.exit_code == FAILED
    assert f"process {hanging.server_pid()} has not ended within 26 seconds" in said.errors
    command, _, comfort = said.errors.partition("end it by: ")[2].partition(" (")
    assert comfort == "nothing is lost that was answered)\n"
    assert shlex.split(command)[0] == "kill"
    subprocess.run(["sh", "-c", command], check=True)
    wait_until(hanging.is_stopped)
    hanging.must("start")
