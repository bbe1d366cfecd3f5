"""A real Anki client in a process of its own, told from here what to do.

Its times are taken in its own process, right around the call of the `anki` package that syncs.
"""

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from anki.collection import Collection
from anki.sync_pb2 import SyncAuth, SyncCollectionResponse

from bench.helper import Control, Helper
from bench.servers import Account, Server

MEDIA_POLLING_INTERVAL: Final = 0.005


class Device(AbstractContextManager["Device"]):
    """The device, seen from the process that measures. Methods that sync return seconds."""

    def __init__(self, folder: Path, collection: Path | None = None) -> None:
        """Start Anki with a copy of a collection, or with a new one."""
        folder.mkdir(parents=True)
        if collection:
            shutil.copyfile(collection, folder / "collection.anki2")
        self._folder = folder
        self._helper = Helper(_serve, folder)

    def __exit__(self, *_problem: object) -> None:
        self._helper.end()

    @property
    def media_folder(self) -> Path:
        """Where its sounds and images are, from the first login on."""
        return self._folder / "collection.media"

    def login(self, server: Server, account: Account) -> None:
        """Log in; the host key is kept."""
        self._do("login", server.url, account.name, account.password)

    def sync(self) -> float:
        """Sync the collection, which must be in step with the server's."""
        return self._do("sync")

    def upload(self) -> float:
        """Replace what the server has."""
        return self._do("transfer", True)

    def download(self) -> float:
        """Replace what this device has."""
        return self._do("transfer", False)

    def sync_media(self) -> float:
        """Sync the media alone, until all of them are transferred."""
        return self._do("sync_media")

    def change_notes(self, count: int) -> None:
        """Edit the first `count` notes."""
        self._do("change_notes", count)

    def _do(self, method: str, *arguments: object) -> float:
        self._helper.send((method, arguments))
        seconds: float = self._helper.receive()
        return seconds


class _Client:
    """The device, seen from its own process."""

    def __init__(self, folder: Path) -> None:
        self._collection = Collection(str(folder / "collection.anki2"))
        self._auth = SyncAuth()
        self._edits = 0

    def login(self, url: str, name: str, password: str) -> float:
        auth = self._collection.sync_login(name, password, endpoint=url)
        # The answer has the key alone; the program adds the address.
        auth.endpoint = url
        self._auth = auth
        return 0.0

    def sync(self) -> float:
        began = time.perf_counter()
        answer = self._collection.sync_collection(self._auth, sync_media=False)
        seconds = time.perf_counter() - began
        if answer.required != SyncCollectionResponse.NO_CHANGES:
            raise RuntimeError(f"the server and this device are out of step: {answer}")
        return seconds

    def transfer(self, upload: bool) -> float:
        self._collection.close_for_full_sync()
        began = time.perf_counter()
        self._collection.full_upload_or_download(auth=self._auth, server_usn=None, upload=upload)
        seconds = time.perf_counter() - began
        self._collection.reopen(after_full_sync=True)
        return seconds

    def sync_media(self) -> float:
        began = time.perf_counter()
        self._collection.sync_media(self._auth)
        while self._collection.media_sync_status().active:
            time.sleep(MEDIA_POLLING_INTERVAL)
        return time.perf_counter() - began

    def change_notes(self, count: int) -> float:
        self._edits += 1
        ids = sorted(self._collection.find_notes(""))[:count]
        notes = [self._collection.get_note(one) for one in ids]
        for note in notes:
            note.fields[0] = f"{note.id} edited {self._edits}"
        self._collection.update_notes(notes)
        return 0.0


def _serve(control: Control, folder: Path) -> None:
    client = _Client(folder)
    while True:
        method, arguments = control.recv()
        action: Callable[..., float] = getattr(client, method)
        control.send(action(*arguments))
