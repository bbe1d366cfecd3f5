import hashlib
import re
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from accounts_on_one_database import Accounts
from sqlalchemy import Engine, event, select, text, update
from structlog.testing import capture_logs

from syncserver import events
from syncserver.accounts import tables
from syncserver.accounts.database import open_database, reading, writing
from syncserver.accounts.host_keys import Device, HostKeys
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.users import User, Users
from syncserver.errors import ServerBusy, WrongCredentials

CLIENT = "26.09.3,29bb700b,linux"


@pytest.fixture
def alice(accounts: Accounts) -> User:
    return accounts.users.add("alice", "secret")


def device_of(accounts: Accounts, key: str) -> Device:
    device = accounts.keys.authenticate(key)
    assert device is not None
    return device


def refused_within_a_second(accounts: Accounts, key: str, change: Callable[[], object]) -> bool:
    """Use the key all the time while `change` is made, as a busy client would."""
    assert accounts.keys.authenticate(key) is not None
    change()
    changed_at = time.monotonic()
    while accounts.keys.authenticate(key) is not None:
        if time.monotonic() - changed_at > 1:
            return False
        time.sleep(0.01)
    return accounts.keys.authenticate(key) is None


def count_statements(engine: Engine) -> list[str]:
    statements: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    return statements


def test_a_key_tells_who_is_calling(accounts: Accounts, alice: User) -> None:
    bob = accounts.users.add("bob", "secret")
    of_alice = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    of_bob = accounts.keys.issue(bob, CLIENT, "192.0.2.1")

    assert device_of(accounts, of_alice).user == alice
    assert device_of(accounts, of_bob).user == bob


def test_a_key_is_256_random_bits_and_stored_only_as_a_hash(
    accounts: Accounts, alice: User
) -> None:
    keys = {accounts.keys.issue(alice, CLIENT, "192.0.2.1") for _ in range(20)}
    with reading(accounts.engine) as connection:
        stored = set(connection.scalars(select(tables.host_keys.c.key_hash)))

    assert len(keys) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", key) for key in keys)
    assert stored == {hashlib.sha256(key.encode()).hexdigest() for key in keys}


@pytest.mark.parametrize(
    "key",
    ["", "x", "x" * 43, "x" * 44, "é" * 43, "x" * 42 + "\n", "\0" * 43, "x" * 10_000_000, "' OR 1"],
)
def test_any_other_text_is_nobodys_key(accounts: Accounts, alice: User, key: str) -> None:
    accounts.keys.issue(alice, CLIENT, "192.0.2.1")

    assert accounts.keys.authenticate(key) is None


def test_the_stored_hash_is_not_a_key(accounts: Accounts, alice: User) -> None:
    key = accounts.keys.issue(alice, CLIENT, "192.0.2.1")

    assert accounts.keys.authenticate(hashlib.sha256(key.encode()).hexdigest()) is None


def test_a_new_key_is_known_to_other_processes_at_once(accounts: Accounts, alice: User) -> None:
    other_process = HostKeys(open_database(accounts.url), 100)
    key = other_process.issue(alice, CLIENT, "192.0.2.1")

    assert device_of(accounts, key).user == alice


def test_each_login_is_listed_with_its_client_times_and_address(
    accounts: Accounts, alice: User
) -> None:
    before = datetime.now(timezone.utc)
    accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    accounts.keys.issue(alice, "anki,2.1.66,android", "2001:db8::1")

    first, second = accounts.keys.of_user(alice)
    assert (first.client_version, first.address) == (CLIENT, "192.0.2.1")
    assert (second.client_version, second.address) == ("anki,2.1.66,android", "2001:db8::1")
    assert before <= first.created_at <= second.created_at <= datetime.now(timezone.utc)
    assert first.last_used_at is None


def test_a_use_is_noted_with_its_client_and_address(accounts: Accounts, alice: User) -> None:
    key = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    other = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    before = datetime.now(timezone.utc)

    accounts.keys.note_use(device_of(accounts, key), "26.10,linux", "198.51.100.7")
    assert accounts.keys.of_user(alice)[0].last_used_at is None
    accounts.keys.flush_uses()

    used, unused = accounts.keys.of_user(alice)
    assert used.last_used_at is not None
    assert before <= used.last_used_at <= datetime.now(timezone.utc)
    assert (used.client_version, used.address) == ("26.10,linux", "198.51.100.7")
    assert (unused.last_used_at, unused.address) == (None, "192.0.2.1")
    assert accounts.keys.authenticate(other)


