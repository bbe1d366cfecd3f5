"""Who is on the other end, and under which address did they reach us, behind trusted proxies?"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from webob import Request

from syncserver.settings import IpNetwork

REMEMBERED_ADDRESSES: Final = 1024
# What servers say of a connection through a Unix socket.
UNIX_SOCKET: Final = ""
# What stands for the address of such a connection, and of one whose server says nothing.
NAMED_UNIX: Final = "unix"
UNKNOWN: Final = "unknown"
NO_ADDRESS: Final = frozenset({NAMED_UNIX, UNKNOWN})


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks whose forwarding headers are believed."""

    networks: tuple[IpNetwork, ...]

    def client_address(self, request: Request) -> str:
        """Return the address of the client: the last one that is not a trusted proxy's.

        Whoever is not trusted can write anything into X-Forwarded-For, so it is read from its end.
        """
        address = _remote_address(request)
        # Not through webob's headers, which are made anew for each request.
        forwarded: str = request.environ.get("HTTP_X_FORWARDED_FOR", "")
        if not forwarded:
            return _printable(address)
        for earlier in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if not self._is_trusted(address):
                break
            address = earlier
        return _printable(address)

    def base_url(self, request: Request, mounted_at: str) -> str:
        """Return the address of the server as the client sees it, with a slash at its end.

        `mounted_at` is the path under which the app that asks is mounted.
        """
        scheme = self._forwarded(request, "Proto", request.scheme)
        path = self._prefix(request) + request.script_name.removesuffix(mounted_at)
        return f"{scheme}://{self.host(request)}{path}/"

    def host(self, request: Request) -> str:
        """Return the host, with its port if it is not the usual one, that the client asked for."""
        return self._forwarded(request, "Host", request.host)

    def _prefix(self, request: Request) -> str:
        """Return the path that a proxy has taken away from the front of the address."""
        said = self._forwarded(request, "Prefix", "").strip("/")
        return f"/{said}" if said else ""

    def _forwarded(self, request: Request, what: str, direct: str) -> str:
        if not self._is_trusted(_remote_address(request)):
            return direct
        said: str = request.headers.get(f"X-Forwarded-{what}", direct)
        return said.split(",", maxsplit=1)[0].strip()

    def _is_trusted(self, address: str) -> bool:
        if address == UNIX_SOCKET:
            return True  # who may connect there is decided by the socket file's mode
        try:
            parsed = _parsed(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.networks)


def _remote_address(request: Request) -> str:
    address: str = request.environ.get("REMOTE_ADDR", UNKNOWN)
    return address


@lru_cache(maxsize=REMEMBERED_ADDRESSES)
def _printable(address: str) -> str:
    """Return the address in its usual spelling; what is none is cut short for the log."""
    try:
        return str(_parsed(address))
    except ValueError:
        return address[:45] or NAMED_UNIX


def _parsed(address: str) -> IPv4Address | IPv6Address:
    """Return the address; one of IPv4 that came to a socket for both kinds is one of IPv4."""
    parsed = ip_address(address)
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
