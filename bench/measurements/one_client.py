"""Syncs of one real client with 20,000 notes: nothing, few and many changes, up and down."""

from contextlib import ExitStack
from typing import Final

from bench.measurements.measurement import Measurement
from bench.measurements.synced_pair import Cost, SyncedPair, cost_of_sync, synced_pair
from bench.results import Metric
from bench.sample_collections import Recipe, sample_collection
from bench.workbench import Workbench

COLLECTION: Final = Recipe(notes=20_000)
CHANGES: Final = (1, 20, 500, 5_000)


def _run(bench: Workbench) -> None:
    collection = sample_collection(COLLECTION)
    with bench.both_servers(accounts=1) as servers, ExitStack() as devices:
        pairs = {
            name: devices.enter_context(synced_pair(bench, server, collection))
            for name, server in servers.items()
        }
        for changed in CHANGES:
            for name in bench.turns(bench.scale.rounds):
                _exchange(bench, pairs[name], changed)
        for name in bench.turns(bench.scale.rounds):
            _without_changes(bench, pairs[name])


def _exchange(bench: Workbench, pair: SyncedPair, changed: int) -> None:
    pair.first.change_notes(changed)
    _record(bench, pair, f"up.{changed}", cost_of_sync(pair.server, pair.first))
    _record(bench, pair, f"down.{changed}", cost_of_sync(pair.server, pair.second))
    pair.first.sync()  # the second device's sync has raised the usn


def _without_changes(bench: Workbench, pair: SyncedPair) -> None:
    _record(bench, pair, "none", cost_of_sync(pair.server, pair.first))


def _record(bench: Workbench, pair: SyncedPair, what: str, cost: Cost) -> None:
    for part, value in (("wall", cost.wall), ("cpu", cost.cpu)):
        metric = Metric(f"sync.{what}.{part}", f"{_title(what)}: {_PARTS[part]}", "ms")
        bench.record(metric, pair.server.name, value)


def _title(what: str) -> str:
    direction, _, changed = what.partition(".")
    if not changed:
        return "nothing changed"
    return f"{int(changed):,} {'note' if changed == '1' else 'notes'} {direction}"


_PARTS: Final = {"wall": "time", "cpu": "server's CPU"}

ONE_CLIENT: Final = Measurement("one-client", "One client, 20,000 notes", _run)
