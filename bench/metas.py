"""`meta` as often as a server answers it, asked for by wrk, which costs less than any server."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.prepared_sync import META
from bench.wire import Client

SCRIPT: Final = Path(__file__).parent / "meta.lua"
# Between them they keep both cores busy, and no request waits long for its turn.
CONNECTIONS: Final = 16
# What wrk takes beyond the time that it was given.
ENDING_TIME: Final = 30.0


class Metas(msgspec.Struct):
    """How many requests were answered in how many seconds; times of answers in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    worst: float
    failed: int


def wrk_is_there() -> bool:
    """Tell whether wrk is installed."""
    return shutil.which("wrk") is not None


def ask_for_meta(clients: Sequence[Client], seconds: float, folder: Path) -> Metas:
    """Ask for `meta` for some seconds, for one client after the other; files go into `folder`.

    Takes part of the clients only when there are many: wrk loses its way in long command lines.
    """
    clients = clients[:CONNECTIONS]
    folder.mkdir()
    files = [folder / f"{number}.request" for number in range(len(clients))]
    for file, client in zip(files, clients, strict=True):
        file.write_bytes(client.request("meta", META))
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS)]
    command += ["--duration", f"{seconds:.0f}s", "--timeout", "10s", "--script", str(SCRIPT)]
    command += [f"http://127.0.0.1:{clients[0].port}/", "--", *map(str, files)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=seconds + ENDING_TIME)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Metas)
