"""Every refusal that a caller of the API can get, as problem details (RFC 9457).

    Problem
    ├── Malformed         400  no JSON, or a body that was cut off
    ├── Unauthenticated   401  no token, or one that is nobody's, expired or revoked
    ├── WrongPassword     401  of a login
    ├── ScopeTooNarrow    403  the token may not do this
    ├── NotFound          404  nothing there, or nothing that this token may know of
    ├── WrongMethod       405
    ├── Conflict          409  the state of things does not allow it; the text says what
    │   ├── SyncInProgress     a device is syncing; says when to come back
    │   ├── FullSyncNeeded     would force every device into a full sync
    │   ├── Duplicate          a note with this first field is there already
    │   ├── AnsweredAlready    the card is in another state than the one that was answered
    │   └── SameKeyInProgress  the first request with this Idempotency-Key is not finished
    ├── Changed           412  If-Match names another state than the present one
    ├── TooLarge          413
    ├── Misdirected       421  called by a name that is not in allowed_hosts
    ├── Invalid           422  understood, but a value is wrong; `errors` says which
    ├── Throttled         429  says when to come back
    ├── Failed            500  a mistake of ours, logged under the request's id
    └── Busy              503  passing trouble

A type is a name for programs and never changes; a title is for people and may.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from syncserver import errors
from syncserver.collections.api_work import NeedsFullSync
from syncserver.collections.libanki_errors import Missing, Rejected
from syncserver.media.refusal import MediaRefused

TYPE_PREFIX: Final = "urn:syncserver:problem:"
SYNC_RETRY_SECONDS: Final = 5
BUSY_RETRY_SECONDS: Final = 10
# What comes with every 401.
CHALLENGE: Final = ("WWW-Authenticate", 'Bearer realm="API"')


class Problem(Exception):
    """A refusal; `detail` is safe to show to anybody, `members` are further members of it."""

    status: ClassVar[int]
    name: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self,
        detail: str = "",
        *,
        members: Mapping[str, Any] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        cause: str | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = dict(members or {})
        self.headers = list(headers)
        self.cause = cause

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the JSON object that the caller gets."""
        document = {
            "type": TYPE_PREFIX + self.name,
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "request_id": request_id,
        }
        return {**document, **self.members}


class Malformed(Problem):
    """The request cannot be read."""

    status = 400
    name = "malformed"
    title = "The request cannot be read."


class Unauthenticated(Problem):
    """There is no token, or it is nobody's, or it is over."""

    status = 401
    name = "unauthenticated"
    title = "A valid token is needed."

    def __init__(self, detail: str = "", **options: Any) -> None:
        super().__init__(detail, headers=[CHALLENGE], **options)


class WrongPassword(Problem):
    """The name or the password of a login is wrong."""

    status = 401
    name = "wrong-password"
    title = "Wrong name or password."

    def __init__(self, detail: str = "", *, cause: str | None = None, **_options: Any) -> None:
        super().__init__(detail, headers=[CHALLENGE], cause=cause)


class ScopeTooNarrow(Problem):
    """The token is valid, but may not do this."""

    status = 403
    name = "scope-too-narrow"
    title = "The token may not do this."

    def __init__(self, needed: str) -> None:
        challenge = f'Bearer realm="API", error="insufficient_scope", scope="{needed}"'
        super().__init__(
            f"This needs a token with the scope {needed}.",
            members={"scope": needed},
            headers=[("WWW-Authenticate", challenge)],
        )


class NotFound(Problem):
    """Nothing is there, or nothing that the caller may know of."""

    status = 404
    name = "not-found"
    title = "There is nothing here."


class WrongMethod(Problem):
    """The path exists, but not for this verb."""

    status = 405
    name = "wrong-method"
    title = "The path does not take this method."

    def __init__(self, allowed: Sequence[str]) -> None:
        verbs = ", ".join(allowed)
        super().__init__(f"The path takes {verbs}.", headers=[("Allow", verbs)])


class Conflict(Problem):
    """The state of things does not allow it."""

    status = 409
    name = "conflict"
    title = "The present state does not allow this."


