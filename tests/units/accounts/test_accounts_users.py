import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from accounts_on_one_database import Accounts
from sqlalchemy import select, text
from structlog.testing import capture_logs

from syncserver import events
from syncserver.accounts import tables
from syncserver.accounts.database import open_database, reading
from syncserver.accounts.passwords import BadPassword, Passwords
from syncserver.accounts.users import BadUserName, UnknownUser, UserExists, Users

NAMES = [
    "alice",
    "Alice",
    "alice@example.org",
    "Алиса",
    "日本語",
    "🃏",
    "é" * 128,
    "x" * 128,
    " padded ",
    "..",
    "a/b",
    "con",
    "Robert'); DROP TABLE users;--",
    "%",
    "_",
]


def stored_hash(accounts: Accounts, name: str) -> str:
    with reading(accounts.engine) as connection:
        return connection.execute(
            select(tables.users.c.password_hash).where(tables.users.c.name == name)
        ).scalar_one()


def count_keys(accounts: Accounts) -> int:
    with reading(accounts.engine) as connection:
        return len(connection.execute(select(tables.host_keys.c.id)).all())


@pytest.mark.parametrize("name", NAMES)
def test_an_added_user_is_found_and_may_log_in(accounts: Accounts, name: str) -> None:
    added = accounts.users.add(name, "secret")

    assert added.name == name
    assert accounts.users.find(name) == added
    assert accounts.users.check_password(name, "secret") == added
    assert accounts.users.check_password(name, "Secret") is None
    assert accounts.users.all_users() == [added]


def test_all_these_names_are_users_beside_each_other(accounts: Accounts) -> None:
    added = {name: accounts.users.add(name, f"password of {name}") for name in NAMES}

    assert {user.name for user in accounts.users.all_users()} == set(NAMES)
    assert len({user.folder.casefold() for user in added.values()}) == len(NAMES)
    for name, user in added.items():
        assert accounts.users.check_password(name, f"password of {name}") == user


def test_a_user_was_created_now_in_utc(accounts: Accounts) -> None:
    before = datetime.now(timezone.utc)
    added = accounts.users.add("alice", "secret")

    assert added.created_at.tzinfo is timezone.utc
    assert before <= added.created_at <= datetime.now(timezone.utc)
    assert accounts.users.find("alice") == added


def test_a_time_is_the_same_in_any_time_zone_of_the_connection(accounts: Accounts) -> None:
    added = accounts.users.add("alice", "secret")
    if accounts.engine.dialect.name == "postgresql":
        database = accounts.engine.url.database
        with accounts.engine.begin() as connection:
            connection.execute(text(f"ALTER DATABASE {database} SET timezone TO 'Asia/Tokyo'"))
        accounts.engine.dispose()

    found = accounts.users.find("alice")
    assert found == added
    assert found is not None
    assert found.created_at.utcoffset() == timedelta(0)


def test_names_that_differ_only_in_normalisation_are_one_user(accounts: Accounts) -> None:
    added = accounts.users.add("Zoe\u0308", "secret")

    assert accounts.users.find("Zo\u00eb") == added
    assert accounts.users.check_password("Zo\u00eb", "secret") == added
    with pytest.raises(UserExists):
        accounts.users.add("Zo\u00eb", "other")


def test_a_name_is_taken_once(accounts: Accounts) -> None:
    accounts.users.add("alice", "secret")

    with pytest.raises(UserExists, match="'alice'"):
        accounts.users.add("alice", "other")
    assert accounts.users.check_password("alice", "secret")


@pytest.mark.parametrize("name", ["", "  ", "x" * 129, "a\0b", "\ud800"])
def test_a_bad_name_is_nobodys(accounts: Accounts, name: str) -> None:
    with pytest.raises(BadUserName):
        accounts.users.add(name, "secret")
    with pytest.raises(UnknownUser):
        accounts.users.delete(name, purge=False)
    with pytest.raises(UnknownUser):
        accounts.users.change_password(name, "secret")
    assert accounts.users.find(name) is None
    assert accounts.users.check_password(name, "secret") is None


@pytest.mark.parametrize("name", ["x\ny", "x\ty", "\x1b[2J"])
def test_nobody_is_added_with_control_characters_in_the_name(accounts: Accounts, name: str) -> None:
    with pytest.raises(BadUserName, match="control characters"):
        accounts.users.add(name, "secret")
    assert accounts.users.all_users() == []


def test_an_unknown_user_is_an_error_that_names_it(accounts: Accounts) -> None:
    accounts.users.add("alice", "secret")

    assert accounts.users.find("bob") is None
    with pytest.raises(UnknownUser, match="'bob'"):
        accounts.users.delete("bob", purge=True)
    with pytest.raises(UnknownUser, match="'bob'"):
        accounts.users.change_password("bob", "secret")
    assert accounts.users.pending_purges() == []


def test_a_user_without_a_password_is_not_added(accounts: Accounts) -> None:
    with pytest.raises(BadPassword):
        accounts.users.add("alice", "")

    assert accounts.users.all_users() == []


def test_users_are_listed_by_name(accounts: Accounts) -> None:
    for name in ("bob", "Alice", "carol", "alice", "Bob"):
        accounts.users.add(name, "secret")

    listed = [user.name for user in accounts.users.all_users()]
    assert listed == ["Alice", "alice", "Bob", "bob", "carol"]


def test_the_password_is_stored_only_as_an_argon2id_hash(accounts: Accounts) -> None:
    accounts.users.add("alice", "hunter2hunter2")

    assert stored_hash(accounts, "alice").startswith("$argon2id$")
    assert "hunter2" not in stored_hash(accounts, "alice")


