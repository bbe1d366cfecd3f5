"""Where the server's threads work: nobody's long work keeps a processor from quick requests."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import WatchedClient
from tests.support.media_server import wait_until

OPTIONS: dict[str, object] = {}
META = {"v": 11, "cv": "test"}


def shared_processors(server: WatchedServer) -> set[str]:
    """Return the processors to which threads of the server are bound."""
    bound = set()
    for status in Path(f"/proc/{server.worker}/task").glob("*/status"):
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
        if fields["Cpus_allowed_list"].isdecimal():
            bound.add(fields["Cpus_allowed_list"])
    return bound


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


def test_quick_requests_share_one_processor_while_there_are_others(
    server: WatchedServer, new_client: Callable[[], WatchedClient]
) -> None:
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("this machine has one processor")
    client = new_client()
    for _ in range(5):
        client.expect("meta", META)
    assert shared_processors(server) == set(), "alone they go where there is room"
    with ExitStack() as others:
        for _ in range(3):
            others.enter_context(begun_upload(server, new_client()))
        wait_until(lambda: client.expect("meta", META) and shared_processors(server), "they share")
        assert len(shared_processors(server)) == 1
