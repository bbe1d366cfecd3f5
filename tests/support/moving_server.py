"""Our server with what somebody needs who moves collections in and out of it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from sqlalchemy import select

from syncserver.accounts.database import open_database, reading
from syncserver.accounts.tables import users
from syncserver.settings import load_file
from tests.support.accounts import Account
from tests.support.media_server import MediaServer, Result
from tests.support.our_server import CONTROL_TIMEOUT, _control, _environment
from tests.support.raw_client import RawClient


class MovingServer(MediaServer):
    """A server that may also be stopped, so that the control script works alone."""

    def ctl(self, *arguments: str | Path, stdin: str = "") -> Result:
        """Run one command of the control script, which may fail."""
        done = subprocess.run(
            self.command_line(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=CONTROL_TIMEOUT,
            env=_environment(),
            check=False,
        )
        assert "Traceback" not in done.stderr or arguments[0] == "shell", done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def must(self, *arguments: str | Path, stdin: str = "") -> Result:
        """Run one command, which must succeed."""
        result = self.ctl(*arguments, stdin=stdin)
        assert result.exit_code == 0, result
        return result

    def begin(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Start a command and return at once."""
        return subprocess.Popen(
            self.command_line(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
        )

    def command_line(self, *arguments: str | Path) -> list[str]:
        """Return the command that calls the control script on this server."""
        return [*_control(*map(str, arguments)), "--config", str(self.config)]

    def query(self, account: Account, statement: str) -> list[list[Any]]:
        """Return the rows of a query of an account's collection."""
        answer = json.loads(self.must("sql", account.name, statement, "--json").output)
        rows: list[list[Any]] = answer["rows"]
        return rows

    def notes(self, account: Account) -> list[str]:
        """Return the first fields of an account's notes, in alphabetical order."""
        rows = self.query(account, "select flds from notes")
        return sorted(row[0].split("\x1f")[0] for row in rows)

    def stored_hash(self, account: Account) -> str:
        """Return the hash of an account's password, as the database has it."""
        engine = open_database(load_file(self.config)[0].options.accounts_url)
        try:
            with reading(engine) as connection:
                found = select(users.c.password_hash).where(users.c.name == account.name)
                return str(connection.scalar(found))
        finally:
            engine.dispose()

    def login_status(self, account: Account) -> int:
        """Return how a login is answered."""
        answer = RawClient(self.url).call("hostKey", {"u": account.name, "p": account.password})
        return answer.status

    def backups(self, account: Account) -> list[Path]:
        """Return the collections that were replaced."""
        return sorted((self.folder(account) / "backups").glob("*.anki2"))
