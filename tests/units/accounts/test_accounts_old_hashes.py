"""Hashes of other servers: the right password works once as it was, then as one of ours."""

import hashlib
from collections.abc import Callable

import pytest
from accounts_on_one_database import Accounts
from sqlalchemy import select

from syncserver.accounts import old_hashes, passwords
from syncserver.accounts.database import reading
from syncserver.accounts.old_hashes import MOST_ROUNDS, UnknownHash, old_hash
from syncserver.accounts.tables import users
from tests.support.old_hashes import ankisyncd_hash, django_hash, phc_hash

PASSWORD = "Größe 🦉 $1"
NAME = "anna"
KINDS = {
    "ankisyncd": ankisyncd_hash(NAME, PASSWORD),
    "official": phc_hash(PASSWORD),
    "django": django_hash(PASSWORD),
}


def stored(accounts: Accounts, name: str = NAME) -> str:
    with reading(accounts.engine) as connection:
        return str(connection.scalar(select(users.c.password_hash).where(users.c.name == name)))


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def moved_in(request: pytest.FixtureRequest, accounts: Accounts) -> Accounts:
    """The accounts with somebody who moved in with an old hash."""
    accounts.users.add_with_old_hash(NAME, old_hash(request.param))
    return accounts


def test_the_old_password_is_accepted_and_becomes_a_hash_of_ours(moved_in: Accounts) -> None:
    assert not stored(moved_in).startswith("$argon2id$")
    user = moved_in.users.check_password(NAME, PASSWORD)
    assert user is not None
    assert user.name == NAME
    upgraded = stored(moved_in)
    assert upgraded.startswith("$argon2id$")
    assert moved_in.users.check_password(NAME, PASSWORD) == user
    assert stored(moved_in) == upgraded, "a second login has nothing to upgrade"


def test_a_wrong_password_is_refused_and_upgrades_nothing(moved_in: Accounts) -> None:
    before = stored(moved_in)
    for wrong in (PASSWORD + "x", PASSWORD.upper(), "", before, PASSWORD * 200):
        assert moved_in.users.check_password(NAME, wrong) is None
    assert stored(moved_in) == before


def test_the_old_hash_itself_is_not_in_the_database(moved_in: Accounts) -> None:
    kept = stored(moved_in)
    digests = [old_hash(text).digest for text in KINDS.values()]
    assert not any(digest in kept for digest in digests)
    assert all(text not in kept for text in KINDS.values())
    assert "$argon2id$" in kept


def test_a_digest_is_no_password(moved_in: Accounts) -> None:
    for text in KINDS.values():
        assert moved_in.users.check_password(NAME, old_hash(text).digest) is None


def test_a_new_password_replaces_an_old_hash(moved_in: Accounts) -> None:
    moved_in.users.change_password(NAME, "new")
    assert stored(moved_in).startswith("$argon2id$")
    assert moved_in.users.check_password(NAME, PASSWORD) is None
    assert moved_in.users.check_password(NAME, "new") is not None


def test_the_hash_of_ankisyncd_belongs_to_its_name(accounts: Accounts) -> None:
    accounts.users.add_with_old_hash("berta", old_hash(ankisyncd_hash(NAME, PASSWORD)))
    assert accounts.users.check_password("berta", PASSWORD) is None


def test_every_login_does_the_same_work(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.users.add("new", PASSWORD)
    accounts.users.add_with_old_hash("salted", old_hash(ankisyncd_hash("salted", PASSWORD)))
    accounts.users.add_with_old_hash("cheap", old_hash(phc_hash(PASSWORD, rounds=1000)))
    accounts.users.add_with_old_hash("dear", old_hash(django_hash(PASSWORD, rounds=3000)))
    rounds, verified = counted_work(monkeypatch)
    for name in ("new", "salted", "cheap", "dear", "nobody"):
        rounds.clear()
        verified.clear()
        assert accounts.users.check_password(name, "wrong") is None
        assert (sum(rounds), len(verified)) == (3000, 1), name


def test_without_old_hashes_a_login_costs_what_it_always_did(
    moved_in: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert moved_in.users.check_password(NAME, PASSWORD) is not None
    rounds, verified = counted_work(monkeypatch)
    assert moved_in.users.check_password("nobody", PASSWORD) is None
    assert (sum(rounds), len(verified)) == (0, 1)


def counted_work(monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[str]]:
    """Take note of the rounds and of the verifications that logins do from now on."""
    rounds: list[int] = []
    verified: list[str] = []

    def derive(password: str, salt: bytes, count: int, length: int) -> bytes:
        rounds.append(count)
        return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, count, length)

    matches: Callable[..., bool] = passwords.Passwords._matches

    def verify(self: passwords.Passwords, own_hash: str, secret: str) -> bool:
        verified.append(own_hash)
        return matches(self, own_hash, secret)

    monkeypatch.setattr(old_hashes, "pbkdf2", derive)
    monkeypatch.setattr(passwords, "pbkdf2", derive)
    monkeypatch.setattr(passwords.Passwords, "_matches", verify)
    return rounds, verified


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "$argon2id$v=19$m=65536,t=1,p=1$c2FsdA$aGFzaA",
        ankisyncd_hash(NAME, PASSWORD)[:-1],
        ankisyncd_hash(NAME, PASSWORD) + "0",
        ankisyncd_hash(NAME, PASSWORD).upper(),
        ankisyncd_hash(NAME, PASSWORD, salt="0123456$argon2id"),
        phc_hash(PASSWORD).replace("sha256", "sha512"),
        phc_hash(PASSWORD).replace("i=1000", "i=0"),
        phc_hash(PASSWORD).replace("i=1000", f"i={MOST_ROUNDS + 1}"),
        phc_hash(PASSWORD, salt=b"s" * 65),
        phc_hash(PASSWORD)[:-30],
        phc_hash(PASSWORD) + "$",
        django_hash(PASSWORD, salt=""),
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
    ],
)
def test_an_unknown_hash_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(UnknownHash) as refusal:
        old_hash(text)
    assert not text or text not in str(refusal.value)
