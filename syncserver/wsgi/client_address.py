"""Who is on the other end, and under which address did they reach us, behind trusted proxies?"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from webob import Request

from syncserver.settings import IpNetwork

REMEMBERED_ADDRESSES: Final = 1024
# Of connections through a Unix socket, unless a proxy says whose they are.
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks whose forwarding headers are believed."""

    networks: tuple[IpNetwork, ...]

    def client_address(self, request: Request) -> str:
        """Return the address of the client: the last one that is not a trusted proxy's.

        Whoever is not trusted can write anything into X-Forwarded-For, so it is read from its end.
        """
        address = request.environ.get("REMOTE_ADDR", "") or UNKNOWN
        forwarded = request.headers.get("X-Forwarded-For", "")
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
        path = request.script_name.removesuffix(mounted_at)
        return f"{scheme}://{self.host(request)}{path}/"

    def host(self, request: Request) -> str:
        """Return the host, with its port if it is not the usual one, that the client asked for."""
        return self._forwarded(request, "Host", request.host)

    def _forwarded(self, request: Request, what: str, direct: str) -> str:
        if not self._is_trusted(request.environ.get("REMOTE_ADDR", "")):
            return direct
        said: str = request.headers.get(f"X-Forwarded-{what}", direct)
        return said.split(",", maxsplit=1)[0].strip()

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.networks)


@lru_cache(maxsize=REMEMBERED_ADDRESSES)
def _printable(address: str) -> str:
    """Return the address in its usual spelling; what is none is cut short for the log."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address[:45]
