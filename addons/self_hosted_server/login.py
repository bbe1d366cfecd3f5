"""Log in with Anki's own code, and say what is wrong when that fails."""

from __future__ import annotations

from collections.abc import Callable

from anki.errors import NetworkError, SyncError, SyncErrorKind
from anki.sync_pb2 import SyncAuth

from .findings import Finding, fine, unknown, wrong

# Of a collection: name, password, address.
SyncLogin = Callable[[str, str, str], SyncAuth]


def check_login(sync_login: SyncLogin, name: str, password: str, url: str) -> tuple[Finding, str]:
    """Log in, and return with what was found the host key, or "". Waits for the network."""
    if not name and not password:
        return unknown("The login was not tested: no name and password were entered."), ""
    if not name or not password:
        missing = "password" if name else "name"
        return unknown(f"The login was not tested: the {missing} is missing."), ""
    try:
        key = sync_login(name, password, url).hkey
    except (SyncError, NetworkError) as error:
        return explain_login_failure(error), ""
    return fine(f"The login as “{name}” works."), key


def explain_login_failure(error: Exception) -> Finding:
    """Say what an error of Anki's login means."""
    if isinstance(error, SyncError) and error.kind is SyncErrorKind.AUTH:
        return wrong(
            "The server does not accept this name and password.",
            "They are those of your account on your own server, not of AnkiWeb. Capital and small "
            "letters count. Whoever runs the server can set a new password.",
        )
    if "429" in str(error) or "TOO_MANY" in str(error).upper():
        return wrong(
            "The server does not take any more attempts to log in at the moment.",
            "Wait a few minutes, then try again with the right password.",
        )
    return wrong(
        f"The login failed. Anki says: {_plain(error)}",
        "If the server is behind a proxy, it must pass on /sync/ and /msync/ with POST requests. "
        "Look into the server's log.",
    )


def _plain(error: Exception) -> str:
    # Anki puts invisible marks around what it inserts into sentences.
    return " ".join(str(error).translate({0x2068: None, 0x2069: None}).split())
