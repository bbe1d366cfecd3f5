"""The same media requests to the official server and to ours, and what each then holds."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.media_client import media_client
from tests.support.media_server import MediaServer, copy_index
from tests.support.media_zip import downloaded, upload_zip
from tests.support.official_server import OfficialServer
from tests.support.raw_client import RawReply
from tests.support.stored_files import Row

TABLES = ("media", "meta")


class BothServers:
    """The same requests to both, and what each then holds."""

    def __init__(self, official: OfficialServer, ours: MediaServer) -> None:
        self._accounts = (official.new_account(), ours.new_account())
        self.official = media_client(official, self._accounts[0])
        self.ours = media_client(ours, self._accounts[1])
        self.folders = (
            official.folder / self._accounts[0].name,
            ours.folder(self._accounts[1]),
        )
        self._started = int(time.time())

    def statuses(self, method: str, payload: object) -> tuple[int, int]:
        """Send one request to both and return the official status and ours."""
        return self.official.call(method, payload).status, self.ours.call(method, payload).status

    def call(self, method: str, payload: object) -> Any:
        """Send one request to both and return the JSON that both answered."""
        return _equal(self.official.call(method, payload), self.ours.call(method, payload))

    def upload(self, *changes: tuple[str, bytes | None]) -> Any:
        """Upload to both and return the `data` that both answered."""
        return self.upload_zip(upload_zip(*changes))["data"]

    def upload_zip(self, body: bytes) -> Any:
        """Upload a zip to both and return the JSON that both answered."""
        replies = [client.send("uploadChanges", body) for client in (self.official, self.ours)]
        return _equal(*replies)

    def refused(self, body: bytes) -> tuple[int, int]:
        """Upload a zip to both and return the official status and ours."""
        replies = [client.send("uploadChanges", body) for client in (self.official, self.ours)]
        return replies[0].status, replies[1].status

    def download(self, *names: str) -> Any:
        """Download from both and return the files that both sent."""
        replies = [c.call("downloadFiles", {"files": names}) for c in (self.official, self.ours)]
        assert [reply.status for reply in replies] == [200, 200]
        official, ours = (downloaded(reply.body) for reply in replies)
        assert ours == official
        return ours

    def assert_equal_indexes(self, folder: Path) -> list[Row]:
        """Compare both indexes and files, and return the rows that both have."""
        official, ours = (
            index_of(users, folder / side)
            for users, side in zip(self.folders, ("official", "ours"), strict=True)
        )
        for row in (*official["media"], *ours["media"]):
            # Both stamp a row with their clocks.
            assert self._started <= row.pop("mtime") <= time.time() + 1
        assert ours == official
        files = [
            {path.name: path.read_bytes() for path in (folder / "media").iterdir()}
            for folder in self.folders
        ]
        assert files[1] == files[0]
        rows: list[Row] = ours["media"]
        return rows


def _equal(official: RawReply, ours: RawReply) -> Any:
    assert (official.status, ours.status) == (200, 200), (official, ours)
    assert ours.body == official.body
    return ours.json


def index_of(users_folder: Path, folder: Path) -> dict[str, Any]:
    """Return version, tables' columns and rows of a user's index."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(copy_index(users_folder, folder))) as connection:
        connection.row_factory = sqlite3.Row
        found: dict[str, Any] = {
            table: [dict(row) for row in connection.execute(f"select * from {table} order by 1")]
            for table in TABLES
        }
        for table in TABLES:
            columns = connection.execute(f"pragma table_info({table})")
            found[f"columns of {table}"] = [tuple(column) for column in columns]
        found["index"] = connection.execute("pragma index_info(ix_usn)").fetchone()["name"]
        found["version"] = connection.execute("pragma user_version").fetchone()[0]
        found["journal"] = connection.execute("pragma journal_mode").fetchone()[0]
    return found
