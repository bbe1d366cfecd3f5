"""The account of a test, and what a server must offer so that scenarios can run against it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Account:
    """The name and the password of somebody who has an account on the server under test."""

    name: str
    password: str


class SyncTarget(Protocol):
    """A server that scenarios run against: ours, the official one, or one at a given URL."""

    @property
    def url(self) -> str:
        """Return the address that people enter in their clients, with a slash at its end."""
        ...

    def new_account(self) -> Account:
        """Return an account that no earlier test used, with an empty collection."""
        ...

    def stored_collection(self, account: Account) -> Path | None:
        """Return where the account's collection lies on disk; None when that is out of reach.

        The file may be open in the server's process: copy it, see `stored_files`.
        """
        ...
