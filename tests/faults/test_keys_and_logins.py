"""Who may come in: keys that are wrong, revoked, foreign or missing, and guessed passwords."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.conftest import NewSync
from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import (
    FIRST_NOTES,
    FirstCollection,
    HandMadeSync,
    WatchedClient,
    log_in,
    upload,
)
from tests.support.raw_client import RawReply

FAILURES_PER_ACCOUNT = 4
OPTIONS = {
    "sync_wait": 2,
    "login_failures_per_account": FAILURES_PER_ACCOUNT,
    "login_failures_per_address": 10_000,
    "login_failure_window": 120,
}

META = {"v": 11, "cv": "test"}
METHODS_WITH_KEY = (
    *("meta", "start", "applyGraves", "applyChanges", "chunk", "applyChunk"),
    *("sanityCheck2", "finish", "abort", "upload", "download"),
)
NEEDING_A_SESSION_KEY = METHODS_WITH_KEY[1:9]
WRONG_KEYS = {
    "empty": "",
    "unknown": "A" * 43,
    "like the official server's": "0" * 40,
    "long": "k" * 10_000,
    "not ASCII": "schlüssel 🦉",
    "a zero byte": "a\x00b",
    "SQL": "' or '1'='1",
}
GOOD_PAYLOADS: dict[str, object] = {
    "meta": META,
    "start": {"minUsn": 0, "lnewer": True, "graves": None},
    "applyGraves": {"chunk": {"cards": [], "decks": [], "notes": []}},
    "applyChanges": {"changes": {"models": [], "decks": [[], []], "tags": []}},
    "applyChunk": {"chunk": {}},
    "sanityCheck2": {"client": [[0, 0, 0], 0, 0, 0, 0, 0, 0, 0]},
}


def attempt(server: WatchedServer, name: str, password: str) -> RawReply:
    stranger = WatchedClient(server.url, server=server, name=name)
    server.secrets.passwords.append(password)
    return stranger.call("hostKey", {"u": name, "p": password})


@pytest.mark.parametrize("wrong", WRONG_KEYS)
@pytest.mark.parametrize("method", METHODS_WITH_KEY)
def test_a_wrong_key_is_refused_by_every_method(
    method: str, wrong: str, server: WatchedServer
) -> None:
    stranger = WatchedClient(server.url, WRONG_KEYS[wrong], server=server, name="")
    assert stranger.call(method, GOOD_PAYLOADS.get(method, {})).status == 403


def test_a_key_is_not_taken_with_a_letter_too_many_or_too_few(client: WatchedClient) -> None:
    key = client.host_key
    for wrong in (key[:-1], key + "a", key.swapcase(), f" {key}", f"{key}\n"):
        client.host_key = wrong
        assert client.call("meta", META).status == 403
    client.host_key = key
    assert client.call("meta", META).status == 200


def test_a_revoked_key_is_refused_while_others_of_the_same_person_go_on(
    server: WatchedServer, account: Account, client: WatchedClient
) -> None:
    other = log_in(server, account)
    with server.accounts() as accounts:
        user = accounts.users.find(account.name)
        assert user is not None
        keys = accounts.host_keys.of_user(user)
        newest = max(key.id for key in keys)
        accounts.host_keys.revoke(user, newest)
    wait_until(lambda: other.call("meta", META).status == 403, "the revoked key is refused")
    assert client.call("meta", META).status == 200


def test_a_revoked_key_ends_its_sync_in_the_middle(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    sync.send_notes("never finished")
    with server.accounts() as accounts:
        user = accounts.users.find(account.name)
        assert user is not None
        accounts.host_keys.revoke(user, None)
    wait_until(lambda: sync.client.call("chunk").status == 403, "the revoked key is refused")
    assert sync.client.call("finish").status == 403
    assert server.notes(account) == FIRST_NOTES


def test_a_key_opens_the_own_collection_only(
    server: WatchedServer, account: Account, client: WatchedClient, new_sync: NewSync
) -> None:
    own = new_sync()
    own.run("mine")
    stranger_account = server.new_account()
    stranger = log_in(server, stranger_account)
    stranger.session_key = own.client.session_key
    assert stranger.expect("meta", META)["empty"] is True
    assert b"mine" not in stranger.call("download").body
    assert server.notes(account) == sorted([*FIRST_NOTES, "mine"])


@pytest.mark.parametrize("method", NEEDING_A_SESSION_KEY)
def test_a_step_without_a_session_key_is_refused(method: str, new_sync: NewSync) -> None:
    sync = new_sync().begin()
    key, sync.client.session_key = sync.client.session_key, ""
    assert sync.client.call(method, GOOD_PAYLOADS.get(method, {})).status == 400
    sync.client.session_key = key
    assert sync.client.call("chunk").status == 200


def test_full_transfers_need_no_session_key(
    client: WatchedClient, first_collection: FirstCollection
) -> None:
    client.session_key = ""
    upload(client, first_collection.path)
    assert client.call("download").body.startswith(b"SQLite format 3\x00")


# Logins


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", ""),
        ("nobody", "x"),
        ("nobody", ""),
        (" ", "x"),
        ("n" * 60_000, "x"),
        ("a\x00b", "x"),
        ("../../etc/passwd", "x"),
        ("nobody", "p" * 60_000),
        ("nobody", "\x00"),
        ("' or 1=1 --", "x"),
    ],
)
def test_a_wrong_login_is_refused(name: str, password: str, server: WatchedServer) -> None:
    stranger = WatchedClient(server.url, server=server, name=name)
    assert stranger.call("hostKey", {"u": name, "p": password}).status == 403


def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    server: WatchedServer, account: Account
) -> None:
    wrong_name = attempt(server, "somebody else", "a wrong password")
    wrong_password = attempt(server, account.name, "a wrong password")
    assert (wrong_name.status, wrong_name.body) == (wrong_password.status, wrong_password.body)
    assert wrong_name.headers.keys() == wrong_password.headers.keys()


def test_guessing_is_slowed_for_the_account_and_nobody_else(
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    new_sync: NewSync,
    first_collection: FirstCollection,
) -> None:
    other = server.new_account()
    syncing = new_sync().begin()
    statuses = [
        attempt(server, account.name, f"a guess, number {number}").status
        for number in range(FAILURES_PER_ACCOUNT)
    ]
    assert statuses == [403] * FAILURES_PER_ACCOUNT
    throttled = attempt(server, account.name, "one guess more")
    assert throttled.status == 429
    assert 0 < int(throttled.headers["retry-after"]) <= OPTIONS["login_failure_window"]
    assert attempt(server, account.name, account.password).status == 429, "even the right one"
    assert server.events("login_throttled")[-1]["level"] == "warning"
    # Whoever is logged in goes on, and so do all others.
    syncing.finish()
    assert client.call("meta", META).status == 200
    upload(log_in(server, other), first_collection.path)


def test_syncs_go_on_while_somebody_guesses(
    server: WatchedServer,
    new_sync: NewSync,
    background: ThreadPoolExecutor,
) -> None:
    guesses = [
        background.submit(attempt, server, f"victim {number}", "a guess too")
        for number in range(40)
    ]
    for number in range(5):
        new_sync().run(f"meanwhile {number}")
    assert {guess.result().status for guess in guesses} <= {403, 503}


def test_a_removed_person_is_refused_and_another_of_that_name_starts_empty(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    sync: HandMadeSync = new_sync()
    sync.run("of the first person")
    folder = server.user_folder(account)
    sync.begin()
    with server.accounts() as accounts:
        accounts.users.delete(account.name, purge=True)
    wait_until(lambda: sync.client.call("chunk").status == 403, "the key is refused")
    wait_until(lambda: not folder.exists(), "the files are removed, even amid a sync")
    with server.accounts() as accounts:
        accounts.users.add(account.name, account.password)
    assert log_in(server, account).expect("meta", META)["empty"] is True
