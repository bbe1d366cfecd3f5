"""A key is revoked, or its user removed, while the body of a request is still on its way."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.test_keys_and_logins import GOOD_PAYLOADS, META, METHODS_WITH_KEY
from tests.support.accounts import Account
from tests.support.faults_connection import HandMadeRequest
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import FirstCollection, WatchedClient, log_in, upload
from tests.support.media_client import media_client
from tests.support.media_zip import upload_zip
from tests.support.raw_client import CLIENT_VERSION, NO_INPUT, compressed_pieces

OPTIONS = {"sync_wait": 2}

# Long enough for the server to have looked at the key and to wait for the body.
KEY_SEEN_SECONDS = 0.3
FIRST_BYTES = 4

MEDIA_PAYLOADS: dict[str, object] = {
    "begin": {"v": CLIENT_VERSION},
    "mediaChanges": {"lastUsn": 0},
    "uploadChanges": None,
    "downloadFiles": {"files": []},
    "mediaSanity": {"local": 0},
}
ALL_METHODS = [
    *(("sync", method) for method in METHODS_WITH_KEY),
    *(("msync", method) for method in MEDIA_PAYLOADS),
]


class HeldRequest:
    """A request of which the server has the first bytes only, until `end`."""

    def __init__(self, request: HandMadeRequest, body: bytes) -> None:
        self._request = request
        self._frame = b"".join(compressed_pieces(body))

    def begin(self, client: WatchedClient, mount: str, method: str) -> "HeldRequest":
        """Send the head and the first bytes."""
        self._request.sync_head(client, method, mount=mount)
        self._request.piece(self._frame[:FIRST_BYTES])
        time.sleep(KEY_SEEN_SECONDS)
        return self

    def end(self) -> int:
        """Send the rest, and return the status of the answer."""
        self._request.piece(self._frame[FIRST_BYTES:])
        self._request.end()
        status, _, _ = self._request.answer()
        return status


@contextmanager
def held(
    client: WatchedClient, mount: str, method: str, first_collection: FirstCollection
) -> Iterator[HeldRequest]:
    """Begin a request that would succeed, or need a sync in progress, and hold its body."""
    payload = MEDIA_PAYLOADS if mount == "msync" else GOOD_PAYLOADS
    body = json.dumps(payload.get(method, NO_INPUT)).encode()
    if method == "upload":
        body = first_collection.path.read_bytes()
    elif method == "uploadChanges":
        body = upload_zip(("of the first person.png", b"content"))
    with HandMadeRequest(client.server.port) as request:
        yield HeldRequest(request, body).begin(client, mount, method)


def remove(server: WatchedServer, account: Account) -> None:
    """Do what `ctl.py deluser --purge` does, and return when the name is free again."""
    folder = server.user_folder(account).name
    with server.accounts() as accounts:
        accounts.users.delete(account.name, purge=True)
    wait_until(
        lambda: folder in {event["folder"] for event in server.events("user_purged")},
        "the files are removed",
    )


@contextmanager
def nothing_changes(server: WatchedServer, account: Account) -> Iterator[None]:
    """What is stored for the account must be the same after the block."""
    before = server.tables(account)
    yield
    assert server.tables(account) == before
    assert server.backups(account) == []
    assert media_client(server, account).all_changes() == []


@pytest.mark.parametrize(("mount", "method"), ALL_METHODS)
def test_a_key_that_is_revoked_meanwhile_is_refused(
    mount: str,
    method: str,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
) -> None:
    with (
        nothing_changes(server, account),
        held(client, mount, method, first_collection) as request,
    ):
        with server.accounts() as accounts:
            user = accounts.users.find(account.name)
            assert user is not None
            accounts.host_keys.revoke(user, None)
        wait_until(lambda: client.call("meta", META).status == 403, "the key is refused")
        assert request.end() == 403


@pytest.mark.parametrize(("mount", "method"), ALL_METHODS)
def test_what_belongs_to_another_person_of_that_name_by_then_is_not_touched(
    mount: str,
    method: str,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
) -> None:
    with held(client, mount, method, first_collection) as request:
        remove(server, account)
        with server.accounts() as accounts:
            accounts.users.add(account.name, account.password)
        upload(log_in(server, account), first_collection.path)
        with nothing_changes(server, account):
            assert request.end() == 403


@pytest.mark.parametrize(("mount", "method"), [("sync", "upload"), ("msync", "uploadChanges")])
def test_whoever_is_removed_during_an_upload_is_refused_and_does_not_come_back(
    mount: str,
    method: str,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
) -> None:
    folder = server.user_folder(account)
    with held(client, mount, method, first_collection) as request:
        remove(server, account)
        assert request.end() == 403
    assert not folder.exists()
    assert server.events("request_failed") == []
