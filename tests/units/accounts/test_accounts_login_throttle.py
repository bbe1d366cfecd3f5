import threading
import time
from collections.abc import Callable

import pytest

from syncserver.accounts import login_throttle
from syncserver.accounts.login_throttle import LoginThrottle
from syncserver.errors import TooManyRequests
from syncserver.settings import Settings

MakeThrottle = Callable[..., LoginThrottle]


@pytest.fixture
def make_throttle(make_settings: Callable[..., Settings]) -> MakeThrottle:
    def make(**options: object) -> LoginThrottle:
        few = {"login_failures_per_account": 3, "login_failures_per_address": 5}
        return LoginThrottle(make_settings(**{**few, **options}))

    return make


def fail(throttle: LoginThrottle, name: str, address: str, times: int) -> None:
    for _ in range(times):
        throttle.failed(name, address)


def is_held_up(throttle: LoginThrottle, name: str, address: str) -> bool:
    try:
        throttle.check(name, address)
    except TooManyRequests:
        return True
    return False


def test_an_account_is_held_up_after_its_failures(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle()
    fail(throttle, "alice", "192.0.2.1", 2)
    assert not is_held_up(throttle, "alice", "192.0.2.1")

    fail(throttle, "alice", "192.0.2.2", 1)
    assert is_held_up(throttle, "alice", "192.0.2.1")
    assert is_held_up(throttle, "alice", "198.51.100.9")


def test_guessing_at_one_account_holds_up_nobody_else(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle()
    fail(throttle, "alice", "192.0.2.1", 3)

    assert not is_held_up(throttle, "bob", "192.0.2.1")
    assert not is_held_up(throttle, "Alice", "198.51.100.9")


def test_an_address_that_tries_many_names_is_held_up(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle()
    for number in range(5):
        throttle.failed(f"user {number}", "192.0.2.1")

    assert is_held_up(throttle, "bob", "192.0.2.1")
    assert not is_held_up(throttle, "bob", "192.0.2.2")
    assert not is_held_up(throttle, "user 1", "192.0.2.2")


def test_the_refusal_is_429_and_says_when_to_come_back(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle(login_failure_window=300)
    fail(throttle, "alice", "192.0.2.1", 3)

    with pytest.raises(TooManyRequests) as refused:
        throttle.check("alice", "192.0.2.1")

    assert refused.value.status == 429
    assert refused.value.retry_after_seconds is not None
    assert 290 <= refused.value.retry_after_seconds <= 300
    assert str(refused.value.retry_after_seconds) in refused.value.public_text
    assert "alice" not in refused.value.public_text


def test_whoever_comes_back_when_told_may_try(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle(login_failure_window=1)
    fail(throttle, "alice", "192.0.2.1", 3)
    with pytest.raises(TooManyRequests) as refused:
        throttle.check("alice", "192.0.2.1")
    assert refused.value.retry_after_seconds == 1

    time.sleep(refused.value.retry_after_seconds)
    throttle.check("alice", "192.0.2.1")


def test_the_window_moves_with_each_failure(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle(login_failure_window=2)
    fail(throttle, "alice", "192.0.2.1", 1)
    time.sleep(1.2)
    fail(throttle, "alice", "192.0.2.1", 2)
    assert is_held_up(throttle, "alice", "192.0.2.1")

    time.sleep(1.0)  # the first failure is over, the other two are not
    assert not is_held_up(throttle, "alice", "192.0.2.1")
    fail(throttle, "alice", "192.0.2.1", 1)
    assert is_held_up(throttle, "alice", "192.0.2.1")


def test_success_clears_the_accounts_failures_and_not_the_addresss(
    make_throttle: MakeThrottle,
) -> None:
    throttle = make_throttle()
    fail(throttle, "alice", "192.0.2.1", 2)
    throttle.succeeded("alice")
    fail(throttle, "alice", "192.0.2.1", 2)
    assert not is_held_up(throttle, "alice", "192.0.2.1")

    throttle.succeeded("alice")
    fail(throttle, "bob", "192.0.2.1", 1)
    assert is_held_up(throttle, "alice", "192.0.2.1")


def test_successes_are_not_counted(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle()
    for _ in range(50):
        throttle.check("alice", "192.0.2.1")
        throttle.succeeded("alice")

    assert not is_held_up(throttle, "alice", "192.0.2.1")


def test_a_name_is_one_account_however_it_is_composed(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle()
    fail(throttle, "Zo\u00eb", "192.0.2.1", 2)
    fail(throttle, "Zoe\u0308", "192.0.2.2", 1)

    assert is_held_up(throttle, "Zo\u00eb", "198.51.100.9")


@pytest.mark.parametrize("name", ["", "  ", "x" * 10_000_000, "a\0b", "\ud800"])
def test_a_bad_name_counts_for_its_address_only(make_throttle: MakeThrottle, name: str) -> None:
    throttle = make_throttle()
    fail(throttle, name, "192.0.2.1", 4)
    assert not is_held_up(throttle, name, "192.0.2.1")
    throttle.succeeded(name)

    fail(throttle, name, "192.0.2.1", 1)
    assert is_held_up(throttle, "alice", "192.0.2.1")
    assert not is_held_up(throttle, name, "192.0.2.2")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:0DB8:0::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::1", "::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unix:a", "unix:b", False),
    ],
)
def test_an_ipv6_network_counts_as_one_address(
    make_throttle: MakeThrottle, one: str, other: str, same: bool
) -> None:
    throttle = make_throttle()
    for number in range(5):
        throttle.failed(f"user {number}", one)

    assert is_held_up(throttle, "alice", one)
    assert is_held_up(throttle, "alice", other) == same


def test_those_who_have_no_address_do_not_hold_each_other_up(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle()
    for number in range(50):
        throttle.failed(f"user {number}", "")

    assert not is_held_up(throttle, "alice", "")
    fail(throttle, "alice", "", 3)
    assert is_held_up(throttle, "alice", "")


def test_failures_that_are_over_take_no_memory(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle(login_failure_window=1)
    for number in range(100):
        throttle.failed(f"user {number}", f"192.0.2.{number}")
    time.sleep(1.1)
    throttle.failed("alice", "198.51.100.9")

    assert list(throttle._accounts._times) == ["alice"]
    assert list(throttle._addresses._times) == ["198.51.100.9"]


def test_no_number_of_names_fills_the_memory(
    make_throttle: MakeThrottle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_throttle, "_MOST_KEYS", 20)
    throttle = make_throttle()
    for number in range(100):
        throttle.failed(f"user {number}", f"192.0.2.{number}")
        fail(throttle, "alice", "198.51.100.9", 1)

    assert len(throttle._accounts._times) <= 20
    assert len(throttle._addresses._times) <= 20
    assert len(throttle._accounts._times["alice"]) == 3
    assert is_held_up(throttle, "alice", "192.0.2.200")


def test_no_failure_is_lost_among_threads(make_throttle: MakeThrottle) -> None:
    throttle = make_throttle(login_failures_per_account=400, login_failures_per_address=10_000)
    threads = [
        threading.Thread(target=fail, args=(throttle, "alice", f"192.0.2.{number}", 50))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert is_held_up(throttle, "alice", "198.51.100.9")
