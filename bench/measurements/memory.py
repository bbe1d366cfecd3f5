"""How long a start takes, and memory: after the start, and after 100 users have synced once."""

import time
from typing import Final

from bench.load import Pace
from bench.measurements.many_users import COLLECTION, load_of, prepared_content, users_with
from bench.measurements.measurement import Measurement
from bench.results import Metric
from bench.servers import Server
from bench.workbench import Workbench

USERS: Final = 100
# What a server needs to tidy up.
REST_SECONDS: Final = 10
ONE_SYNC: Final = Pace(seconds=0)


def _run(bench: Workbench) -> None:
    for name in bench.turns(bench.scale.starts):
        with bench.server(name) as server:
            _after_start(bench, server)
    for name in bench.turns(bench.scale.slow_rounds):
        with bench.server(name, accounts=USERS, quick_logins=True) as server:
            _after_syncs(bench, server)


def _after_start(bench: Workbench, server: Server) -> None:
    start = Metric("memory.start.time", "from the start to the first answer", "s")
    bench.record(start, server.name, server.starting_time)
    memory = Metric("memory.start", "memory after the start", "MB")
    bench.record(memory, server.name, server.usage.memory())


def _after_syncs(bench: Workbench, server: Server) -> None:
    clients = users_with(server, COLLECTION, USERS)
    # What logins and uploads have left in memory is not meant.
    server.restart()
    load = load_of(clients, prepared_content(), ONE_SYNC)
    if load.problems:
        bench.recorder.note(f"memory.{server.name}", f"{server.name}: {dict(load.problems)}")
    at_once = Metric("memory.users.at_once", f"memory when {USERS} users have just synced", "MB")
    bench.record(at_once, server.name, server.usage.memory())
    time.sleep(REST_SECONDS)
    memory = Metric("memory.users", f"memory {REST_SECONDS} seconds later", "MB")
    bench.record(memory, server.name, server.usage.memory())


MEMORY: Final = Measurement("memory", "Start and memory", _run)
