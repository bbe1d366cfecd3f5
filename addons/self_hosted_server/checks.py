"""All tests of an address in their order; the first one that fails ends them."""

from __future__ import annotations

from dataclasses import dataclass

from .address import read_address
from .findings import FINE, WRONG, Finding, next_step
from .health import check_health
from .login import SyncLogin, check_login
from .request import REQUEST_TIMEOUT

SAVE_AND_SYNC = "All is well. Press “Save”, then click Sync in Anki."
SAVE_AND_LOG_IN = "Press “Save”, then click Sync in Anki: it asks for the name and password."


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
    return Result([*findings, login, *_next_steps([*findings, login])], key)


def _next_steps(findings: list[Finding]) -> list[Finding]:
    if any(finding.state == WRONG for finding in findings):
        return []
    logged_in = findings[-1].state == FINE
    return [next_step(SAVE_AND_SYNC if logged_in else SAVE_AND_LOG_IN)]
