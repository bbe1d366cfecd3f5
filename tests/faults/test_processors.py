"""Where the server's threads work: nobody's long work keeps a processor from quick requests."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import WatchedClient

OPTIONS: dict[str, object] = {}
META = {"v": 11, "cv": "test"}
# How Granian calls its threads.
NAME_OF_MOVERS = "tokio-rt-worker"


def allowed_processors(server: WatchedServer) -> list[tuple[str, str]]:
    """Return the system's name of each thread of the server, and where it may run."""
    found = []
    for status in Path(f"/proc/{server.worker}/task").glob("*/status"):
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
        found.append((fields["Name"], fields["Cpus_allowed_list"]))
    return found


def shared_processors(server: WatchedServer) -> set[str]:
    """Return the processors to which threads of the server are bound."""
    return {allowed for _name, allowed in allowed_processors(server) if allowed.isdecimal()}


@contextmanager
def begun_upload(server: WatchedServer, client: WatchedClient) -> Iterator[None]:
    """Keep a request in progress: an upload that does not go on."""
    head = (
        f"POST /sync/upload HTTP/1.1\r\nHost: {server.url}\r\nanki-sync: {client.sync_header()}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n4\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(head.encode() + b"\x28\xb5\x2f\xfd\r\n")
        yield


@pytest.fixture(autouse=True)
def _several_processors() -> None:
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("this machine has one processor")


def test_quick_requests_and_bodies_on_their_way_share_one_processor(
    server: WatchedServer, new_client: Callable[[], WatchedClient]
) -> None:
    client = new_client()
    client.expect("meta", META)
    assert len(shared_processors(server)) == 1
    with ExitStack() as others:
        for _ in range(3):
            others.enter_context(begun_upload(server, new_client()))
        for _ in range(5):
            client.expect("meta", META)
        assert len(shared_processors(server)) == 1, "they all share the same one"


def test_the_threads_that_move_bytes_share_it_and_those_of_the_housekeeping_do_not(
    server: WatchedServer,
) -> None:
    (shared,) = shared_processors(server)
    moving = [allowed for name, allowed in allowed_processors(server) if name == NAME_OF_MOVERS]
    others = [allowed for name, allowed in allowed_processors(server) if name != NAME_OF_MOVERS]
    assert shared in moving
    assert not all(allowed == shared for allowed in others)
