"""Which files there are, for which program, and where each of them belongs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.deploy.deployment import EXAMPLE, Deployment
from syncserver.deploy.directives import directives
from syncserver.deploy.template import fill_in

PUBLIC_FILE_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class DeployFile:
    """One file: its template, its name in a folder of one's choice, and where it is to go."""

    template: str
    name: str
    place: str

    def text(self, deployment: Deployment) -> str:
        """Return the file, filled in. Raises NotExpressible."""
        return fill_in(_template(self.template), directives(deployment))


@dataclass(frozen=True, slots=True)
class Kind:
    """One program that is to be told of the server, and the source folder's files for it."""

    example_folder: str
    files: tuple[DeployFile, ...]
    is_proxy: bool = False
    starts_server: bool = False


KINDS: Final = {
    "nginx": Kind(
        "deploy/nginx",
        (DeployFile("nginx.conf", "syncserver.conf", "/etc/nginx/conf.d/"),),
        is_proxy=True,
    ),
    "apache": Kind(
        "deploy/apache",
        (DeployFile("apache.conf", "syncserver.conf", "/etc/apache2/sites-available/"),),
        is_proxy=True,
    ),
    "apache-wsgi": Kind(
        "deploy/apache",
        (
            DeployFile("apache-wsgi.conf", "syncserver-wsgi.conf", "/etc/apache2/sites-available/"),
            DeployFile("syncserver.wsgi", "syncserver.wsgi", "the configuration file's folder"),
        ),
        starts_server=True,
    ),
    "caddy": Kind(
        "deploy/caddy", (DeployFile("Caddyfile", "Caddyfile", "/etc/caddy/"),), is_proxy=True
    ),
    "haproxy": Kind(
        "deploy/haproxy",
        (DeployFile("haproxy.cfg", "syncserver.cfg", "the end of /etc/haproxy/haproxy.cfg"),),
        is_proxy=True,
    ),
    "systemd": Kind(
        "deploy/systemd",
        (DeployFile("systemd.service", "syncserver.service", "/etc/systemd/system/"),),
        starts_server=True,
    ),
    "supervisor": Kind(
        "supervisor",
        (DeployFile("supervisor.conf", "syncserver.conf", "/etc/supervisor/conf.d/"),),
        starts_server=True,
    ),
    "fail2ban": Kind(
        "deploy/fail2ban",
        (
            DeployFile(
                "fail2ban-filter.conf", "filter.d/syncserver.conf", "/etc/fail2ban/filter.d/"
            ),
            DeployFile("fail2ban-jail.conf", "jail.d/syncserver.conf", "/etc/fail2ban/jail.d/"),
        ),
    ),
    "logrotate": Kind(
        "deploy/logrotate", (DeployFile("logrotate", "syncserver", "/etc/logrotate.d/"),)
    ),
}


def example_files() -> Iterator[tuple[str, str]]:
    """Yield the path in the source folder and the text of each file, filled in for the example."""
    for kind in KINDS.values():
        for file in kind.files:
            yield f"{kind.example_folder}/{file.name}", file.text(EXAMPLE)


def write_file(path: Path, text: str) -> None:
    """Write a file that everybody may read; the folders above it are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_files.temporary_file(path.parent) as new:
        new.write_text(text, encoding="utf-8")
        new.chmod(PUBLIC_FILE_MODE)
        atomic_files.replace(new, path)


def write_examples(source_folder: Path) -> None:
    """Write the files of the source folder, filled in for the example."""
    for path, text in example_files():
        write_file(source_folder / path, text)


@cache
def _template(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")