class SyncInProgress(Conflict):
    """A device is syncing; the same call will succeed when it has finished."""

    name = "sync-in-progress"
    title = "A device is syncing."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers=[("Retry-After", str(SYNC_RETRY_SECONDS))])


class FullSyncNeeded(Conflict):
    """The change would force every device into a full sync."""

    name = "full-sync-needed"
    title = "This would force every device into a full sync."


class Duplicate(Conflict):
    """There is a note of the notetype with the same first field already."""

    name = "duplicate"
    title = "There is a note with this first field already."


class AnsweredAlready(Conflict):
    """The card is not in the state any more in which it was shown."""

    name = "answered-already"
    title = "The card is in another state by now: it was answered, or changed."


class SameKeyInProgress(Conflict):
    """The first request with this Idempotency-Key is still being worked on."""

    name = "same-key-in-progress"
    title = "The first request with this key is still being worked on."

    def __init__(self) -> None:
        super().__init__(headers=[("Retry-After", str(SYNC_RETRY_SECONDS))])


class Changed(Problem):
    """What If-Match names is not the present state."""

    status = 412
    name = "changed"
    title = "It was changed in the meantime."


class TooLarge(Problem):
    """The body is larger than a limit."""

    status = 413
    name = "too-large"
    title = "The request is too large."


class Misdirected(Problem):
    """The server was called by a name that it does not have."""

    status = 421
    name = "misdirected"
    title = "This server is not called by this name."


class Invalid(Problem):
    """A value is wrong; `errors` lists where and why."""

    status = 422
    name = "invalid"
    title = "A value is wrong."


class Throttled(Problem):
    """Too many failed logins."""

    status = 429
    name = "throttled"
    title = "Too many failed logins."


class Failed(Problem):
    """A mistake of ours."""

    status = 500
    name = "failed"
    title = "The server failed; its log says more under the request's id."


class Busy(Problem):
    """Passing trouble on our side."""

    status = 503
    name = "busy"
    title = "The server cannot do this at the moment."


PROBLEMS: Final[tuple[type[Problem], ...]] = (
    Malformed,
    Unauthenticated,
    WrongPassword,
    ScopeTooNarrow,
    NotFound,
    WrongMethod,
    Conflict,
    SyncInProgress,
    FullSyncNeeded,
    Duplicate,
    AnsweredAlready,
    SameKeyInProgress,
    Changed,
    TooLarge,
    Misdirected,
    Invalid,
    Throttled,
    Failed,
    Busy,
)


def problem_of(error: Exception) -> Problem | None:
    """Return the problem that an error of the layers below is to the caller, None if unforeseen."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, errors.SyncServerError):
        return _of_refusal(error)
    if isinstance(error, NeedsFullSync):
        return FullSyncNeeded('Say "allow_full_sync": true if that is what you want.')
    if isinstance(error, Missing):
        return NotFound("There is no such object in the collection.", cause=str(error))
    if isinstance(error, Rejected):
        return Invalid(_without_isolates(str(error)))
    return None


def _of_refusal(error: errors.SyncServerError) -> Problem | None:
    if isinstance(error, errors.SyncConflict):
        return SyncInProgress(error.public_text)
    if isinstance(error, MediaRefused):
        return TooLarge(error.public_text, cause=error.cause)
    kind = _KINDS.get(error.status)
    if kind is None:
        return None
    seconds = error.retry_after_seconds or (BUSY_RETRY_SECONDS if kind is Busy else None)
    headers = [("Retry-After", str(seconds))] if seconds else []
    return kind(error.public_text, headers=headers, cause=error.cause)


_KINDS: Final[Mapping[int, type[Problem]]] = {
    400: Malformed,
    403: WrongPassword,
    404: NotFound,
    411: Malformed,
    413: TooLarge,
    429: Throttled,
    503: Busy,
}


def _without_isolates(text: str) -> str:
    """Return libanki's message without the invisible marks around its parts."""
    return text.replace("\u2068", "").replace("\u2069", "")
