"""Where the server's threads work: nobody's long work keeps a processor from quick requests."""

import os
from pathlib import Path

import pytest

from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import WatchedClient

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


def test_quick_requests_share_one_processor_and_downloads_do_not(
    server: WatchedServer, client: WatchedClient
) -> None:
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("this machine has one processor")
    for _ in range(3):
        client.expect("meta", META)
    assert len(shared_processors(server)) == 1
    # The thread that is free takes the next request, the same one when there is only one client.
    server.stop()
    server.start()
    assert client.call("download").status == 200
    assert shared_processors(server) == set()
