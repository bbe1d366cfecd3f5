"""Media of a real client: some hundred sounds and images, up and down."""

import random
from collections.abc import Callable
from itertools import count
from typing import Final

from bench.device import Device
from bench.measurements.measurement import Measurement
from bench.results import Metric
from bench.servers import Server
from bench.usage import MEGABYTE
from bench.workbench import Workbench

SMALLEST: Final = 20_000
LARGEST: Final = 200_000
# Each server gets other files each time, so that none can be recognised.
_seeds: Final = count()


def _run(bench: Workbench) -> None:
    for name in bench.turns(bench.scale.starts):
        with bench.server(name) as server:
            _transfer(bench, server)


def _transfer(bench: Workbench, server: Server) -> None:
    account = server.new_account()
    with Device(bench.new_folder("uploading")) as device:
        device.login(server, account)
        megabytes = _write_files(device, bench.scale.media_files)
        _measure(bench, server, "up", device.sync_media, megabytes)
    server.restart()
    with Device(bench.new_folder("downloading")) as device:
        device.login(server, account)
        _measure(bench, server, "down", device.sync_media, megabytes)


def _write_files(device: Device, files: int) -> float:
    """Write files, which nobody can make smaller, and return how many MB they have."""
    source = random.Random(next(_seeds))  # noqa: S311 - no secret
    sizes = [source.randint(SMALLEST, LARGEST) for _file in range(files)]
    for number, size in enumerate(sizes):
        (device.media_folder / f"{number}.jpg").write_bytes(source.randbytes(size))
    return sum(sizes) / MEGABYTE


def _measure(
    bench: Workbench, server: Server, way: str, sync: Callable[[], float], megabytes: float
) -> None:
    with server.usage.spent() as spent:
        seconds = sync()
    rate = Metric(f"media.{way}.rate", f"{way}: speed", "MB/s", more_is_better=True)
    bench.record(rate, server.name, megabytes / seconds)
    bench.record(Metric(f"media.{way}.cpu", f"{way}: server's CPU", "s"), server.name, spent.cpu)
    memory = Metric(f"media.{way}.memory", f"{way}: peak memory above rest", "MB")
    bench.record(memory, server.name, spent.memory)


MEDIA: Final = Measurement("media", "Media, files of 20 to 200 kB", _run)
