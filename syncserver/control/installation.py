"""What `--config` stands for: the settings, the accounts and the files of one installation."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from syncserver import audit
from syncserver.accounts.api_tokens import ApiTokens
from syncserver.accounts.database import migrate, open_database
from syncserver.accounts.host_keys import HostKeys
from syncserver.accounts.old_hashes import OldHash
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.sync_journal import SyncJournal
from syncserver.accounts.users import User, Users
from syncserver.collections import data_root_lock
from syncserver.collections.folders import UserFolder
from syncserver.control.addresses import client_url
from syncserver.control.operator import acting_operator, user_name
from syncserver.control.output import NO_SUCH_USER, WRONG_CONFIGURATION, CommandFailed
from syncserver.events import configure_logging
from syncserver.server import pid_file_of
from syncserver.services import prepare_data_root
from syncserver.settings import (
    BUILTIN_CONFIG,
    CONFIG_VARIABLE,
    ENVIRONMENT_PREFIX,
    ServerSettings,
    Settings,
    load_file,
)

DEFAULT_CONFIG: Final = Path("production.ini")
# Whoever says where the data is, and nothing else, needs no file.
ENOUGH_VARIABLES: Final = (f"{ENVIRONMENT_PREFIX}DATA_ROOT", f"{ENVIRONMENT_PREFIX}DATA_ROOT_FILE")

ConfigOption = Annotated[
    Path,
    typer.Option(
        *("--config", "-c"),
        envvar=CONFIG_VARIABLE,
        help="The configuration file.",
        # It would be wrong usage; whoever needs the file says it better, and not all commands do.
        readable=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@dataclass(frozen=True, slots=True)
class Installation:
    """One configuration file and what it says."""

    config: Path
    settings: Settings
    server: ServerSettings

    @property
    def pid_file(self) -> Path:
        """The file in which the server says its process number."""
        return pid_file_of(self.settings, self.server)

    @property
    def log_file(self) -> Path:
        """The log of a server in the background; a relative path is relative to the data root."""
        return self.settings.data_root / (self.server.log_file or "syncserver.log")

    @property
    def url(self) -> str:
        """The address that people enter in their clients."""
        return client_url(self.settings, self.server)

    def folder_of(self, user: User) -> UserFolder:
        """Return where the user's files lie."""
        return UserFolder(self.settings.users_folder / user.folder)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The account database, which is reached directly, whether the server runs or not."""

    users: Users
    host_keys: HostKeys
    api_tokens: ApiTokens
    journal: SyncJournal

    def user(self, name: str) -> User:
        """Return the user called `name`; raises CommandFailed when there is none."""
        user = self.users.find(name)
        if user is None:
            raise CommandFailed(f"there is no user called {name!r}", NO_SUCH_USER)
        return user

    def add(self, name: str, secret: str | OldHash) -> User:
        """Add a user with a password, or with what another server has made of it.

        Raises UserExists, BadUserName, BadPassword.
        """
        if isinstance(secret, OldHash):
            return self.users.add_with_old_hash(name, secret)
        return self.users.add(name, secret)


def open_installation(config: Path) -> Installation:
    """Read a configuration file; raises SettingsError, and CommandFailed when there is none.

    In the place of the usual one, the environment will do.
    """
    enough = any(map(os.getenv, ENOUGH_VARIABLES))
    if config == DEFAULT_CONFIG and enough and not is_there(config):
        config = BUILTIN_CONFIG
    if not is_there(config):
        text = f"there is no {config}: copy example.ini to it, or name another file with --config"
        raise CommandFailed(text, WRONG_CONFIGURATION)
    shared, server = load_file(config)
    # Standard output is for results, so even the events of libraries of ours go to the other one.
    configure_logging("WARNING", shared.options.log_format)
    return Installation(Path(os.path.abspath(config)), shared.options, server.options)


def is_there(config: Path) -> bool:
    """Tell whether a file is there; raises CommandFailed when this user may not look."""
    try:
        return config.is_file()
    except PermissionError as problem:
        raise CommandFailed(f"{config}: {problem.strerror}", WRONG_CONFIGURATION) from None


def enter_data_root(data_root: Path) -> None:
    """Make the data root, if need be, for a command that works on files there if no server runs.

    Raises SettingsError if it is unusable, and CommandFailed when root would leave files in it that
    the server's user cannot read.
    """
    if os.geteuid() == 0 and data_root_lock.server(data_root) is None:
        user = _servers_user(data_root)
        if user is not None and user.st_uid:
            name = user_name(user.st_uid) or str(user.st_uid)
            text = f"{data_root} belongs to the user {name}: while no server runs, call {_as(user)}"
            raise CommandFailed(text, WRONG_CONFIGURATION)
    prepare_data_root(data_root)


def _servers_user(data_root: Path) -> os.stat_result | None:
    """Return what belongs to the server's user, None if there is nothing yet.

    A container's root may serve from somebody else's volume, but has made the lock file there.
    """
    for path in (data_root / data_root_lock.LOCK_FILE, data_root):
        with suppress(OSError):
            return path.stat()
    return None


def _as(user: os.stat_result) -> str:
    if name := user_name(user.st_uid):
        return f"runuser -u {name} -- ctl.py …"
    return f"setpriv --reuid {user.st_uid} --regid {user.st_gid} --clear-groups ctl.py …"


@contextmanager
def open_accounts(installation: Installation) -> Iterator[Accounts]:
    """Open the account database, migrated to the newest schema."""
    settings = installation.settings
    enter_data_root(settings.data_root)
    engine = open_database(settings.accounts_url)
    former = audit.use(settings.audit_path)
    try:
        migrate(engine)
        users = Users(engine, Passwords(settings))
        keys = HostKeys(engine, settings.host_keys_per_user)
        journal = SyncJournal(engine, settings.journal_days)
        with acting_operator():
            yield Accounts(users, keys, ApiTokens(engine), journal)
    finally:
        audit.use(former)
        engine.dispose()