def test_a_use_that_names_no_client_leaves_what_is_known(accounts: Accounts, alice: User) -> None:
    device = device_of(accounts, accounts.keys.issue(alice, CLIENT, "192.0.2.1"))

    accounts.keys.note_use(device, "", "198.51.100.7")
    accounts.keys.flush_uses()
    assert accounts.keys.of_user(alice)[0].client_version == CLIENT

    accounts.keys.note_use(device, "26.10,linux", "198.51.100.7")
    accounts.keys.note_use(device, "", "198.51.100.8")
    accounts.keys.flush_uses()
    (key,) = accounts.keys.of_user(alice)
    assert (key.client_version, key.address) == ("26.10,linux", "198.51.100.8")


def test_many_uses_are_written_at_once(accounts: Accounts, alice: User) -> None:
    keys = [accounts.keys.issue(alice, CLIENT, "192.0.2.1") for _ in range(30)]
    for key in reversed(keys):
        for _ in range(10):
            accounts.keys.note_use(device_of(accounts, key), "", "198.51.100.7")

    accounts.keys.flush_uses()
    assert {key.address for key in accounts.keys.of_user(alice)} == {"198.51.100.7"}


def test_flushing_nothing_writes_nothing(accounts: Accounts, alice: User) -> None:
    accounts.keys.note_use(
        device_of(accounts, accounts.keys.issue(alice, CLIENT, "192.0.2.1")), "", "192.0.2.1"
    )
    accounts.keys.flush_uses()
    with writing(accounts.engine) as connection:
        connection.execute(update(tables.host_keys).values(last_used_at=None))

    accounts.keys.flush_uses()
    assert accounts.keys.of_user(alice)[0].last_used_at is None


def test_a_use_of_a_key_that_was_revoked_meanwhile_is_forgotten(
    accounts: Accounts, alice: User
) -> None:
    device = device_of(accounts, accounts.keys.issue(alice, CLIENT, "192.0.2.1"))
    accounts.keys.note_use(device, "", "198.51.100.7")
    accounts.keys.revoke(alice, None)
    accounts.keys.issue(alice, CLIENT, "192.0.2.1")

    accounts.keys.flush_uses()
    assert accounts.keys.of_user(alice)[0].last_used_at is None


def test_uses_that_could_not_be_written_are_written_next_time(
    accounts: Accounts, alice: User
) -> None:
    first, second = (
        device_of(accounts, accounts.keys.issue(alice, CLIENT, "192.0.2.1")) for _ in range(2)
    )
    accounts.keys.note_use(first, "", "198.51.100.1")
    with writing(accounts.engine) as connection:
        connection.execute(text("ALTER TABLE host_keys RENAME TO moved_away"))
    with pytest.raises(Exception, match=r"host_keys|accounts"):
        accounts.keys.flush_uses()
    accounts.keys.note_use(second, "", "198.51.100.2")
    with writing(accounts.engine) as connection:
        connection.execute(text("ALTER TABLE moved_away RENAME TO host_keys"))

    accounts.keys.flush_uses()
    assert [key.address for key in accounts.keys.of_user(alice)] == ["198.51.100.1", "198.51.100.2"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("x" * 1000, "x" * 128),
        ("a\0b", "ab"),
        ("\ud800", ""),
        ("\x1b[2Jevil\r\n", "[2Jevil"),
        ("日本", "日本"),
    ],
)
def test_what_a_client_says_of_itself_is_made_fit_to_store_and_show(
    accounts: Accounts, alice: User, sent: str, stored: str
) -> None:
    device = device_of(accounts, accounts.keys.issue(alice, sent, sent))
    assert accounts.keys.of_user(alice)[0].client_version == stored

    accounts.keys.note_use(device, sent, sent)
    accounts.keys.flush_uses()
    (key,) = accounts.keys.of_user(alice)
    assert (key.client_version, key.address) == (stored, stored[:64])


