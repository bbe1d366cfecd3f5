import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest
from accounts_on_one_database import Accounts
from structlog.testing import capture_logs

from syncserver import events
from syncserver.accounts.database import open_database
from syncserver.accounts.host_keys import HostKeys
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.users import Users
from syncserver.errors import ServerBusy, SyncServerError, TooManyRequests, WrongCredentials

CLIENT = "26.09.3,29bb700b,linux"
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.9"


@pytest.fixture
def with_alice(accounts: Accounts) -> Accounts:
    accounts.users.add("alice", "secret")
    return accounts


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[argon2.Parameters]:
    """The parameters of every verification that argon2 really does."""
    real = argon2.PasswordHasher.verify
    seen: list[argon2.Parameters] = []

    def verify(self: argon2.PasswordHasher, stored_hash: str, password: bytes) -> bool:
        seen.append(argon2.extract_parameters(stored_hash))
        return real(self, stored_hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    return seen


def outcome(accounts: Accounts, name: str, password: str, address: str = HOME) -> object:
    """Return the type of the refusal, or None when there was none."""
    try:
        accounts.login.log_in(name, password, CLIENT, address)
    except SyncServerError as refusal:
        return type(refusal)
    return None


def test_the_right_password_gives_a_key_that_works(with_alice: Accounts) -> None:
    key = with_alice.login.log_in("alice", "secret", CLIENT, HOME)
    device = with_alice.keys.authenticate(key)

    assert device is not None
    assert device.user.name == "alice"
    (listed,) = with_alice.keys.of_user(device.user)
    assert (listed.id, listed.client_version, listed.address) == (device.key_id, CLIENT, HOME)


def test_each_login_has_a_key_of_its_own(with_alice: Accounts) -> None:
    keys = {with_alice.login.log_in("alice", "secret", CLIENT, HOME) for _ in range(3)}

    assert len(keys) == 3


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("Alice", "secret"),
        ("bob", "secret"),
        ("", ""),
        ("\0", "x"),
    ],
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    with_alice: Accounts, name: str, password: str
) -> None:
    with pytest.raises(WrongCredentials, match=r"^Wrong name or password\.$"):
        with_alice.login.log_in(name, password, CLIENT, HOME)

    alice = with_alice.users.find("alice")
    assert alice is not None
    assert with_alice.keys.of_user(alice) == []


@pytest.mark.parametrize("name", ["alice", "nobody", "", "x" * 1000, "a\0b", "\ud800"])
def test_a_wrong_login_does_the_same_work_whether_or_not_the_user_exists(
    with_alice: Accounts, verified: list[argon2.Parameters], name: str
) -> None:
    assert outcome(with_alice, name, "wrong") is WrongCredentials

    todays = with_alice.settings
    assert [(one.type, one.time_cost, one.parallelism) for one in verified] == [
        (argon2.Type.ID, todays.password_hash_time, 1)
    ]
    assert verified[0].memory_cost == todays.password_hash_memory // 1024
    assert (verified[0].hash_len, verified[0].salt_len) == (32, 16)


def test_a_throttled_login_hashes_nothing(
    assemble: Callable[..., Accounts], with_alice: Accounts, verified: list[argon2.Parameters]
) -> None:
    accounts = assemble(login_failures_per_account=3)
    outcomes = [outcome(accounts, "alice", "wrong") for _ in range(10)]

    assert outcomes == [WrongCredentials] * 3 + [TooManyRequests] * 7
    assert len(verified) == 3


def test_a_throttled_login_does_not_wait_for_its_turn(
    assemble: Callable[..., Accounts], with_alice: Accounts
) -> None:
    accounts = assemble(login_failures_per_account=1, password_hash_threads=1)
    outcome(accounts, "alice", "wrong")

    # Nobody else gets a turn while this one is held.
    with accounts.users.passwords.turn(), ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(outcome, accounts, "alice", "wrong")
        assert waiting.result() is TooManyRequests


def test_a_throttled_account_is_refused_even_with_the_right_password(
    assemble: Callable[..., Accounts], with_alice: Accounts
) -> None:
    accounts = assemble(login_failures_per_account=3)
    for _ in range(3):
        outcome(accounts, "alice", "wrong")

    with pytest.raises(TooManyRequests) as refused:
        accounts.login.log_in("alice", "secret", CLIENT, ELSEWHERE)
    assert refused.value.retry_after_seconds


def test_unknown_names_are_throttled_like_known_ones(
    assemble: Callable[..., Accounts], with_alice: Accounts
) -> None:
    accounts = assemble(login_failures_per_account=3)

    known, unknown = ([outcome(accounts, name, "x") for _ in range(5)] for name in ("alice", "bob"))
    assert known == unknown


