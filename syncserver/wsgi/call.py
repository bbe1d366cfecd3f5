"""One call of a sync or media method: who calls, with what message."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from syncserver.accounts.host_keys import Device
from syncserver.collections.lease import Lease
from syncserver.collections.libanki import Rejected
from syncserver.collections.slot import Caller
from syncserver.errors import BadRequest
from syncserver.protocol import messages
from syncserver.services import Services
from syncserver.sync.session import current_session
from syncserver.wsgi.authentication import authenticate
from syncserver.wsgi.framing import Incoming
from syncserver.wsgi.request_chain import RequestContext

SMALL_REQUEST: Final = 64 * 1024

Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class Call:
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

    @contextmanager
    def resumed(self, device: Device) -> Iterator[Lease]:
        """Continue the caller's sync; what the collection rejects is the client's mistake."""
        try:
            with self.services.collections.resume(device.user.folder, self.caller(device)) as lease:
                self.context.tally = current_session(lease).tally
                yield lease
        except Rejected as problem:
            raise BadRequest("The changes cannot be merged.", cause=str(problem)) from problem
