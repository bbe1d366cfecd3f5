"""Two real devices of one user, in step with each other through one server."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.device import Device
from bench.servers import Server
from bench.workbench import Workbench


@dataclass(frozen=True, slots=True)
class SyncedPair:
    """`first` changes things, `second` gets them."""

    server: Server
    first: Device
    second: Device


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one sync: milliseconds on the client's clock, and of the server's CPU time."""

    wall: float
    cpu: float


@contextmanager
def synced_pair(bench: Workbench, server: Server, collection: Path) -> Iterator[SyncedPair]:
    """Upload a collection from one device and download it to another one."""
    with ExitStack() as open_devices:
        first = open_devices.enter_context(Device(bench.new_folder("first"), collection))
        second = open_devices.enter_context(Device(bench.new_folder("second")))
        account = server.new_account()
        first.login(server, account)
        second.login(server, account)
        first.upload()
        second.download()
        first.sync()  # a download raises the usn, so the first device has to follow
        yield SyncedPair(server, first, second)


def cost_of_sync(server: Server, device: Device) -> Cost:
    """Sync, and return what it took."""
    with server.usage.spent() as spent:
        seconds = device.sync()
    return Cost(seconds * 1000, spent.cpu * 1000)
