"""Who may look into the server: networks, by the client's real address, or a token."""

import hmac
from dataclasses import dataclass
from ipaddress import ip_address

from webob import Request

from syncserver.settings import IpNetwork, Settings
from syncserver.wsgi.request_chain import RequestContext


@dataclass(frozen=True, slots=True)
class Access:
    """The networks and the token of the settings."""

    networks: tuple[IpNetwork, ...]
    token: str

    @classmethod
    def of(cls, settings: Settings) -> "Access":
        """Return what the settings say."""
        return cls(settings.metrics_networks, settings.metrics_token)

    def is_allowed(self, request: Request, context: RequestContext) -> bool:
        """Tell whether the request comes from one of the networks, or with the token."""
        return self._is_near(context.address) or self._has_token(request)

    def _is_near(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False  # nobody's: a Unix socket has none
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self.networks)

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if not self.token or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode(), self.token.encode())
