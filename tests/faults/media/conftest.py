"""The same servers, accounts and devices as in the other tests of media."""

from tests.media.conftest import account, client, device, new_device, server

__all__ = ["account", "client", "device", "new_device", "server"]
