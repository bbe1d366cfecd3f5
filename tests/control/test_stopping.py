"""What a stop, a kill and a crash do to the server's two processes and to requests in progress."""

import http.client
import json
import os
import signal

import pytest

from syncserver.collections import data_root_lock
from tests.control.operator import META, Operator, wait_until
from tests.support.accounts import Account
from tests.support.processes import answers_health
from tests.support.raw_client import RawClient, compressed_pieces


class SlowLogin:
    """A login that is sent in two parts, so that it is in progress in between."""

    def __init__(self, operator: Operator, account: Account) -> None:
        body = json.dumps({"u": account.name, "p": account.password}).encode()
        self._wire = b"".join(compressed_pieces(body))
        self._connection = http.client.HTTPConnection("127.0.0.1", operator.port, timeout=30)
        self._connection.putrequest("POST", "/sync/hostKey")
        self._connection.putheader("anki-sync", RawClient(operator.url).sync_header())
        self._connection.putheader("content-length", str(len(self._wire)))
        self._connection.endheaders(self._wire[:5])

    def finish(self) -> int:
        """Send the rest and return the status of the answer."""
        self._connection.send(self._wire[5:])
        status = self._connection.getresponse().status
        self._connection.close()
        return status


def test_sigterm_lets_a_request_in_progress_end(operator: Operator) -> None:
    login = _login_in_progress(operator)
    pid = operator.server_pid()
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not answers_health(operator.port))
    assert not operator.is_stopped()
    assert login.finish() == 200
    wait_until(operator.is_stopped)


def test_signals_to_all_processes_again_and_again_still_let_it_end(operator: Operator) -> None:
    login = _login_in_progress(operator)
    supervisor, worker = operator.server_pid(), operator.worker_pid()
    # As a service manager and an impatient person at a terminal do.
    for _ in range(3):
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(supervisor, number)
            os.kill(worker, number)
        wait_until(lambda: not answers_health(operator.port))
    assert login.finish() == 200
    wait_until(operator.is_stopped)


def test_a_closed_terminal_stops_the_server_and_makes_no_second_worker(operator: Operator) -> None:
    operator.must("start")
    os.killpg(operator.server_pid(), signal.SIGHUP)
    wait_until(operator.is_stopped)
    assert operator.log.count("server_started") == 1
    assert "server_stopped" in operator.log


def test_a_request_that_never_ends_holds_the_stop_up_for_stop_timeout_only(
    operator: Operator,
) -> None:
    text = operator.config.read_text()
    operator.config.write_text(text.replace("[server:main]", "[server:main]\nstop_timeout = 1"))
    login = _login_in_progress(operator)
    operator.must("stop")
    assert operator.is_stopped()
    del login


@pytest.mark.parametrize("signalled", [signal.SIGTERM, signal.SIGKILL])
def test_collections_are_closed_though_a_request_never_ends(
    operator: Operator, signalled: signal.Signals
) -> None:
    text = operator.config.read_text()
    operator.config.write_text(text.replace("[server:main]", "[server:main]\nstop_timeout = 1"))
    login = _login_in_progress(operator)
    client = operator.client(operator.add("anna"))
    assert client.call("meta", META).status == 200
    [collection] = (operator.data_root / "users").glob("anna*/collection.anki2")
    assert collection.with_name("collection.anki2-wal").exists()
    os.kill(operator.server_pid(), signalled)
    wait_until(operator.is_stopped)
    assert not collection.with_name("collection.anki2-wal").exists()
    del login


def test_a_worker_that_does_nothing_any_more_is_killed(operator: Operator) -> None:
    text = operator.config.read_text()
    operator.config.write_text(text.replace("[server:main]", "[server:main]\nstop_timeout = 1"))
    operator.must("start")
    os.kill(operator.worker_pid(), signal.SIGSTOP)
    operator.must("stop")
    assert "the worker did not end in time" in operator.log


def test_a_killed_supervisor_takes_its_worker_along(operator: Operator) -> None:
    operator.must("start")
    os.kill(operator.server_pid(), signal.SIGKILL)
    wait_until(operator.is_stopped)
    assert not answers_health(operator.port)
    operator.must("start")


def test_a_killed_supervisor_still_lets_a_request_end(operator: Operator) -> None:
    login = _login_in_progress(operator)
    os.kill(operator.server_pid(), signal.SIGKILL)
    wait_until(lambda: not answers_health(operator.port))
    assert login.finish() == 200
    wait_until(operator.is_stopped)


def test_a_killed_worker_is_replaced(operator: Operator) -> None:
    account = _start_with_account(operator)
    client = operator.client(account)
    supervisor, worker = operator.server_pid(), operator.worker_pid()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: answers_health(operator.port))
    assert operator.server_pid() == supervisor
    assert operator.worker_pid() != worker
    assert "granian_message" in operator.log
    assert client.call("meta", META).status == 200


def test_no_second_server_can_start_while_the_first_one_stops(operator: Operator) -> None:
    login = _login_in_progress(operator)
    os.kill(operator.server_pid(), signal.SIGTERM)
    wait_until(lambda: not answers_health(operator.port))
    assert operator.ctl("debug").exit_code == 1
    assert login.finish() == 200
    wait_until(lambda: data_root_lock.owner(operator.data_root) is None)


def _login_in_progress(operator: Operator) -> SlowLogin:
    return SlowLogin(operator, _start_with_account(operator))


def _start_with_account(operator: Operator) -> Account:
    account = operator.add("bob")
    operator.must("start")
    return account
