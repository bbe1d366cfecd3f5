"""A real Apache in front of a server, configured as well or as badly as a test wants it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.debian_programs import file_of
from tests.support.processes import free_port
from tests.support.staged_programs import running

MODULES_FOLDER = Path("/usr/lib/apache2/modules")
MODULES = (
    *("mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "authn_file"),
    *("alias", "deflate", "env", "filter", "headers", "proxy", "proxy_http", "rewrite"),
)


@contextmanager
def apache(folder: Path, rules: str) -> Iterator[str]:
    """Run Apache with the rules of one site; yield its address."""
    folder.mkdir()
    port = free_port()
    (folder / "apache2.conf").write_text(_configuration(folder, rules, port))
    with running(
        ["apache2", "-f", str(folder / "apache2.conf"), "-DFOREGROUND"], folder, port
    ) as url:
        yield url


def _configuration(folder: Path, rules: str, port: int) -> str:
    loaded = "".join(f"LoadModule {name}_module {_module(name)}\n" for name in MODULES)
    # Apache refuses to serve as root.
    user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    return (
        f"{loaded}{user}ServerName 127.0.0.1\nServerRoot {folder}\nDefaultRuntimeDir {folder}\n"
        f"PidFile {folder / 'pid'}\nErrorLog {folder / 'error.log'}\nMutex posixsem\n"
        f"Listen 127.0.0.1:{port}\n{rules}\n"
    )


def _module(name: str) -> Path:
    return file_of("apache2", MODULES_FOLDER / f"mod_{name}.so")
