"""One call of a sync or media method: who calls, with what message, and what they may then use.

Whoever calls is known before the body is read, and once more when it has come: it may have come so
slowly that the key was revoked, or the user removed, in between.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Final, TypeVar

from msgspec import Struct

from syncserver.accounts.host_keys import Device
from syncserver.collections.lease import Lease, Owned
from syncserver.collections.libanki_errors import Rejected
from syncserver.collections.slot import Caller
from syncserver.errors import BadRequest
from syncserver.media.library import Library
from syncserver.protocol import messages
from syncserver.services import Services
from syncserver.sync.session import SyncSession
from syncserver.wsgi.authentication import authenticate, check_still_known
from syncserver.wsgi.framing import Incoming
from syncserver.wsgi.request_chain import RequestContext

SMALL_REQUEST: Final = 64 * 1024

Message = TypeVar("Message")


class Call(Struct, frozen=True):
    """One call of a method."""

    services: Services
    context: RequestContext
    incoming: Incoming

    def device(self) -> Device:
        """Return who calls. Raises WrongCredentials."""
        return authenticate(self.services.host_keys, self.incoming.framed, self.context)

    def anybody(self, device: Device) -> Caller:
        """Return who calls, with the session key that was sent, if any."""
        framed = self.incoming.framed
        return Caller(device.key_id, framed.session_key, device.user.id, framed.client)

    def caller(self, device: Device) -> Caller:
        """Return the identity of this sync. Raises BadRequest without a session key."""
        caller = self.anybody(device)
        if not caller.session_key:
            raise BadRequest("The request has no session key.")
        return caller

    def message(self, shape: type[Message], limit: int | None = None) -> Message:
        """Read and decode the payload. Raises BadRequest, BodyTooLarge, BodyMissing."""
        most = self.services.settings.max_request_bytes if limit is None else limit
        return messages.decode(self.incoming.payload(most), shape)

    def check_still_known(self, device: Device) -> None:
        """Raise WrongCredentials unless the key is still good, now that the body has come."""
        check_still_known(self.services.host_keys, self.incoming.framed, device)

    @contextmanager
    def while_known(self, device: Device) -> Iterator[None]:
        """Raise WrongCredentials for what goes wrong because the user's files went with the user.

        For a `with` block around a body that is written into the user's folder.
        """
        try:
            yield
        except Exception:
            self.check_still_known(device)
            raise

    def lease(self, device: Device, caller: Caller) -> AbstractContextManager[Lease]:
        """Own the caller's collection, for a `with` block. Raises SyncConflict, WrongCredentials."""
        self.check_still_known(device)
        return self.services.collections.lease(device.user.folder, caller)

    def media(self, device: Device) -> AbstractContextManager[Library]:
        """Own the caller's media, for a `with` block. Raises ServerBusy, WrongCredentials."""
        self.check_still_known(device)
        return self.services.media.owned(device.user.folder)

    def resumed(self, device: Device) -> "_Resumed":
        """Continue the caller's sync, for a `with` block.

        Raises SyncConflict when it is over, WrongCredentials.
        """
        self.check_still_known(device)
        collections = self.services.collections
        return _Resumed(collections.resume(device.user.folder, self.caller(device)), self.context)


class _Resumed:
    """A step of a sync: its bytes count for the sync; what is rejected is the client's mistake."""

    __slots__ = ("_context", "_owned")

    def __init__(self, owned: Owned, context: RequestContext) -> None:
        self._owned = owned
        self._context = context

    def __enter__(self) -> Lease:
        lease = self._owned.__enter__()
        state = lease.sync_state
        self._context.tally = state.tally if isinstance(state, SyncSession) else None
        return lease

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._owned.__exit__(kind, problem, traceback)
        if isinstance(problem, Rejected):
            raise BadRequest("The changes cannot be merged.", cause=str(problem)) from problem
