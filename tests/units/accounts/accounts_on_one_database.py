"""The parts of the accounts package, put together for a test."""

from dataclasses import dataclass

from sqlalchemy import Engine

from syncserver.accounts.host_keys import HostKeys
from syncserver.accounts.login import Login
from syncserver.accounts.login_throttle import LoginThrottle
from syncserver.accounts.users import Users
from syncserver.settings import Settings


@dataclass(frozen=True)
class Accounts:
    """All parts of the package on one migrated database."""

    url: str
    engine: Engine
    settings: Settings
    users: Users
    keys: HostKeys
    throttle: LoginThrottle
    login: Login
