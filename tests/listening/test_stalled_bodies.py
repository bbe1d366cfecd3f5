"""A client that falls silent in the middle of its request is cut off, and nobody else is."""

import os
import resource
from collections.abc import Iterator
from itertools import count

import pytest

from tests.control.operator import META, wait_until
from tests.listening.installed import Installed, ask_plainly
from tests.support.accounts import Account
from tests.support.faults_connection import HandMadeRequest
from tests.support.raw_client import RawClient, compressed_pieces

TIMEOUT = 2


@pytest.fixture
def impatient(installed: Installed) -> Iterator[Installed]:
    """A server that waits for bodies only for a moment, with as few threads as there can be."""
    text = installed.config.read_text()
    installed.config.write_text(text.replace("[DEFAULT]", f"[DEFAULT]\nbody_timeout = {TIMEOUT}"))
    installed.set(threads=4)
    installed.must("start")
    yield installed
    installed.must("stop")
    assert "request_failed" not in installed.log


def half_an_upload(port: int, client: RawClient) -> HandMadeRequest:
    request = HandMadeRequest(port)
    request.sync_head(client, "upload")
    request.piece(b"".join(compressed_pieces(b"x" * 1000))[:10])
    return request


def test_silent_clients_give_their_threads_back(impatient: Installed) -> None:
    client = impatient.client(impatient.add("anna"))
    silent = [half_an_upload(impatient.port, client) for _ in range(4)]
    # All threads wait. Without a time-out this would never be answered.
    assert ask_plainly(impatient.port, "GET", "/health").status == 200
    wait_until(lambda: "body_timed_out" in impatient.log)
    wait_until(lambda: impatient.log.count("path=/sync/upload") == 4)
    for request in silent:
        request.cut()


def test_they_are_cut_though_no_file_could_be_opened_for_a_while(impatient: Installed) -> None:
    client = impatient.client(impatient.add("anna"))
    with half_an_upload(impatient.port, client) as silent:
        wait_until(lambda: list(impatient.data_root.glob("users/*/tmp/*")))
        worker = impatient.worker_pid()
        usual = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        wait_until(lambda: _has_no_handle_left(worker, usual[1], impatient.log))
        assert "body_timed_out" not in impatient.log
        resource.prlimit(worker, resource.RLIMIT_NOFILE, usual)
        wait_until(lambda: "body_timed_out" in impatient.log)
        assert silent.answered(1)


def _has_no_handle_left(worker: int, most: int, log: str) -> bool:
    """Leave a process no more handles than it uses, and tell whether it has noticed."""
    used = {int(handle) for handle in os.listdir(f"/proc/{worker}/fd")}
    lowest_free = next(handle for handle in count() if handle not in used)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (lowest_free, most))
    return "Too many open files: '/proc/self/fd'" in log


def test_a_slow_client_is_left_alone(impatient: Installed) -> None:
    account: Account = impatient.add("anna")
    client = impatient.client(account)
    wire = b"".join(compressed_pieces(b'{"v":11,"cv":"test"}'))
    with HandMadeRequest(impatient.port) as slow:
        slow.sync_head(client, "meta")
        for number in range(len(wire)):
            slow.piece(wire[number : number + 1])
            # One piece comes before the time is over, all of them long after it.
            assert not slow.answered(TIMEOUT * 3 / len(wire))
        slow.end()
        assert slow.answer()[0] == 200


def test_a_silent_neighbour_at_the_same_address_costs_nobody_anything(
    impatient: Installed,
) -> None:
    client = impatient.client(impatient.add("anna"))
    with half_an_upload(impatient.port, client) as silent:
        while "body_timed_out" not in impatient.log:
            assert client.call("meta", META).status == 200
        assert silent.answered(1)
