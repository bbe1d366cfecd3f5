import hashlib
import re
import time
from datetime import datetime, timedelta, timezone

import pytest
from accounts_on_one_database import Accounts
from sqlalchemy import select, update

from syncserver.accounts import tables
from syncserver.accounts.api_tokens import ApiTokens, Bearer
from syncserver.accounts.database import open_database, reading, writing
from syncserver.accounts.scopes import Scope
from syncserver.accounts.users import User
from syncserver.errors import ServerBusy, WrongCredentials

ADDRESS = "192.0.2.1"


@pytest.fixture
def alice(accounts: Accounts) -> User:
    return accounts.users.add("alice", "secret")


@pytest.fixture
def tokens(accounts: Accounts) -> ApiTokens:
    return ApiTokens(accounts.engine)


def bearer_of(tokens: ApiTokens, token: str) -> Bearer:
    bearer = tokens.authenticate(token)
    assert bearer is not None
    return bearer


def is_refused_within_a_second(tokens: ApiTokens, token: str) -> bool:
    changed_at = time.monotonic()
    while tokens.authenticate(token) is not None:
        if time.monotonic() - changed_at > 1:
            return False
        time.sleep(0.01)
    return True


def test_a_token_tells_whose_it_is_and_what_it_may_do(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    bob = accounts.users.add("bob", "secret")
    of_alice = tokens.add(alice, "reader", Scope.READ, None)
    of_bob = tokens.add(bob, "writer", Scope.WRITE, None)

    assert (bearer_of(tokens, of_alice).user, bearer_of(tokens, of_alice).scope) == (
        alice,
        Scope.READ,
    )
    assert (bearer_of(tokens, of_bob).user, bearer_of(tokens, of_bob).scope) == (bob, Scope.WRITE)


def test_a_token_is_256_random_bits_and_stored_only_as_a_hash(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    made = {tokens.add(alice, "", Scope.READ, None) for _ in range(20)}
    with reading(accounts.engine) as connection:
        stored = set(connection.scalars(select(tables.api_tokens.c.token_hash)))

    assert len(made) == 20
    assert all(re.fullmatch(r"syncserver_[A-Za-z0-9_-]{43}", token) for token in made)
    assert stored == {hashlib.sha256(token.encode()).hexdigest() for token in made}


@pytest.mark.parametrize(
    "text",
    ["", "x", "syncserver_", "syncserver_" + "x" * 43, "x" * 43, "é", "\0", "x" * 10_000_000],
)
def test_any_other_text_is_nobodys_token(alice: User, tokens: ApiTokens, text: str) -> None:
    tokens.add(alice, "", Scope.READ, None)
    assert tokens.authenticate(text) is None


def test_a_host_key_is_no_token_and_a_token_no_host_key(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    assert tokens.authenticate(accounts.keys.issue(alice, "client", ADDRESS)) is None
    assert accounts.keys.authenticate(tokens.add(alice, "", Scope.READ, None)) is None


def test_a_token_ends_at_its_time_even_if_it_was_just_used(alice: User, tokens: ApiTokens) -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=0.4)
    token = tokens.add(alice, "", Scope.READ, soon)
    assert bearer_of(tokens, token).expires_at == soon
    while datetime.now(timezone.utc) < soon:
        time.sleep(0.01)
    assert tokens.authenticate(token) is None


def test_a_revoked_token_is_refused_within_a_second_and_others_are_not(
    alice: User, tokens: ApiTokens
) -> None:
    revoked = tokens.add(alice, "", Scope.READ, None)
    kept = tokens.add(alice, "", Scope.READ, None)
    token_id = bearer_of(tokens, revoked).token_id

    assert tokens.revoke(alice, token_id)

    assert is_refused_within_a_second(tokens, revoked)
    assert bearer_of(tokens, kept)
    assert not tokens.revoke(alice, token_id)


def test_nobody_revokes_another_users_token(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    bob = accounts.users.add("bob", "secret")
    token = tokens.add(alice, "", Scope.READ, None)
    assert not tokens.revoke(bob, bearer_of(tokens, token).token_id)


def test_the_tokens_of_a_deleted_user_are_refused_within_a_second(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    token = tokens.add(alice, "", Scope.READ, None)
    assert bearer_of(tokens, token)
    accounts.users.delete("alice", purge=False)
    assert is_refused_within_a_second(tokens, token)


def test_a_new_password_ends_the_tokens_of_logins_only(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    lasting = tokens.add(alice, "", Scope.READ, None)
    of_login, _ = tokens.issue_for_login(alice, Scope.READ, 60, ADDRESS)
    accounts.users.change_password("alice", "new")

    assert tokens.authenticate(of_login) is None
    assert bearer_of(tokens, lasting)


def test_a_login_that_a_new_password_has_overtaken_gets_no_token(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    accounts.users.change_password("alice", "new")
    with pytest.raises(WrongCredentials):
        tokens.issue_for_login(alice, Scope.READ, 60, ADDRESS)
    with pytest.raises(WrongCredentials):
        tokens.add(alice, "", Scope.READ, None)


def test_tokens_of_logins_are_cleared_away_when_they_are_over_or_too_many(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    tokens.add(alice, "kept", Scope.READ, datetime.now(timezone.utc))
    tokens.issue_for_login(alice, Scope.READ, 60, ADDRESS)
    with writing(accounts.engine) as connection:
        connection.execute(
            update(tables.api_tokens)
            .where(tables.api_tokens.c.from_login.is_(True))
            .values(expires_at=datetime.now(timezone.utc))
        )
    for _ in range(102):
        tokens.issue_for_login(alice, Scope.READ, 60, ADDRESS)

    left = tokens.of_user(alice)
    assert [token.name for token in left] == ["kept"] + ["login"] * 100


def test_tokens_are_listed_with_what_is_known_of_them(alice: User, tokens: ApiTokens) -> None:
    end = datetime.now(timezone.utc) + timedelta(days=1)
    tokens.add(alice, "the dictionary", Scope.ADD, end)
    [listed] = tokens.of_user(alice)
    assert (listed.name, listed.scope, listed.from_login) == ("the dictionary", Scope.ADD, False)
    assert (listed.expires_at, listed.last_used_at, listed.address) == (end, None, "")


def test_a_name_is_stored_so_that_a_terminal_can_show_it(alice: User, tokens: ApiTokens) -> None:
    tokens.add(alice, "a\x1b[31m\nname" + "x" * 200, Scope.READ, None)
    [listed] = tokens.of_user(alice)
    assert listed.name.isprintable()
    assert len(listed.name) <= 128


def test_a_use_is_noted_with_its_address(alice: User, tokens: ApiTokens) -> None:
    token = tokens.add(alice, "", Scope.READ, None)
    tokens.note_use(bearer_of(tokens, token), "198.51.100.7")
    assert tokens.of_user(alice)[0].last_used_at is None
    tokens.flush_uses()
    [used] = tokens.of_user(alice)
    assert used.last_used_at is not None
    assert used.address == "198.51.100.7"


def test_uses_that_cannot_be_written_are_kept_for_next_time(
    accounts: Accounts, alice: User, tokens: ApiTokens
) -> None:
    token = tokens.add(alice, "", Scope.READ, None)
    unreachable = ApiTokens(open_database("sqlite:////nowhere/accounts.db"))
    unreachable.note_use(bearer_of(tokens, token), ADDRESS)
    for _ in range(2):
        with pytest.raises(ServerBusy):
            unreachable.flush_uses()


@pytest.mark.parametrize(
    ("scope", "included"),
    [
        (Scope.READ, "read"),
        (Scope.REVIEW, "read review"),
        (Scope.ADD, "read add"),
        (Scope.WRITE, "read review add write"),
        (Scope.ADMIN, "read review add write admin"),
    ],
)
def test_wider_scopes_include_narrower_ones(scope: Scope, included: str) -> None:
    assert {other.value for other in Scope if scope.includes(other)} == set(included.split())