def test_nobody_else_is_held_up_by_failures(
    assemble: Callable[..., Accounts], with_alice: Accounts
) -> None:
    accounts = assemble(login_failures_per_account=3, login_failures_per_address=5)
    accounts.users.add("bob", "secret")
    key = accounts.login.log_in("alice", "secret", CLIENT, HOME)
    for number in range(20):
        outcome(accounts, "alice", "wrong", ELSEWHERE)
        outcome(accounts, f"user {number}", "wrong", ELSEWHERE)

    assert outcome(accounts, "bob", "secret", ELSEWHERE) is TooManyRequests
    assert outcome(accounts, "bob", "secret", HOME) is None
    assert accounts.keys.authenticate(key) is not None


def test_a_success_starts_the_count_of_the_account_afresh(
    assemble: Callable[..., Accounts], with_alice: Accounts
) -> None:
    accounts = assemble(login_failures_per_account=3)
    for _ in range(4):
        assert outcome(accounts, "alice", "wrong") is WrongCredentials
        assert outcome(accounts, "alice", "wrong") is WrongCredentials
        assert outcome(accounts, "alice", "secret") is None


def test_a_burst_of_guesses_gets_no_further_than_guesses_one_by_one(
    assemble: Callable[..., Accounts], with_alice: Accounts, verified: list[argon2.Parameters]
) -> None:
    accounts = assemble(login_failures_per_account=5, password_hash_threads=1)
    ready = threading.Barrier(30)

    def guess(number: int) -> object:
        ready.wait()
        return outcome(accounts, "alice", f"guess {number}")

    with ThreadPoolExecutor(30) as threads:
        outcomes = list(threads.map(guess, range(30)))

    assert outcomes.count(WrongCredentials) == len(verified) == 5
    assert outcomes.count(TooManyRequests) == 25


def test_many_devices_may_log_in_at_once(
    assemble: Callable[..., Accounts], with_alice: Accounts
) -> None:
    accounts = assemble(login_failures_per_account=1, login_failures_per_address=1)
    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(lambda _: outcome(accounts, "alice", "secret"), range(40)))

    assert outcomes == [None] * 40


def test_a_new_password_is_accepted_at_once_and_the_old_one_refused(with_alice: Accounts) -> None:
    assert outcome(with_alice, "alice", "secret") is None
    other_process = Users(open_database(with_alice.url), Passwords(with_alice.settings))
    other_process.change_password("alice", "better secret")

    assert outcome(with_alice, "alice", "secret") is WrongCredentials
    assert outcome(with_alice, "alice", "better secret") is None


def test_a_password_that_changes_during_the_login_gives_no_key(
    with_alice: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = HostKeys.issue

    def change_the_password_first(self: HostKeys, *arguments: object) -> object:
        with_alice.users.change_password("alice", "better secret")
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(HostKeys, "issue", change_the_password_first)
    assert outcome(with_alice, "alice", "secret") is WrongCredentials
    alice = with_alice.users.find("alice")
    assert alice is not None
    assert with_alice.keys.of_user(alice) == []


def test_trouble_that_passes_is_no_failed_login(
    assemble: Callable[..., Accounts], with_alice: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = assemble(login_failures_per_account=1)
    with monkeypatch.context() as patch:
        patch.setattr(argon2.PasswordHasher, "verify", no_memory)
        assert [outcome(accounts, "alice", "secret") for _ in range(3)] == [ServerBusy] * 3

    assert outcome(accounts, "alice", "secret") is None


def no_memory(*_arguments: object) -> None:
    raise argon2.exceptions.VerificationError("Memory allocation error")


def test_logins_are_logged_with_what_was_wrong_and_without_secrets(
    assemble: Callable[..., Accounts], with_alice: Accounts
) -> None:
    accounts = assemble(login_failures_per_account=1)
    with capture_logs() as logs:
        key = accounts.login.log_in("alice", "secret", CLIENT, HOME)
        outcome(accounts, "alice", "hunter2")
        outcome(accounts, "bob", "hunter2")
        outcome(accounts, "alice", "hunter2", ELSEWHERE)

    assert [(log["event"], log["user"], log["address"], log.get("reason")) for log in logs] == [
        (events.LOGIN, "alice", HOME, None),
        (events.LOGIN_FAILED, "alice", HOME, "wrong_password"),
        (events.LOGIN_FAILED, "bob", HOME, "unknown_user"),
        (events.LOGIN_THROTTLED, "alice", ELSEWHERE, "failed logins of this account"),
    ]
    assert logs[0]["client_version"] == CLIENT
    assert logs[3]["retry_after_seconds"] >= 1
    for secret in ("hunter2", "secret", key):
        assert secret not in str(logs)


def test_an_endless_name_does_not_fill_the_log(with_alice: Accounts) -> None:
    with capture_logs() as logs:
        outcome(with_alice, "x" * 1_000_000, "wrong")

    assert len(logs[0]["user"]) == 128