def test_keys_are_revoked_one_by_one(accounts: Accounts, alice: User) -> None:
    lost, kept = (accounts.keys.issue(alice, CLIENT, "192.0.2.1") for _ in range(2))
    lost_id, kept_id = (key.id for key in accounts.keys.of_user(alice))

    assert accounts.keys.revoke(alice, lost_id) == 1
    assert accounts.keys.revoke(alice, lost_id) == 0
    assert [key.id for key in accounts.keys.of_user(alice)] == [kept_id]
    assert accounts.keys.authenticate(lost) is None
    assert device_of(accounts, kept).key_id == kept_id


def test_all_keys_of_a_user_are_revoked_and_nobody_elses(accounts: Accounts, alice: User) -> None:
    bob = accounts.users.add("bob", "secret")
    for user in (alice, bob, alice):
        accounts.keys.issue(user, CLIENT, "192.0.2.1")

    assert accounts.keys.revoke(alice, None) == 2
    assert accounts.keys.of_user(alice) == []
    assert len(accounts.keys.of_user(bob)) == 1


def test_nobody_revokes_a_key_of_somebody_else(accounts: Accounts, alice: User) -> None:
    bob = accounts.users.add("bob", "secret")
    accounts.keys.issue(bob, CLIENT, "192.0.2.1")
    (of_bob,) = accounts.keys.of_user(bob)

    assert accounts.keys.revoke(alice, of_bob.id) == 0
    assert accounts.keys.of_user(bob) == [of_bob]


def test_the_number_of_a_revoked_key_is_never_used_again(accounts: Accounts, alice: User) -> None:
    accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    (revoked,) = accounts.keys.of_user(alice)
    accounts.keys.revoke(alice, revoked.id)
    accounts.keys.issue(alice, CLIENT, "192.0.2.1")

    assert accounts.keys.of_user(alice)[0].id > revoked.id


def test_a_revocation_is_logged(accounts: Accounts, alice: User) -> None:
    accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    with capture_logs() as logs:
        accounts.keys.revoke(alice, None)
        accounts.keys.revoke(alice, None)

    assert [(log["event"], log["user"], log["revoked"]) for log in logs] == [
        (events.KEY_REVOKED, "alice", 1)
    ]


def test_beyond_the_limit_the_longest_unused_key_goes(
    assemble: Callable[..., Accounts], alice: User
) -> None:
    accounts = assemble(host_keys_per_user=3)
    oldest, unused, used = (accounts.keys.issue(alice, CLIENT, "192.0.2.1") for _ in range(3))
    for key in (oldest, used):
        accounts.keys.note_use(device_of(accounts, key), "", "192.0.2.1")
    accounts.keys.flush_uses()

    newest = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    other_process = HostKeys(accounts.engine, 3)
    known = [other_process.authenticate(key) is not None for key in (oldest, unused, used, newest)]
    assert known == [True, False, True, True]


def test_one_users_logins_never_push_out_anothers(
    assemble: Callable[..., Accounts], alice: User
) -> None:
    accounts = assemble(host_keys_per_user=2)
    bob = accounts.users.add("bob", "secret")
    of_bob = accounts.keys.issue(bob, CLIENT, "192.0.2.1")
    for _ in range(5):
        accounts.keys.issue(alice, CLIENT, "192.0.2.1")

    assert device_of(accounts, of_bob).user == bob
    assert len(accounts.keys.of_user(alice)) == 2


def test_a_new_key_stays_though_the_clock_went_back(
    assemble: Callable[..., Accounts], alice: User
) -> None:
    accounts = assemble(host_keys_per_user=1)
    accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    future = datetime.now(timezone.utc) + timedelta(days=1)
    with writing(accounts.engine) as connection:
        connection.execute(update(tables.host_keys).values(last_used_at=future))

    assert device_of(accounts, accounts.keys.issue(alice, CLIENT, "192.0.2.1")).user == alice
    assert len(accounts.keys.of_user(alice)) == 1


def test_a_revoked_key_is_refused_within_a_second(accounts: Accounts, alice: User) -> None:
    key = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    other_process = HostKeys(open_database(accounts.url), 100)

    assert refused_within_a_second(accounts, key, lambda: other_process.revoke(alice, None))


