"""The same servers, accounts and devices as in the tests of faults."""

from tests.faults.conftest import (
    account,
    background,
    client,
    first_collection,
    new_client,
    new_device,
    new_sync,
    server,
)

__all__ = [
    "account",
    "background",
    "client",
    "first_collection",
    "new_client",
    "new_device",
    "new_sync",
    "server",
]
