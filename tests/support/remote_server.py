"""A server at any address, with the accounts that somebody made there for these tests.

    SYNCSERVER_TEST_URL=https://sync.example.org/
    SYNCSERVER_TEST_USER1=name:password
    SYNCSERVER_TEST_USER2=name:password

What these accounts hold is deleted.
"""

import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from anki.collection import Collection

from tests.support.accounts import Account
from tests.support.raw_client import RawClient

URL_VARIABLE = "SYNCSERVER_TEST_URL"
USER_VARIABLE = "SYNCSERVER_TEST_USER"


class RemoteServer:
    """A server that is reached by its address alone; two accounts serve all tests in turn."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        self.url = url if url.endswith("/") else url + "/"
        self._accounts = [
            Account(*value.split(":", 1))
            for name, value in sorted(environment.items())
            if name.startswith(USER_VARIABLE)
        ]
        assert len(self._accounts) >= 2, f"{USER_VARIABLE}1 and {USER_VARIABLE}2 must be given"

    def new_account(self) -> Account:
        account = self._accounts.pop(0)
        self._accounts.append(account)
        self._empty(account)
        return account

    def stored_collection(self, account: Account) -> Path | None:
        return None

    def stop(self) -> None:
        """Leave the server as it is; it is not ours."""

    def _empty(self, account: Account) -> None:
        with tempfile.TemporaryDirectory() as folder:
            body = never_used_collection(Path(folder)).read_bytes()
        reply = RawClient(self.url).login(account).send("upload", body)
        assert reply.body == b"OK", reply


def never_used_collection(folder: Path) -> Path:
    """Make the file of a collection that no device ever changed, as a new account has it."""
    path = folder / "collection.anki2"
    Collection(str(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        # Opening it stamped it; with a stamp of 0 a device finds it as new as itself.
        connection.execute("update col set mod = 0, usn = 0, ls = 0")
        connection.commit()
    return path
