"""What an installation is to other programs: where it lies, how it is reached, what it needs."""

import grp
import pwd
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from syncserver.settings import ServerSettings, Settings

EXAMPLE_HOST: Final = "anki.example.org"
HTTPS_PORT: Final = 443
HTTP_PORT: Final = 80
# A server that listens everywhere is called here by a proxy on the same machine.
LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound
# Validating a large upload on a small computer takes minutes; no proxy should give up before.
CHECKING_SECONDS: Final = 280
# The same reserve that `ctl.py stop` has for closing the collections, and some for the rest.
STOPPING_SECONDS: Final = 30
# Bodies may be a third larger than the server's own limits before a proxy refuses them: in
# between the server refuses them itself, with a sentence that the person sees.
BODY_RESERVE: Final = 4 / 3
MEGABYTE: Final = 1_000_000
PRIVILEGED_PORTS: Final = 1024
LOW_PORT_CAPABILITY: Final = "CAP_NET_BIND_SERVICE"


@dataclass(frozen=True)
class Deployment:
    """One installation, and the choices that its settings do not tell."""

    settings: Settings
    server: ServerSettings
    config: Path
    command: tuple[str, ...]
    user: str
    python_prefix: Path
    base_prefix: Path
    certificate: str = ""
    key: str = ""
    http_port: int = HTTP_PORT
    named_log: str = ""

    @cached_property
    def _public(self) -> SplitResult:
        return urlsplit(self.settings.public_url or f"https://{EXAMPLE_HOST}/")

    @property
    def host(self) -> str:
        """The name that people enter in their clients."""
        return self._public.hostname or EXAMPLE_HOST

    @property
    def https_port(self) -> int:
        """The port of that name."""
        return self._public.port or HTTPS_PORT

    @property
    def origin(self) -> str:
        """The public address without a path."""
        port = "" if self.https_port == HTTPS_PORT else f":{self.https_port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}{port}"

    @property
    def prefix(self) -> str:
        """The path of the public address without the slash at its end; empty at the root."""
        return self._public.path.rstrip("/")

    @property
    def unix_socket(self) -> str:
        """The socket that the server listens on in the place of a port, if there is one."""
        path = self.server.unix_socket
        return str(self.settings.data_root / path) if path else ""

    @property
    def authority(self) -> str:
        """The address and port under which a proxy on this machine reaches the server."""
        called = [LOOPBACK.get(host, host) for host in self.server.hosts] or ["127.0.0.1"]
        host = next((one for one in called if one in LOOPBACK.values()), called[0])
        return f"[{host}]:{self.server.port}" if ":" in host else f"{host}:{self.server.port}"

    @property
    def certificate_file(self) -> str:
        """The proxy's certificate: the given one, or where certbot keeps it."""
        return self.certificate or f"/etc/letsencrypt/live/{self.host}/fullchain.pem"

    @property
    def key_file(self) -> str:
        """The key of the certificate; beside it unless it was named."""
        return self.key or str(Path(self.certificate_file).with_name("privkey.pem"))

    @property
    def body_megabytes(self) -> int:
        """The largest body that a proxy lets through."""
        options = self.settings
        largest = max(
            options.max_collection_bytes, options.max_request_bytes, options.max_media_zip_bytes
        )
        return round(largest * BODY_RESERVE / MEGABYTE)

    @property
    def answer_seconds(self) -> int:
        """How long a proxy waits for an answer: longer than the server ever takes."""
        return max(self.settings.sync_wait, self.settings.api_wait) + CHECKING_SECONDS

    @property
    def stop_seconds(self) -> int:
        """How long a service manager waits between SIGTERM and SIGKILL."""
        return self.server.stop_timeout + STOPPING_SECONDS

    @property
    def folder(self) -> Path:
        """The folder in which the server is started."""
        return self.config.parent

    @property
    def log_file(self) -> Path:
        """The log: the given one, or that of a server that `ctl.py start` has started."""
        if self.named_log:
            return Path(self.named_log)
        return self.settings.data_root / (self.server.log_file or "syncserver.log")

    @property
    def group(self) -> str:
        """The first group of the user; of the same name when the user does not exist here."""
        try:
            return grp.getgrgid(pwd.getpwnam(self.user).pw_gid).gr_name
        except KeyError:
            return self.user

    @property
    def needs_low_port(self) -> bool:
        """Tell whether the server listens on a port that only root may take."""
        ports = (self.server.port, self.server.redirect_port) if self.server.hosts else ()
        return any(0 < port < PRIVILEGED_PORTS for port in ports)

    @property
    def needs_homes(self) -> bool:
        """Tell whether something that the server reads or writes lies in a person's home."""
        homes = (Path("/home"), Path("/root"), Path("/run/user"))
        read = (self.server.tls_certificate, self.server.tls_key, self.server.tls_client_ca)
        needed = (
            *(self.folder, self.python_prefix, self.base_prefix, Path(self.command[0])),
            *(self.settings.data_root / name for name in read),
            *self.written_folders,
        )
        return any(path.is_relative_to(home) for path in needed for home in homes)

    @property
    def has_fixed_address(self) -> bool:
        """Tell whether the server is reached under the same address after each start."""
        return bool(self.unix_socket) or self.server.port != 0

    @property
    def runtime_folder(self) -> str:
        """The name of the socket's folder right below /run, which is empty when a machine starts."""
        folder = Path(self.unix_socket).parent
        return folder.name if self.unix_socket and folder.parent == Path("/run") else ""

    @property
    def written_folders(self) -> tuple[Path, ...]:
        """The folders in which the server writes: the data root, and what lies elsewhere."""
        root = self.settings.data_root
        # systemd makes the runtime folder, and lets the server write to it, by itself.
        socket = "" if self.runtime_folder else self.unix_socket
        server = self.server
        named = (server.pid_file, server.address_file, server.log_file, socket)
        files = (self.settings.audit_path, *(root / name for name in named if name))
        folders = {file.parent for file in files}
        return (root, *sorted(one for one in folders if not one.is_relative_to(root)))


EXAMPLE: Final = Deployment(
    settings=Settings(data_root=Path("/srv/syncserver/app/data")),
    server=ServerSettings(),
    config=Path("/srv/syncserver/app/production.ini"),
    command=("/srv/syncserver/app/ctl.py",),
    user="syncserver",
    python_prefix=Path("/srv/syncserver/app/.venv"),
    base_prefix=Path("/usr"),
)
