"""Try a certificate out in a process of its own.

OpenSSL takes kinds of keys that Granian does not know, and Granian aborts its process over those.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from syncserver.listening.granian_listener import GranianListener
from syncserver.listening.tls import Tls
from syncserver.settings import SettingsError

TRIAL_TIMEOUT: Final = 60.0
PANIC: Final = " panicked at "


def try_out(tls: Tls) -> None:
    """Raise SettingsError, which names the option, if Granian cannot serve with these files."""
    files = [tls.certificate, tls.key, *([tls.client_ca] if tls.client_ca else [])]
    command = [sys.executable, "-m", __spec__.name, *map(str, files)]
    trial = subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _, printed = trial.communicate(timeout=TRIAL_TIMEOUT)
    except subprocess.TimeoutExpired:
        trial.kill()
        _, printed = trial.communicate()
    if trial.returncode:
        reason = _reason(printed.decode("utf-8", "replace"))
        text = f"tls_key: {tls.key} cannot be used with {tls.certificate}: {reason}"
        raise SettingsError(text)


def _reason(printed: str) -> str:
    """Return the line in which Granian says what is wrong."""
    lines = [line for line in printed.splitlines() if line.strip()]
    for number, line in enumerate(lines[:-1]):
        if PANIC in line:
            return lines[number + 1]
    return lines[-1] if lines else "it does not say why"


def _trial(certificate: str, key: str, client_ca: str | None = None) -> None:
    """Serve nobody for a moment: reading the files is what may fail."""
    ca = Path(client_ca) if client_ca else None
    with socket.create_server(("127.0.0.1", 0)) as nowhere:
        tls = Tls(Path(certificate), Path(key), ca, client_required=True)
        GranianListener(nowhere, lambda _environ, _start: [], threads=1, tls=tls)


if __name__ == "__main__":
    _trial(*sys.argv[1:])
    os._exit(0)  # its threads need not be waited for
