"""An account that exists for one visit of the doctor, on the server's own machine."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from syncserver.control.doctor.login import Person
from syncserver.control.installation import Installation, open_accounts
from syncserver.control.purge import finish_purge


@contextmanager
def scratch_account(installation: Installation) -> Iterator[Person]:
    """Add an account with a random name and password; afterwards nothing of it is left."""
    person = Person(f"doctor-{secrets.token_hex(6)}", secrets.token_urlsafe(24))
    with open_accounts(installation) as accounts:
        user = accounts.users.add(person.name, person.password)
    try:
        yield person
    finally:
        with open_accounts(installation) as accounts:
            accounts.users.delete(user.name, purge=True)
            finish_purge(installation, accounts.users, user.folder)
