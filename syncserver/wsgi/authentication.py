"""From a host key to the user and device behind it."""

from syncserver.accounts.host_keys import Device, HostKeys
from syncserver.errors import BadRequest, WrongCredentials
from syncserver.protocol.framed_request import FramedRequest
from syncserver.wsgi.request_chain import RequestContext


def authenticate(host_keys: HostKeys, framed: FramedRequest, context: RequestContext) -> Device:
    """Return who sent the request. Raises WrongCredentials for an unknown or revoked host key."""
    if not framed.host_key and not framed.version_11:
        # A proxy that drops the form's body looks like this; 403 would blame the password.
        raise BadRequest("The request has no host key.")
    device = host_keys.authenticate(framed.host_key) if framed.host_key else None
    if device is None:
        raise _nobodys_key()
    host_keys.note_use(device, framed.client, context.address)
    context.bind(user=device.user.name, device=device.key_id)
    context.is_of(device.user.id, device.user.limits.requests_per_user)
    return device


def check_still_known(host_keys: HostKeys, framed: FramedRequest, device: Device) -> None:
    """Raise WrongCredentials if the key has been revoked, or its user removed, since it was used.

    A body may take as long as it likes, and by its end the folder may be that of another person of
    the same name. The answer is most often one that `host_keys` still has: a microsecond.
    """
    now = host_keys.authenticate(framed.host_key)
    if now is None or now.user.id != device.user.id:
        raise _nobodys_key()


def _nobodys_key() -> WrongCredentials:
    return WrongCredentials("Please log in again.", cause="unknown or revoked host key")
