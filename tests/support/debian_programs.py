"""Programs of Debian that tests start: where they are, or which package brings them."""

import os
import shutil
from pathlib import Path

import pytest

# Not in everybody's PATH.
FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")
PACKAGES = {
    "apache2": "apache2",
    "caddy": "caddy",
    "fail2ban-regex": "fail2ban",
    "fail2ban-server": "fail2ban",
    "haproxy": "haproxy",
    "logrotate": "logrotate",
    "nginx": "nginx",
    "supervisorctl": "supervisor",
    "supervisord": "supervisor",
    "systemd-analyze": "systemd",
    "mod_wsgi": "libapache2-mod-wsgi-py3",
}


def program(name: str) -> str:
    """Return the path of a program; the test is skipped without it, or fails where CI runs."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))
    return found or missing(name)


def file_of(name: str, path: Path) -> Path:
    """Return a file that the package of `name` brings, as `program` does."""
    return path if path.exists() else Path(missing(name))


def missing(name: str) -> str:
    """Skip the test, or fail it where CI runs: the package is not installed."""
    message = f"{name} is not installed (Debian package: {PACKAGES[name]})"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
