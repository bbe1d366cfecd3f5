"""Many users who sync at once, and `meta` alone, the most frequent request."""

from collections.abc import Sequence
from typing import Final

from bench.helper import Helper
from bench.load import Load, Pace, sync_again_and_again
from bench.measurements.measurement import Measurement
from bench.metas import CONNECTIONS, ask_for_meta, wrk_is_there
from bench.packed import packed
from bench.prepared_sync import Content, content_of
from bench.results import Metric
from bench.sample_collections import Recipe, sample_collection
from bench.servers import Server
from bench.wire import Client, chunks, login, upload
from bench.workbench import Workbench

COLLECTION: Final = Recipe(notes=10_000)
CHANGED_NOTES: Final = 5
# Brings caches, and the processor, to what they are in a longer run.
WARMING_UP_SECONDS: Final = 0.5


def users_with(server: Server, recipe: Recipe, count: int) -> list[Client]:
    """Log users in and give each of them such a collection."""
    body = chunks(packed(sample_collection(recipe)).read_bytes())
    clients = [login(server, server.new_account()) for _user in range(count)]
    for client in clients:
        upload(client, body)
    return clients


def prepared_content() -> Content:
    """Return what a small sync of such a collection sends."""
    return content_of(sample_collection(COLLECTION), CHANGED_NOTES)


def load_of(clients: Sequence[Client], content: Content, pace: Pace) -> Load:
    """Let the clients sync for some time, from a process of their own."""
    with Helper(sync_again_and_again, clients, content, pace) as helper:
        load: Load = helper.receive()
        return load


def _run(bench: Workbench) -> None:
    most = max(bench.scale.users_at_once)
    with bench.both_servers(accounts=most, quick_logins=True) as servers:
        users = {name: users_with(server, COLLECTION, most) for name, server in servers.items()}
        for at_once in bench.scale.users_at_once:
            for name in bench.turns(bench.scale.slow_rounds):
                _sync_at_once(bench, servers[name], users[name][:at_once])
        if not wrk_is_there():
            bench.recorder.note("meta", "`meta` alone was not measured: wrk is not installed.")
            return
        for name in bench.turns(bench.scale.slow_rounds):
            _meta_alone(bench, servers[name], users[name])


def _sync_at_once(bench: Workbench, server: Server, clients: Sequence[Client]) -> None:
    content = prepared_content()
    load_of(clients, content, Pace(WARMING_UP_SECONDS))
    with server.usage.spent() as spent:
        load = load_of(clients, content, Pace(bench.scale.load_seconds))
    users = f"{len(clients)} {'user' if len(clients) == 1 else 'users'}"
    _record_load(bench, server.name, load, users)
    cpu = Metric(f"users.{len(clients)}.cpu", f"{users}: server's CPU per sync", "ms")
    bench.record(cpu, server.name, spent.cpu / len(load.syncs) * 1000)
    share = Metric(f"users.{len(clients)}.generator", f"{users}: generator's CPU per sync", "ms")
    bench.record(share, server.name, load.generator_cpu / len(load.syncs) * 1000)


def _record_load(bench: Workbench, name: str, load: Load, users: str) -> None:
    key = f"users.{users.partition(' ')[0]}"
    rate = Metric(f"{key}.rate", f"{users}: syncs", "1/s", more_is_better=True)
    bench.record(rate, name, load.rate)
    for part, percent in (("p50", 50), ("p99", 99), ("max", 100)):
        metric = Metric(f"{key}.{part}", f"{users}: {part}", "ms")
        bench.record(metric, name, load.milliseconds(percent))
    errors = Metric(f"{key}.errors", f"{users}: errors", "syncs")
    bench.record(errors, name, load.problems.total())


def _meta_alone(bench: Workbench, server: Server, clients: Sequence[Client]) -> None:
    folder = bench.new_folder("requests")
    with server.usage.spent() as spent:
        metas = ask_for_meta(clients, bench.scale.load_seconds, folder)
    title = f"meta, {CONNECTIONS} connections"
    rate = Metric("meta.rate", f"{title}: requests", "1/s", more_is_better=True)
    bench.record(rate, server.name, metas.requests / metas.seconds)
    for part in ("p50", "p99"):
        bench.record(
            Metric(f"meta.{part}", f"{title}: {part}", "ms"), server.name, getattr(metas, part)
        )
    cpu = Metric("meta.cpu", f"{title}: server's CPU per request", "ms")
    bench.record(cpu, server.name, spent.cpu / metas.requests * 1000)
    bench.record(Metric("meta.errors", f"{title}: errors", "requests"), server.name, metas.failed)


MANY_USERS: Final = Measurement("many-users", "Many users at once, 10,000 notes each", _run)
