"""The official sync server that comes with the `anki` package, as the reference of the tests."""

import hashlib
import os
import sys
from base64 import b64encode
from pathlib import Path

from tests.support.accounts import Account
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
                f"SYNC_USER{number}": f"{account.name}:{_password_hash(account.password)}"
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


def _password_hash(password: str) -> str:
    salt = b"salt of the tests"
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, HASH_ROUNDS, 32)
    parts = (f"i={HASH_ROUNDS},l=32", _unpadded_base64(salt), _unpadded_base64(digest))
    return "$pbkdf2-sha256$" + "$".join(parts)


def _unpadded_base64(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")
