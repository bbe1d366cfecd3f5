"""Uploads and downloads of whole collections by a real client."""

from collections.abc import Callable
from typing import Final

from bench.device import Device
from bench.measurements.measurement import Measurement
from bench.results import Metric
from bench.sample_collections import sample_collection
from bench.scale import COLLECTION_OF_20_MB, COLLECTION_OF_200_MB
from bench.servers import Server
from bench.workbench import Workbench

# By their sizes in MB.
COLLECTIONS: Final = {20: COLLECTION_OF_20_MB, 200: COLLECTION_OF_200_MB}


def _run(bench: Workbench) -> None:
    rounds = {20: bench.scale.starts, 200: bench.scale.slow_rounds}
    for size in COLLECTIONS:
        for name in bench.turns(rounds[size]):
            with bench.server(name) as server:
                _transfer(bench, server, size)


def _transfer(bench: Workbench, server: Server, size: int) -> None:
    account = server.new_account()
    collection = sample_collection(COLLECTIONS[size])
    with Device(bench.new_folder("uploading"), collection) as device:
        device.login(server, account)
        _measure(bench, server, f"{size}.up", device.upload)
    # What the upload has left in memory must not serve the download.
    server.restart()
    with Device(bench.new_folder("downloading")) as device:
        device.login(server, account)
        _measure(bench, server, f"{size}.down", device.download)


def _measure(bench: Workbench, server: Server, what: str, transfer: Callable[[], float]) -> None:
    with server.usage.spent() as spent:
        seconds = transfer()
    title = "{} MB {}".format(*what.split("."))
    key = f"transfer.{what}"
    bench.record(Metric(f"{key}.wall", f"{title}: time", "s"), server.name, seconds)
    bench.record(Metric(f"{key}.cpu", f"{title}: server's CPU", "s"), server.name, spent.cpu)
    memory = Metric(f"{key}.memory", f"{title}: peak memory above rest", "MB")
    bench.record(memory, server.name, spent.memory)


TRANSFERS: Final = Measurement("transfers", "Whole collections", _run)
