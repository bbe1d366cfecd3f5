"""Who is on the other end, and under which address did they reach us, behind trusted proxies?"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from webob import Request

from syncserver.settings import IpNetwork

REMEMBERED_ADDRESSES: Final = 1024


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks whose forwarding headers are believed."""

    networks: tuple[IpNetwork, ...]

    def client_address(self, request: Request) -> str:
        """Return the address of the client: the last one that is not a trusted proxy's.

        Whoever is not trusted can write anything into X-Forwarded-For, so it is read from its end.
        """
        address = request.environ.get("REMOTE_ADDR", "") or "unknown"
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
        scheme, host = request.scheme, request.host
        if self._is_trusted(request.environ.get("REMOTE_ADDR", "")):
            scheme = request.headers.get("X-Forwarded-Proto", scheme).split(",")[0].strip()
            host = request.headers.get("X-Forwarded-Host", host).split(",")[0].strip()
        path = request.script_name.removesuffix(mounted_at)
        return f"{scheme}://{host}{path}/"

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
