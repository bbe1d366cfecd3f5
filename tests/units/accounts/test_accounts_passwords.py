import threading
from collections.abc import Callable

import argon2
import pytest
from argon2.exceptions import HashingError, VerificationError

from syncserver.accounts.old_hashes import UnknownHash
from syncserver.accounts.passwords import LONGEST_PASSWORD, BadPassword, Passwords
from syncserver.errors import ServerBusy
from syncserver.settings import Settings


@pytest.fixture
def passwords(make_settings: Callable[..., Settings]) -> Passwords:
    return Passwords(make_settings())


def test_a_password_fits_its_own_hash_only(passwords: Passwords) -> None:
    stored = passwords.hash("correct horse")

    assert passwords.verify(stored, "correct horse")
    assert not passwords.verify(stored, "correct horsf")
    assert not passwords.verify(stored, "")


def test_the_same_password_is_hashed_differently_each_time(passwords: Passwords) -> None:
    assert passwords.hash("secret") != passwords.hash("secret")


def test_a_hash_is_argon2id_by_the_parameters_of_the_settings(
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings(password_hash_memory="1MiB", password_hash_time=3)

    found = argon2.extract_parameters(Passwords(settings).hash("secret"))

    assert found.type is argon2.Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (1024, 3, 1)


def test_the_default_cost_is_what_owasp_asks_for(make_settings: Callable[..., Settings]) -> None:
    defaults = Settings(data_root=make_settings().data_root)

    found = argon2.extract_parameters(Passwords(defaults).hash("secret"))

    assert found.memory_cost >= 19 * 1024
    assert found.time_cost >= 2


def test_the_work_for_nobody_is_a_verification_by_the_same_parameters(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = record_verifications(monkeypatch)

    passwords.verify(passwords.hash("secret"), "wrong")
    passwords.verify_nothing("wrong")

    assert len(verified) == 2
    assert verified[0] == verified[1]


def test_a_hash_by_other_parameters_needs_a_rehash(make_settings: Callable[..., Settings]) -> None:
    old = Passwords(make_settings())
    new = Passwords(make_settings(password_hash_time=2))
    stored = old.hash("secret")

    assert new.verify(stored, "secret")
    assert new.needs_rehash(stored)
    assert not old.needs_rehash(stored)
    assert not new.needs_rehash(new.hash("secret"))


@pytest.mark.parametrize("password", [" ", "\0", "日本語", "🃏", "x" * LONGEST_PASSWORD, "a\nb"])
def test_any_text_can_be_a_password(passwords: Passwords, password: str) -> None:
    stored = passwords.hash(password)

    assert passwords.verify(stored, password)
    assert not passwords.verify(stored, password + "x")


def test_a_password_is_the_same_however_its_characters_are_composed(passwords: Passwords) -> None:
    assert passwords.verify(passwords.hash("caf\u00e9"), "cafe\u0301")


def test_a_space_at_the_end_of_a_password_matters(passwords: Passwords) -> None:
    assert not passwords.verify(passwords.hash("secret"), "secret ")


@pytest.mark.parametrize("password", ["", "x" * (LONGEST_PASSWORD + 1), "a\ud800", "gr\udcfcn"])
def test_an_empty_endless_or_broken_password_cannot_be_set(
    passwords: Passwords, password: str
) -> None:
    with pytest.raises(BadPassword):
        passwords.hash(password)


def test_what_is_too_long_to_be_a_password_is_wrong(passwords: Passwords) -> None:
    longest = "x" * LONGEST_PASSWORD

    assert not passwords.verify(passwords.hash(longest), longest + "x")
    assert not passwords.verify(passwords.hash("secret"), "e\u0301" * 5_000_000)


def test_broken_unicode_is_a_wrong_password(passwords: Passwords) -> None:
    assert not passwords.verify(passwords.hash("secret"), "\ud800")


def test_a_thread_that_has_a_turn_keeps_it_for_its_hashes(
    make_settings: Callable[..., Settings],
) -> None:
    passwords = Passwords(make_settings(password_hash_threads=1))

    with passwords.turn():
        stored = passwords.hash("secret")
        with passwords.turn(timeout=0):
            assert passwords.verify(stored, "secret")
        assert not in_another_thread(lambda: has_a_turn(passwords))

    assert in_another_thread(lambda: has_a_turn(passwords))


def test_whoever_waits_too_long_for_a_turn_is_told_to_come_back(
    make_settings: Callable[..., Settings],
) -> None:
    passwords = Passwords(make_settings(password_hash_threads=2))
    with passwords.turn():
        assert in_another_thread(lambda: has_a_turn(passwords))
        refusals: list[ServerBusy] = []

        def wait_beside_two_others() -> bool:
            with passwords.turn():
                try:
                    in_another_thread(lambda: passwords.turn(timeout=0.01).__enter__())
                except ServerBusy as refusal:
                    refusals.append(refusal)
            return True

        in_another_thread(wait_beside_two_others)

    assert [refusal.status for refusal in refusals] == [503]
    assert refusals[0].retry_after_seconds


def test_a_turn_ends_with_an_exception_too(make_settings: Callable[..., Settings]) -> None:
    passwords = Passwords(make_settings(password_hash_threads=1))
    for _ in range(3):
        with pytest.raises(UnknownHash):
            passwords.verify("not a hash", "secret")

    assert in_another_thread(lambda: has_a_turn(passwords))


def test_no_more_passwords_are_hashed_at_once_than_allowed(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = Passwords(make_settings(password_hash_threads=2))
    stored = passwords.hash("secret")
    real, counted = argon2.PasswordHasher.verify, threading.Lock()
    now, most = 0, 0

    def verify(self: argon2.PasswordHasher, stored_hash: str, password: bytes) -> bool:
        nonlocal now, most
        with counted:
            now += 1
            most = max(most, now)
        try:
            return real(self, stored_hash, password)
        finally:
            with counted:
                now -= 1

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    threads = [
        threading.Thread(target=passwords.verify, args=(stored, "secret")) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert now == 0
    assert 1 <= most <= 2


@pytest.mark.parametrize(
    ("method", "arguments", "trouble"),
    [("verify", ["$argon2id$", "secret"], VerificationError), ("hash", ["secret"], HashingError)],
)
def test_want_of_memory_does_not_look_like_a_wrong_password(
    passwords: Passwords,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    arguments: list[str],
    trouble: type[Exception],
) -> None:

    def fail(*_arguments: object) -> None:
        raise trouble("Memory allocation error")

    monkeypatch.setattr(argon2.PasswordHasher, method, fail)
    with pytest.raises(ServerBusy) as refused:
        getattr(passwords, method)(*arguments)

    assert refused.value.cause == "argon2: Memory allocation error"


def record_verifications(monkeypatch: pytest.MonkeyPatch) -> list[argon2.Parameters]:
    """Record by which parameters argon2 really verifies, from now on."""
    real = argon2.PasswordHasher.verify
    verified: list[argon2.Parameters] = []

    def verify(self: argon2.PasswordHasher, stored_hash: str, password: bytes) -> bool:
        verified.append(argon2.extract_parameters(stored_hash))
        return real(self, stored_hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    return verified


def has_a_turn(passwords: Passwords) -> bool:
    try:
        with passwords.turn(timeout=0.01):
            return True
    except ServerBusy:
        return False


def in_another_thread(work: Callable[[], object]) -> object:
    results: list[object] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
