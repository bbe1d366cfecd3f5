"""Under which address a server is reached: by people's devices, and by this script."""

import http.client
import socket
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from syncserver.listening.sockets import UNIX_PREFIX, USUAL_PORTS, http_url
from syncserver.server import address_file_of
from syncserver.settings import ServerSettings, Settings

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
# What to call on this machine when a server listens on all addresses of a kind.
WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound
# Never called: reserved for documentation. It stands for "somewhere outside".
OUTSIDE: Final = ("192.0.2.1", 9)
# What a server says that takes no connection without a certificate of the client.
CERTIFICATE_WANTED: Final = "TLSV13_ALERT_CERTIFICATE_REQUIRED"


def client_url(settings: Settings, server: ServerSettings) -> str:
    """Return the address that people enter in their clients."""
    if settings.public_url:
        return settings.public_url
    told = urlsplit(_told_url(settings, server))
    if told.scheme not in ("http", "https") or told.hostname is None:
        return told.geturl()
    host = own_network_address() if told.hostname in WILDCARDS else told.hostname
    return http_url(host, told.port or USUAL_PORTS[told.scheme], told.scheme)


def reaches_this_machine_only(settings: Settings, server: ServerSettings) -> bool:
    """Tell whether other devices cannot reach the server, not even through a proxy."""
    return not settings.public_url and LOOPBACK_HOSTS.issuperset(server.hosts)


def own_network_address() -> str:
    """Return this machine's address in the network through which it would reach the world."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it only asks for the route.
            probe.connect(OUTSIDE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def answers_health(settings: Settings, server: ServerSettings, *, timeout: float = 2.0) -> bool:
    """Tell whether the server on this machine says that it is well."""
    connection = _connection(_told_url(settings, server), timeout)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except ssl.SSLError as problem:
        # It speaks, but not with us, who have no certificate.
        return problem.reason == CERTIFICATE_WANTED
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _told_url(settings: Settings, server: ServerSettings) -> str:
    """Return where the running server says it is, before it runs where it will be."""
    try:
        told = address_file_of(settings, server).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        told = []
    if told:
        return told[0]
    if not server.hosts:
        return f"{UNIX_PREFIX}{settings.data_root / server.unix_socket}"
    return http_url(server.hosts[0], server.port, "https" if server.tls_certificate else "http")


def _connection(url: str, timeout: float) -> http.client.HTTPConnection:
    if url.startswith(UNIX_PREFIX):
        return _UnixConnection(Path(url.removeprefix(UNIX_PREFIX)), timeout)
    address = urlsplit(url)
    host = WILDCARDS.get(address.hostname or "", address.hostname or "")
    if address.scheme == "http":
        return http.client.HTTPConnection(host, address.port, timeout=timeout)
    # The certificate is for the name that people use. Nothing is sent that must be kept secret.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, address.port, timeout=timeout, context=context)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
