"""Real databases for the tests of accounts: a SQLite file each, and PostgreSQL where it is installed."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from accounts_on_one_database import Accounts
from postgresql_server import find_binaries, running_server
from sqlalchemy import Engine

from syncserver.accounts.database import migrate, open_database
from syncserver.accounts.host_keys import HostKeys
from syncserver.accounts.login import Login
from syncserver.accounts.login_throttle import LoginThrottle
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.users import Users
from syncserver.settings import Settings
from tests.support.missing import cannot_be_tested

SettingsFactory = Callable[..., Settings]


@pytest.fixture
def make_settings(tmp_path: Path) -> SettingsFactory:
    def make(**options: object) -> Settings:
        cheap = {"password_hash_memory": 64 * 1024, "password_hash_time": 1}
        return Settings.model_validate({"data_root": tmp_path, **cheap, **options})

    return make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """Make URLs of new, empty databases in a PostgreSQL server that lives as long as the tests."""
    binaries = find_binaries()
    if binaries is None:
        cannot_be_tested("PostgreSQL is not installed (Debian package: postgresql)")
    # Not below pytest's folders, which only their owner may enter; and short, for the socket.
    folder = Path(tempfile.mkdtemp(prefix="accounts-pg-"))
    try:
        yield from running_server(binaries, folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        new_database: Callable[[], str] = request.getfixturevalue("postgresql")
        return new_database()
    return f"sqlite:///{tmp_path / 'accounts.db'}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def assemble(
    engine: Engine, database_url: str, make_settings: SettingsFactory
) -> Callable[..., Accounts]:
    """Build the parts with other settings than the defaults, on the test's one database."""

    def build(**options: object) -> Accounts:
        settings = make_settings(**options)
        users = Users(engine, Passwords(settings))
        keys = HostKeys(engine, settings.host_keys_per_user)
        throttle = LoginThrottle(settings)
        login = Login(users, keys, throttle)
        return Accounts(database_url, engine, settings, users, keys, throttle, login)

    return build


@pytest.fixture
def accounts(assemble: Callable[..., Accounts]) -> Accounts:
    return assemble()
