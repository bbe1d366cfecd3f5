"""Accounts whose passwords another server has hashed, added one by one."""

import threading

import pytest

from tests.support.accounts import Account
from tests.support.moving_server import MovingServer
from tests.support.old_hashes import ankisyncd_hash, django_hash, phc_hash

PASSWORD = "Größe 1"
HASHES = {
    "of-the-official-server": phc_hash(PASSWORD, rounds=600_000),
    "of-django": django_hash(PASSWORD),
    "of-ankisyncd": ankisyncd_hash("of-ankisyncd", PASSWORD),
}


def add(server: MovingServer, name: str, text: str) -> Account:
    result = server.must("adduser", name, "--password-hash-stdin", stdin=f"{text}\n")
    assert text not in result.output + result.errors
    return Account(name, PASSWORD)


@pytest.mark.parametrize("name", HASHES)
def test_a_hash_is_as_good_as_its_password(server: MovingServer, name: str) -> None:
    account = add(server, name, HASHES[name])
    assert server.login_status(Account(name, "wrong")) == 403
    assert not server.stored_hash(account).startswith("$argon2id$")
    assert server.login_status(account) == 200
    assert server.stored_hash(account).startswith("$argon2id$")
    assert server.login_status(account) == 200
    assert server.login_status(Account(name, "wrong")) == 403
    assert PASSWORD not in server.log()
    assert HASHES[name] not in server.log()


def test_devices_that_log_in_at_the_same_time_are_all_let_in(server: MovingServer) -> None:
    account = add(server, "many-devices", ankisyncd_hash("many-devices", PASSWORD))
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.login_status(account)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * 8


@pytest.mark.parametrize(
    ("arguments", "given", "exit_code"),
    [
        (("--password-hash-stdin",), "5f4dcc3b5aa765d61d8327deb882cf99", 1),
        (("--password-hash-stdin",), "", 1),
        (("--password-hash-stdin", "--password-stdin"), phc_hash(PASSWORD), 2),
    ],
)
def test_what_is_no_hash_adds_nobody(
    server: MovingServer, arguments: tuple[str, ...], given: str, exit_code: int
) -> None:
    result = server.ctl("adduser", "nobody", *arguments, stdin=f"{given}\n")
    assert result.exit_code == exit_code
    assert not given or given not in result.errors
    assert '"nobody"' not in server.must("lsuser", "--json").output