def test_a_deleted_user_is_gone_with_all_keys(accounts: Accounts) -> None:
    alice = accounts.users.add("alice", "secret")
    bob = accounts.users.add("bob", "secret")
    for user in (alice, alice, bob):
        accounts.keys.issue(user, "26.09,linux", "127.0.0.1")

    assert accounts.users.delete("alice", purge=False) == alice
    assert accounts.users.find("alice") is None
    assert accounts.users.check_password("alice", "secret") is None
    assert accounts.users.all_users() == [bob]
    assert count_keys(accounts) == 1


def test_a_deleted_users_folder_stays_unless_it_is_to_be_purged(accounts: Accounts) -> None:
    accounts.users.add("alice", "secret")
    accounts.users.delete("alice", purge=False)
    assert accounts.users.pending_purges() == []

    again = accounts.users.add("alice", "other")
    assert again.folder == "alice"


def test_a_purge_is_remembered_until_it_is_done(accounts: Accounts) -> None:
    bob, alice = (accounts.users.add(name, "secret") for name in ("Bob", "alice"))
    accounts.users.delete("Bob", purge=True)
    accounts.users.delete("alice", purge=True)

    other_process = Users(open_database(accounts.url), Passwords(accounts.settings))
    assert other_process.pending_purges() == [bob.folder, alice.folder]
    other_process.purge_done(bob.folder)
    other_process.purge_done(bob.folder)
    assert accounts.users.pending_purges() == [alice.folder]


def test_no_user_gets_a_folder_that_is_being_removed(accounts: Accounts) -> None:
    alice = accounts.users.add("alice", "secret")
    accounts.users.delete("alice", purge=True)

    with pytest.raises(UserExists, match="still being removed"):
        accounts.users.add("alice", "secret")
    accounts.users.purge_done(alice.folder)
    assert accounts.users.add("alice", "secret").folder == alice.folder


def test_the_id_of_a_deleted_user_is_never_used_again(accounts: Accounts) -> None:
    alice = accounts.users.add("alice", "secret")
    accounts.users.delete("alice", purge=False)

    assert accounts.users.add("alice", "secret").id > alice.id


def test_a_changed_password_is_the_only_one_and_revokes_all_keys(accounts: Accounts) -> None:
    alice = accounts.users.add("alice", "secret")
    bob = accounts.users.add("bob", "secret")
    for user in (alice, alice, bob):
        accounts.keys.issue(user, "26.09,linux", "127.0.0.1")

    changed = accounts.users.change_password("alice", "better secret")

    assert (changed.id, changed.folder) == (alice.id, alice.folder)
    assert accounts.users.check_password("alice", "secret") is None
    assert accounts.users.check_password("alice", "better secret") == changed
    assert accounts.keys.of_user(changed) == []
    assert len(accounts.keys.of_user(bob)) == 1


def test_a_password_that_cannot_be_set_changes_nothing(accounts: Accounts) -> None:
    alice = accounts.users.add("alice", "secret")
    accounts.keys.issue(alice, "26.09,linux", "127.0.0.1")

    with pytest.raises(BadPassword):
        accounts.users.change_password("alice", "")
    assert accounts.users.check_password("alice", "secret") == alice
    assert count_keys(accounts) == 1


def test_a_right_password_is_hashed_anew_when_the_parameters_have_changed(
    accounts: Accounts, assemble: Callable[..., Accounts]
) -> None:
    alice = accounts.users.add("alice", "secret")
    before = stored_hash(accounts, "alice")
    stronger = assemble(password_hash_time=2)

    assert stronger.users.check_password("alice", "wrong") is None
    assert stored_hash(accounts, "alice") == before
    with capture_logs() as logs:
        assert stronger.users.check_password("alice", "secret") == alice
    after = stored_hash(accounts, "alice")
    assert "t=2" in after
    assert [log["event"] for log in logs] == [events.PASSWORD_REHASHED]

    assert stronger.users.check_password("alice", "secret") == alice
    assert stored_hash(accounts, "alice") == after


def test_a_rehash_does_not_bring_an_old_password_back(
    accounts: Accounts, assemble: Callable[..., Accounts], monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.users.add("alice", "secret")
    stronger = assemble(password_hash_time=2)
    real = Passwords.needs_rehash

    def change_the_password_meanwhile(self: Passwords, stored: str) -> bool:
        accounts.users.change_password("alice", "better secret")
        return real(self, stored)

    monkeypatch.setattr(Passwords, "needs_rehash", change_the_password_meanwhile)
    stronger.users.check_password("alice", "secret")
    monkeypatch.undo()

    assert accounts.users.check_password("alice", "secret") is None
    assert accounts.users.check_password("alice", "better secret")


def test_of_threads_that_add_the_same_name_one_succeeds(accounts: Accounts) -> None:
    ready = threading.Barrier(6)
    added: list[object] = []
    refused: list[UserExists] = []

    def add() -> None:
        ready.wait()
        try:
            added.append(accounts.users.add("alice", "secret"))
        except UserExists as refusal:
            refused.append(refusal)

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(added), len(refused)) == (1, 5)
    assert accounts.users.all_users() == added


def test_every_change_of_an_account_is_logged_without_its_password(accounts: Accounts) -> None:
    with capture_logs() as logs:
        accounts.users.add("alice", "hunter2")
        accounts.users.change_password("alice", "hunter3")
        accounts.users.delete("alice", purge=True)

    assert [(log["event"], log["user"]) for log in logs] == [
        (events.USER_ADDED, "alice"),
        (events.PASSWORD_CHANGED, "alice"),
        (events.USER_DELETED, "alice"),
    ]
    assert "hunter" not in str(logs)
