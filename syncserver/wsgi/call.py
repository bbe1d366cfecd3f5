"""One call of a sync or media method: who calls, with what message."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from syncserver.accounts.host_keys import Device
from syncserver.collections.lease import Caller, Lease
from syncserver.collections.libanki import Rejected
from syncserver.errors import BadRequest
from syncserver.protocol import messages
from syncserver.services import Services
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

    def caller(self, device: Device) -> Caller:
        """Return the identity of this sync. Raises BadRequest without a session key."""
        session_key = self.incoming.framed.session_key
        if not session_key:
            raise BadRequest("The request has no session key.")
        return Caller(device.key_id, session_key)

    def message(self, shape: type[Message], limit: int | None = None) -> Message:
        """Read and decode the payload. Raises BadRequest, BodyTooLarge, BodyMissing."""
        most = self.services.settings.max_request_bytes if limit is None else limit
        return messages.decode(self.incoming.payload(most), shape)

    @contextmanager
    def resumed(self, device: Device) -> Iterator[Lease]:
        """Continue the caller's sync; what the collection rejects is the client's mistake."""
        try:
            with self.services.collections.resume(device.user.folder, self.caller(device)) as lease:
                yield lease
        except Rejected as problem:
            raise BadRequest("The changes cannot be merged.", cause=str(problem)) from problem
