"""All tests of an address in their order; the first one that fails ends them."""

from __future__ import annotations

from dataclasses import dataclass

from .address import read_address
from .findings import WRONG, Finding
from .health import check_health
from .login import SyncLogin, check_login
from .request import REQUEST_TIMEOUT


@dataclass(frozen=True)
class Entered:
    """What stands in the fields of the window."""

    address: str
    name: str = ""
    password: str = ""


@dataclass(frozen=True)
class Result:
    """What was found; `key` is what the server gave for the login, or ""."""

    findings: list[Finding]
    key: str = ""

    @property
    def better_address(self) -> str:
        """The address that would probably work, or ""."""
        return next((one.better_address for one in self.findings if one.better_address), "")


def check(entered: Entered, sync_login: SyncLogin, *, timeout: float = REQUEST_TIMEOUT) -> Result:
    """Test the address, the server, the clocks and the login. Waits for the network."""
    address = read_address(entered.address)
    if address.problem:
        return Result([address.problem])
    findings = check_health(address.url, timeout=timeout)
    if findings[0].state == WRONG:
        return Result(findings)
    # The login does not look at the clock, so both are told.
    login, key = check_login(sync_login, entered.name, entered.password, address.url)
    return Result([*findings, login], key)
