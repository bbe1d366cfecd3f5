"""A command that works on the data root while no server runs is not taken for a server."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from syncserver.collections import data_root_lock
from tests.control.operator import CTL, Operator, clean_environment, wait_until

CLEAN, FAILED, NOT_RUNNING = 0, 1, 3
Shell = subprocess.Popen[str]


@pytest.fixture
def shell(operator: Operator) -> Iterator[Shell]:
    """A shell on anna's collection, whose operator has not typed anything yet."""
    operator.add("anna")
    with subprocess.Popen(
        [sys.executable, str(CTL), "shell", "anna", "--commit"],
        cwd=operator.folder,
        env=clean_environment(None),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: data_root_lock.owner(operator.data_root))
        yield process
        process.kill()


def leave(shell: Shell) -> None:
    """Change something and leave."""
    shell.communicate("col.set_config('kept', True)\n", timeout=60)
    assert shell.returncode == CLEAN


def test_the_lock_file_begins_with_the_pid_and_says_which_command_it_is(
    operator: Operator, shell: Shell
) -> None:
    assert (operator.data_root / "syncserver.lock").read_text() == f"{shell.pid} ctl.py shell\n"
    leave(shell)
    operator.must("start")
    assert (operator.data_root / "syncserver.lock").read_text() == f"{operator.server_pid()}\n"


def test_status_says_that_no_server_runs_and_what_is_at_work(
    operator: Operator, shell: Shell
) -> None:
    told = operator.ctl("status")
    text = f"not running (ctl.py shell, process {shell.pid}, is at work)\n"
    assert (told.exit_code, told.output) == (NOT_RUNNING, text)
    in_json = operator.ctl("status", "--json")
    assert in_json.exit_code == NOT_RUNNING
    assert (in_json.json["running"], in_json.json["pid"]) == (False, None)
    assert in_json.json["at_work"] == {"pid": shell.pid, "command": "ctl.py shell"}
    leave(shell)
    assert operator.ctl("status", "--json").json["at_work"] is None


def test_stop_and_restart_leave_it_alone(operator: Operator, shell: Shell) -> None:
    stopped = operator.must("stop")
    assert stopped.output == f"not running (ctl.py shell, process {shell.pid}, is at work)\n"
    restarted = operator.ctl("restart")
    assert restarted.exit_code == FAILED
    assert f"ctl.py shell (process {shell.pid}) works on" in restarted.errors
    assert shell.poll() is None
    leave(shell)
    assert "True" in operator.must("shell", "anna", stdin="print(col.get_config('kept'))\n").output


def test_other_commands_name_it_and_fail(operator: Operator, shell: Shell) -> None:
    for command in (
        *(["start"], ["debug"], ["backup", "--all"]),
        *(["backups", "anna"], ["sql", "anna", "pragma user_version"], ["media", "check", "anna"]),
    ):
        refused = operator.ctl(*command)
        assert refused.exit_code == FAILED
        assert f"ctl.py shell (process {shell.pid}) works on" in refused.errors
        assert "try again when it has ended" in refused.errors


def test_who_and_log_know_that_no_server_runs(operator: Operator, shell: Shell) -> None:
    assert operator.ctl("who").exit_code == NOT_RUNNING
    operator.must("log", "anna")


def test_check_says_what_it_waits_for_and_recommends_no_restart(
    operator: Operator, shell: Shell
) -> None:
    checked = operator.ctl("check", "--json")
    findings = checked.json["findings"]
    (told,) = (one for one in findings if one["where"] == "collections and media")
    assert (checked.exit_code, told["severity"]) == (FAILED, "warning")
    assert f"ctl.py shell (process {shell.pid}) works on" in told["problem"]
    assert not any("restart" in one["remedy"] for one in findings)


def test_a_pid_file_that_a_killed_server_left_does_not_make_a_server_of_it(
    operator: Operator, shell: Shell
) -> None:
    operator.pid_file.write_text(f"{shell.pid}\n")
    assert operator.ctl("start").exit_code == FAILED
    assert not operator.pid_file.exists()


def test_a_server_in_the_foreground_is_a_server(operator: Operator) -> None:
    process = operator.debug()
    assert data_root_lock.owner(operator.data_root) == (process.pid, "")
    assert operator.must("status", "--json").json["at_work"] is None
