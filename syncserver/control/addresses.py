"""Under which address a server is reached: by people's devices, and by this script."""

import http.client
import socket
from typing import Final

from syncserver.server import http_url
from syncserver.settings import ServerSettings, Settings

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
# What to call on this machine when a server listens on all addresses of a kind.
WILDCARDS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound
# Never called: reserved for documentation. It stands for "somewhere outside".
OUTSIDE: Final = ("192.0.2.1", 9)


def client_url(settings: Settings, server: ServerSettings) -> str:
    """Return the address that people enter in their clients."""
    host = own_network_address() if server.host in WILDCARDS else server.host
    return settings.public_url or http_url(host, server.port)


def reaches_this_machine_only(settings: Settings, server: ServerSettings) -> bool:
    """Tell whether other devices cannot reach the server, not even through a proxy."""
    return not settings.public_url and server.host in LOOPBACK_HOSTS


def own_network_address() -> str:
    """Return this machine's address in the network through which it would reach the world."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it only asks for the route.
            probe.connect(OUTSIDE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def answers_health(server: ServerSettings, *, timeout: float = 2.0) -> bool:
    """Tell whether the server on this machine says that it is well."""
    host = WILDCARDS.get(server.host, server.host)
    connection = http.client.HTTPConnection(host, server.port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
