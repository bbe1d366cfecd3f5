"""Login: a name and a password against a short-lived token."""

from typing import Literal

import structlog

from syncserver import events
from syncserver.accounts.scopes import Scope
from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document
from syncserver.rest.operations import Resource

resource = Resource("access")

log = structlog.get_logger()


class LoginRequest(Body):
    """Name and password, and what the token shall be good for."""

    name: str
    password: str
    # Not admin: whoever guesses a password must not get at other people's collections.
    scope: Literal["read", "review", "add", "write"] = "write"


class IssuedToken(Document):
    """A token, and when it ends (ISO 8601)."""

    token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of the kind
    scope: str
    expires_at: str


class Access(Document):
    """Whose token it is and what it may do."""

    user: str
    scope: str
    expires_at: str | None


@resource.post("/v1/login", scope=None)
def log_in(call: Call, body: LoginRequest) -> IssuedToken:
    """Get a short-lived token for a name and a password."""
    services, address = call.services, call.context.address
    user = services.login.verify(body.name, body.password, address)
    token, expires_at = services.api_tokens.issue_for_login(
        user, Scope(body.scope), services.settings.api_login_lifetime, address
    )
    log.info(events.API_LOGIN, user=user.name, scope=body.scope)
    return IssuedToken(token=token, scope=body.scope, expires_at=expires_at.isoformat())


@resource.get("/v1/access")
def show_access(call: Call) -> Access:
    """Tell whose token this is and what it may do."""
    bearer = call.bearer
    assert bearer is not None  # noqa: S101 - a scope is declared
    expires_at = bearer.expires_at.isoformat() if bearer.expires_at else None
    return Access(user=bearer.user.name, scope=bearer.scope.value, expires_at=expires_at)