def test_a_deleted_user_is_refused_within_a_second(accounts: Accounts, alice: User) -> None:
    key = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    other_process = Users(open_database(accounts.url), Passwords(accounts.settings))

    assert refused_within_a_second(
        accounts, key, lambda: other_process.delete("alice", purge=False)
    )


def test_a_key_from_before_a_new_password_is_refused_within_a_second(
    accounts: Accounts, alice: User
) -> None:
    key = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    other_process = Users(open_database(accounts.url), Passwords(accounts.settings))

    assert refused_within_a_second(
        accounts, key, lambda: other_process.change_password("alice", "better secret")
    )


def test_a_busy_device_does_not_ask_the_database_each_time(accounts: Accounts, alice: User) -> None:
    key = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    statements = count_statements(accounts.engine)
    started = time.monotonic()
    asked = 0
    while time.monotonic() - started < 1.2:
        device_of(accounts, key)
        asked += 1

    # At most one question every half second: at 0, after 0.5 and after 1.0.
    assert 1 <= len(statements) <= 3 < asked


def test_an_unknown_key_is_not_looked_up_each_time_either(accounts: Accounts) -> None:
    statements = count_statements(accounts.engine)
    for _ in range(5):
        assert accounts.keys.authenticate("x" * 43) is None
        assert accounts.keys.authenticate("not a key at all") is None

    assert len(statements) < 5


def test_guessing_keys_does_not_fill_the_memory(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = HostKeys(accounts.engine, 100)
    monkeypatch.setattr(keys._recent, "_most", 50)
    for number in range(200):
        keys.authenticate(f"{number:043}")

    assert len(keys._recent) <= 50


def test_a_login_that_began_before_a_new_password_gets_no_key(
    accounts: Accounts, alice: User
) -> None:
    checked = accounts.users.check_password("alice", "secret")
    assert checked == alice
    changed = accounts.users.change_password("alice", "better secret")

    with pytest.raises(WrongCredentials):
        accounts.keys.issue(checked, CLIENT, "192.0.2.1")
    assert accounts.keys.of_user(alice) == []
    assert accounts.keys.issue(changed, CLIENT, "192.0.2.1")


def test_a_deleted_user_gets_no_key(accounts: Accounts, alice: User) -> None:
    accounts.users.delete("alice", purge=False)

    with pytest.raises(WrongCredentials):
        accounts.keys.issue(alice, CLIENT, "192.0.2.1")


def test_no_key_survives_a_new_password_however_the_logins_fall(
    accounts: Accounts, alice: User
) -> None:
    issued: list[str] = []
    stop = threading.Event()

    def log_in() -> None:
        while not stop.is_set():
            try:
                issued.append(accounts.keys.issue(alice, CLIENT, "192.0.2.1"))
            except WrongCredentials:
                return

    threads = [threading.Thread(target=log_in) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(issued) < 10 and any(thread.is_alive() for thread in threads):
        time.sleep(0.01)
    accounts.users.change_password("alice", "better secret")
    stop.set()
    for thread in threads:
        thread.join()

    assert len(issued) >= 10
    assert accounts.keys.of_user(alice) == []


def test_many_threads_authenticate_and_note_uses_at_once(accounts: Accounts, alice: User) -> None:
    keys = [accounts.keys.issue(alice, CLIENT, "192.0.2.1") for _ in range(8)]
    failures: list[BaseException] = []

    def sync(key: str) -> None:
        try:
            for _ in range(50):
                device = device_of(accounts, key)
                accounts.keys.note_use(device, "", "198.51.100.7")
                accounts.keys.flush_uses()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=sync, args=(key,)) for key in keys * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accounts.keys.flush_uses()

    assert failures == []
    assert {key.address for key in accounts.keys.of_user(alice)} == {"198.51.100.7"}


def test_a_database_that_is_away_is_not_a_wrong_key(
    postgresql: Callable[[], str], accounts: Accounts, alice: User
) -> None:
    key = accounts.keys.issue(alice, CLIENT, "192.0.2.1")
    gone = accounts.engine.url.set(database="gone_away")
    if accounts.engine.dialect.name == "sqlite":
        gone = accounts.engine.url.set(database="/nonexistent/accounts.db")

    with pytest.raises(ServerBusy):
        HostKeys(open_database(gone.render_as_string(hide_password=False)), 100).authenticate(key)
