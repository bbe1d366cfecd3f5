"""A device as a process of its own, which can be killed while it syncs.

python -m tests.support.faults_client COLLECTION URL HOST_KEY
"""

import subprocess
import sys
from pathlib import Path

from anki.collection import Collection
from anki.sync_pb2 import SyncAuth

from tests.support.device import Device
from tests.support.our_server import REPOSITORY


def start_syncing(device: Device, url: str) -> "subprocess.Popen[bytes]":
    """Let another process sync the device's collection, which must be closed here."""
    assert device.auth is not None, "this device is not logged in"
    command = [sys.executable, "-m", __name__, device.col.path, url, device.auth.hkey]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)


def _sync(path: Path, url: str, host_key: str) -> None:
    col = Collection(str(path))
    col.sync_collection(SyncAuth(hkey=host_key, endpoint=url), sync_media=False)
    col.close()


if __name__ == "__main__":
    _sync(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
