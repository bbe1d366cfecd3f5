"""Every refusal that a client can get, as a tree of exceptions; only the request chain knows more.

    SyncServerError            500  never raised itself; what is unexpected is logged and hidden
    ├── BadRequest             400  the client sent something broken: people are told to check it
    ├── WrongCredentials       403  name, password or key: desktops drop their key, so nothing else
    ├── NotFound               404
    ├── MethodNotAllowed       405
    ├── SyncConflict           409  another sync of this user is alive, or this one is not
    ├── BodyMissing            411  a proxy dropped the body; says which setting to change
    ├── BodyTooLarge           413
    ├── TooManyRequests        429  says in seconds when to come back
    │   └── RateExceeded       429  of one user; sync clients get words or 503 in its place
    ├── ClientTooOld           501
    ├── ServerBusy             503  passing trouble: try again later
    │   ├── DiskFull           503
    │   ├── TooManyAtOnce      503  of a user, an address or the whole server
    │   └── UnderMaintenance   503  the text is the operator's
    └── UploadRefused          200  the protocol's way to show people a sentence after an upload

The statuses and what each client makes of them are in section 4 of the protocol facts: 400 tells
people to check their database and 403 makes desktops forget their login, so neither may ever be
used for trouble that passes.
"""

from typing import ClassVar


class SyncServerError(Exception):
    """A refusal: an HTTP status, a text that is safe to show to anybody, a cause for the log.

    `public_text` goes into the response; `cause` only into the log. Neither may hold a password or
    a key, and `public_text` no path and no other user's name.
    """

    status: ClassVar[int] = 500

    def __init__(
        self,
        public_text: str,
        *,
        cause: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(public_text)
        self.public_text = public_text
        self.cause = cause
        self.retry_after_seconds = retry_after_seconds


class BadRequest(SyncServerError):
    """What was sent is broken or breaks a rule of the protocol; sending it again will not help."""

    status = 400


class WrongCredentials(SyncServerError):
    """The name, the password or the host key is wrong."""

    status = 403


class NotFound(SyncServerError):
    """Nothing lives at this path."""

    status = 404


class MethodNotAllowed(SyncServerError):
    """The path exists, but not for this HTTP verb."""

    status = 405


class SyncConflict(SyncServerError):
    """Another sync of this user is in progress, or the one that was addressed is over."""

    status = 409


class BodyMissing(SyncServerError):
    """The body that the framing demands never arrived, most often because a proxy dropped it."""

    status = 411


class BodyTooLarge(SyncServerError):
    """The body is larger than a limit, which the text names."""

    status = 413


class TooManyRequests(SyncServerError):
    """Too many failures or requests; `retry_after_seconds` says when to come back."""

    status = 429


class RateExceeded(TooManyRequests):
    """A user's devices and programs have asked too often."""


class ClientTooOld(SyncServerError):
    """The client speaks a version of the protocol that this server does not."""

    status = 501


class ServerBusy(SyncServerError):
    """Passing trouble on our side; the same request may succeed later."""

    status = 503


class DiskFull(ServerBusy):
    """There is no space left to do this safely; nothing was changed."""


class TooManyAtOnce(ServerBusy):
    """Too many requests are being worked on, of a user, of an address, or in all."""


class UnderMaintenance(ServerBusy):
    """The operator has closed the server for a while; the text says what for."""


class UploadRefused(SyncServerError):
    """A full upload was refused; clients show the text of this 200 to the person."""

    status = 200
