"""Who may call: the names of the server, the origins of web pages, tokens and their scopes."""

from typing import Final

from webob import Request, Response

from syncserver.accounts.api_tokens import Bearer
from syncserver.accounts.scopes import Scope
from syncserver.rest.problems import Misdirected, ScopeTooNarrow, Unauthenticated
from syncserver.services import Services
from syncserver.settings import Settings
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.request_chain import RequestContext

ANY: Final = "*"
NOBODYS: Final = "The token is unknown, revoked or expired."
CORS_MAX_AGE_SECONDS: Final = 600
CORS_REQUEST_HEADERS: Final = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key"
)
CORS_RESPONSE_HEADERS: Final = (
    "ETag, Idempotency-Replayed, Link, Location, Retry-After, WWW-Authenticate"
)


def check_host(settings: Settings, proxies: TrustedProxies, request: Request) -> None:
    """Raise Misdirected when the caller used a name that is not in `allowed_hosts`.

    Otherwise a page could make a browser take its own name for this server's and read the answers.
    """
    if not settings.allowed_hosts:
        return
    host = proxies.host(request).lower()
    without_port = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    if host not in settings.allowed_hosts and without_port not in settings.allowed_hosts:
        raise Misdirected(cause=f"Host {host!r:.80}")


def authenticate(
    services: Services, context: RequestContext, request: Request, scope: Scope
) -> Bearer:
    """Return who calls with a token that has `scope`. Raises Unauthenticated, ScopeTooNarrow."""
    return bearer_of(services, context, _token(request), scope)


def check_still_known(services: Services, request: Request, bearer: Bearer) -> None:
    """Raise Unauthenticated if the token has been revoked, or its user removed, since it was used.

    A body may take as long as it likes to come.
    """
    now = services.api_tokens.authenticate(_token(request))
    if now is None or now.user.id != bearer.user.id:
        raise Unauthenticated(NOBODYS)


def bearer_of(services: Services, context: RequestContext, token: str, scope: Scope) -> Bearer:
    """Return whose token this is, if it has `scope`, and note its use.

    Raises Unauthenticated, ScopeTooNarrow.
    """
    bearer = services.api_tokens.authenticate(token)
    if bearer is None:
        raise Unauthenticated(NOBODYS)
    context.bind(user=bearer.user.name, token=bearer.token_id)
    context.is_of(bearer.user.id, bearer.user.limits.requests_per_user)
    services.api_tokens.note_use(bearer, context.address)
    if not bearer.scope.includes(scope):
        raise ScopeTooNarrow(scope.value)
    return bearer


def _token(request: Request) -> str:
    header: str = request.headers.get("Authorization", "")
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer":
        raise Unauthenticated("Send a token: Authorization: Bearer <token>.")
    return token.strip()


def allow_origin(settings: Settings, request: Request, response: Response) -> None:
    """Let the page that called read the answer, if its origin is one of `cors_origins`."""
    if not settings.cors_origins:
        return
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if origin and (origin.lower() in settings.cors_origins or ANY in settings.cors_origins):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = CORS_RESPONSE_HEADERS


def preflight(verbs: list[str]) -> Response:
    """Answer the question of a browser whether a page may send a request."""
    response = Response(status=204)
    response.headers["Allow"] = ", ".join([*verbs, "OPTIONS"])
    response.headers["Access-Control-Allow-Methods"] = ", ".join(verbs)
    response.headers["Access-Control-Allow-Headers"] = CORS_REQUEST_HEADERS
    response.headers["Access-Control-Max-Age"] = str(CORS_MAX_AGE_SECONDS)
    return response
