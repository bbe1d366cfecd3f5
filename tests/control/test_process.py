"""start, stop, restart and status: what they say and what exit codes they have."""

import os
import signal
import socket

from syncserver.collections import data_root_lock
from tests.control.operator import Operator, wait_until
from tests.support.processes import answers_health

FAILED, NOT_RUNNING, WRONG_CONFIGURATION = 1, 3, 78


def test_start_returns_when_the_server_answers(operator: Operator) -> None:
    started = operator.must("start")
    assert answers_health(operator.port)
    assert operator.url in started.output
    assert int(operator.pid_file.read_text()) == operator.server_pid()


def test_the_log_holds_no_advice_about_what_the_operator_did_not_choose(
    operator: Operator,
) -> None:
    operator.must("start")
    assert "server_started" in operator.log
    assert "granian_message" not in operator.log


def test_starting_a_running_server_changes_nothing(operator: Operator) -> None:
    operator.must("start")
    pid = operator.server_pid()
    assert str(pid) in operator.must("start").output
    assert operator.server_pid() == pid


def test_stop_returns_when_the_server_is_gone(operator: Operator) -> None:
    operator.must("start")
    operator.must("stop")
    assert operator.is_stopped()
    assert not answers_health(operator.port)
    assert not operator.pid_file.exists()
    assert "server_stopped" in operator.log
    assert "granian_message" not in operator.log


def test_stopping_a_stopped_server_changes_nothing(operator: Operator) -> None:
    assert operator.must("stop").output == "not running\n"


def test_restart_puts_another_process_in_the_place(operator: Operator) -> None:
    operator.must("start")
    before = operator.server_pid()
    operator.must("restart")
    assert answers_health(operator.port)
    assert operator.server_pid() != before


def test_restart_starts_a_stopped_server(operator: Operator) -> None:
    operator.must("restart")
    assert answers_health(operator.port)


def test_status_tells_a_running_server_from_a_stopped_one(operator: Operator) -> None:
    stopped = operator.ctl("status", "--json")
    assert (stopped.exit_code, stopped.json["running"]) == (NOT_RUNNING, False)
    operator.must("start")
    running = operator.must("status", "--json").json
    assert running["running"] is True
    assert running["answering"] is True
    assert running["pid"] == operator.server_pid()
    assert running["url"] == operator.url


def test_status_notices_a_server_that_does_not_answer(operator: Operator) -> None:
    operator.must("start")
    worker = operator.worker_pid()
    os.kill(worker, signal.SIGSTOP)
    silent = operator.ctl("status", "--json")
    os.kill(worker, signal.SIGCONT)
    assert (silent.exit_code, silent.json["running"]) == (FAILED, True)
    assert silent.json["answering"] is False


def test_a_taken_port_is_named_before_anything_is_started(operator: Operator) -> None:
    with socket.socket() as other_program:
        other_program.bind(("127.0.0.1", operator.port))
        other_program.listen()
        for command in ("start", "debug"):
            refused = operator.ctl(command)
            assert refused.exit_code == FAILED
            assert str(operator.port) in refused.errors
            assert len(refused.errors.splitlines()) == 1
    assert operator.is_stopped()


def test_an_address_of_another_machine_is_named(operator: Operator) -> None:
    for host in ("192.0.2.1", "host.invalid"):
        refused = operator.ctl("start", environment={"SYNCSERVER_HOST": host})
        assert refused.exit_code == FAILED
        assert host in refused.errors


def test_a_stale_pid_file_is_removed_and_said(operator: Operator) -> None:
    operator.data_root.mkdir()
    for command in ("status", "stop", "start"):
        # A live process, but not a server.
        operator.pid_file.write_text(f"{os.getpid()}\n")
        assert str(operator.pid_file) in operator.ctl(command).errors
    assert int(operator.pid_file.read_text()) == operator.server_pid()


def test_a_data_root_has_one_server_and_the_other_is_named(operator: Operator) -> None:
    operator.must("start")
    pid = operator.server_pid()
    # The same data root by another configuration: other port, other pid file.
    another = operator.folder / "another.ini"
    text = operator.config.read_text()
    another.write_text(text.replace("[server:main]", "[server:main]\npid_file = another.pid"))
    for command in ("start", "debug"):
        refused = operator.ctl(command, "--config", str(another))
        assert refused.exit_code == FAILED
        assert f"process {pid}" in refused.errors
    assert operator.server_pid() == pid
    assert answers_health(operator.port)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(operator: Operator) -> None:
    text = operator.config.read_text()
    operator.config.write_text(text.replace("/ = pages", "/ = nowhere"))
    refused = operator.ctl("start")
    assert refused.exit_code == WRONG_CONFIGURATION
    assert "nowhere" in refused.errors
    assert "syncserver.log" in refused.errors
    assert operator.is_stopped()


def test_the_log_and_the_pid_file_can_lie_elsewhere(operator: Operator) -> None:
    text = operator.config.read_text()
    names = f"pid_file = {operator.folder}/run.pid\nlog_file = {operator.folder}/run.log"
    operator.config.write_text(text.replace("[server:main]", f"[server:main]\n{names}"))
    operator.must("start")
    assert int((operator.folder / "run.pid").read_text()) == operator.server_pid()
    assert "server_started" in (operator.folder / "run.log").read_text()


def test_the_data_root_is_for_its_owner_alone(operator: Operator) -> None:
    operator.must("start")
    modes = {path.name: path.stat().st_mode & 0o077 for path in operator.data_root.iterdir()}
    assert operator.data_root.stat().st_mode & 0o077 == 0
    assert {name for name, mode in modes.items() if mode} == set()


def test_a_killed_server_leaves_a_data_root_that_can_be_started_again(operator: Operator) -> None:
    operator.must("start")
    os.killpg(operator.server_pid(), signal.SIGKILL)
    wait_until(lambda: data_root_lock.owner(operator.data_root) is None)
    assert operator.ctl("status").exit_code == NOT_RUNNING
    operator.must("start")
