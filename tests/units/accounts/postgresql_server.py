"""A real PostgreSQL server for tests, on a socket of its own."""

import getpass
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import create_engine, text

# A server must not run as root; this user comes with Debian's package.
POSTGRESQL_USER = "postgres"


def find_binaries() -> Path | None:
    """Return the folder of initdb and pg_ctl, None when they are not installed."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    # Debian keeps them apart, by version, and out of the PATH.
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


def running_server(binaries: Path, folder: Path) -> Iterator[Callable[[], str]]:
    """Run a server in `folder`, and yield what makes URLs of new, empty databases in it."""
    data = folder / "data"
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, POSTGRESQL_USER)
        as_user = ["runuser", "-u", POSTGRESQL_USER, "--"]

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(binaries / program), "-D", str(data), *arguments]
        # To a file: the server inherits the output, and a pipe would stay open with it.
        with (folder / "output").open("a+") as output:
            done = subprocess.run(command, check=False, stdout=output, stderr=output, cwd="/")
            output.seek(0)
            assert done.returncode == 0, output.read()

    user = POSTGRESQL_USER if as_user else getpass.getuser()
    run("initdb", "--username", user, "--auth", "trust", "--encoding", "UTF8", "--no-sync")
    # Only a socket, so no port can be taken.
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    run("pg_ctl", "start", "-w", "-t", "60", "-l", str(folder / "log"), "-o", options)
    url = f"postgresql://{user}@/{{}}?host={folder}"
    try:
        yield _database_maker(url)
    finally:
        run("pg_ctl", "stop", "-w", "-m", "immediate")


def _database_maker(url: str) -> Callable[[], str]:
    numbers = itertools.count()
    server = create_engine(
        url.replace("postgresql:", "postgresql+psycopg:").format("postgres"),
        isolation_level="AUTOCOMMIT",
    )

    def new_database() -> str:
        name = f"accounts_{next(numbers)}"
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return url.format(name)

    return new_database
