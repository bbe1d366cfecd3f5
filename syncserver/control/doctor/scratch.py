"""An account that exists for one visit of the doctor, on the server's own machine."""

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from syncserver.control.doctor.login import Person
from syncserver.control.installation import Installation, open_accounts
from syncserver.control.purge import finish_purge

# A terminal that is closed and a service manager that has waited long enough.
ENDINGS: Final = (signal.SIGHUP, signal.SIGTERM)


@contextmanager
def scratch_account(installation: Installation) -> Iterator[Person]:
    """Add an account with a random name and password; afterwards nothing of it is left.

    Needs the main thread: a signal that ends the process must not leave the account behind.
    """
    person = Person(f"doctor-{secrets.token_hex(6)}", secrets.token_urlsafe(24))
    with open_accounts(installation) as accounts:
        user = accounts.users.add(person.name, person.password)
    former = {number: signal.signal(number, _leave) for number in ENDINGS}
    try:
        yield person
    finally:
        with open_accounts(installation) as accounts:
            accounts.users.delete(user.name, purge=True)
            finish_purge(installation, accounts.users, user.folder)
        for number, handler in former.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
