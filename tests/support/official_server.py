"""The official sync server that comes with the `anki` package, as the reference of the tests."""

import os
import sys
from pathlib import Path

from tests.support.accounts import Account
from tests.support.old_hashes import phc_hash
from tests.support.processes import ServerProcess, free_port

# It knows its accounts only from its start; a session with an account for each test needs fewer.
POOL_SIZE = 300
# The server would hash each password of the pool for 70 ms before it listens; a hash that it is
# given may be cheaper, and is then cheaper at each login too.
HASH_ROUNDS = 1000


class OfficialServer:
    """`python -m anki.syncserver` on a folder of its own, with a pool of accounts."""

    def __init__(self, folder: Path, accounts: int = POOL_SIZE) -> None:
        """Start the server; each of the accounts costs it some time before it listens."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._pool = [Account(f"user{number}", f"secret{number}") for number in range(accounts)]
        self._used = 0
        self._process = self._start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._process.port}/"

    def new_account(self) -> Account:
        self._used += 1
        return self._pool[self._used - 1]

    def stored_collection(self, account: Account) -> Path:
        return self.folder / account.name / "collection.anki2"

    def log(self) -> str:
        """Return what the server printed so far."""
        return self._process.log()

    def stop(self) -> None:
        """End the server; its files stay."""
        self._process.stop()

    def _start(self) -> ServerProcess:
        port = free_port()
        environment = {
            **os.environ,
            "SYNC_BASE": str(self.folder),
            "SYNC_HOST": "127.0.0.1",
            "SYNC_PORT": str(port),
            "PASSWORDS_HASHED": "1",
            **{
                f"SYNC_USER{number}": f"{account.name}:{phc_hash(account.password, rounds=HASH_ROUNDS)}"
                for number, account in enumerate(self._pool, start=1)
            },
        }
        process = ServerProcess(
            [sys.executable, "-m", "anki.syncserver"],
            port=port,
            log_file=self.folder / "server.log",
            environment=environment,
        )
        process.wait_until_healthy()
        return process
