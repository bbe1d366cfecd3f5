"""The commands about tokens."""

from datetime import datetime, timedelta, timezone

import pytest

from syncserver.control.output import CommandFailed
from syncserver.control.tokens import parse_expiry
from tests.control.operator import Operator

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


def test_a_token_is_shown_once_and_listed_without_itself(operator: Operator) -> None:
    operator.add("anna")
    token = operator.must(
        "token", "add", "anna", "--name", "books", "--scope", "add"
    ).output.strip()
    assert token.startswith("syncserver_")

    listing = operator.must("token", "ls", "anna").output
    assert "books" in listing
    assert "add" in listing
    assert token not in listing


def test_a_token_is_told_as_json(operator: Operator) -> None:
    operator.add("anna")
    made = operator.must("token", "add", "anna", "--expires", "30d", "--json").json
    assert made["scope"] == "write"
    assert made["token"].startswith("syncserver_")
    [listed] = operator.must("token", "ls", "anna", "--json").json
    assert listed == {key: value for key, value in made.items() if key != "token"}
    end = datetime.fromisoformat(listed["expires_at"])
    assert timedelta(days=29) < end - datetime.now(timezone.utc) <= timedelta(days=30)


def test_a_number_that_no_token_and_no_key_can_have_is_wrong_usage(operator: Operator) -> None:
    operator.add("anna")
    for command in (("token", "revoke"), ("revoke",)):
        assert operator.ctl(*command, "anna", str(2**31)).exit_code == 2
        assert operator.ctl(*command, "anna", str(2**31 - 1)).exit_code == 67


def test_a_revoked_token_is_gone_from_the_list(operator: Operator) -> None:
    operator.add("anna")
    made = operator.must("token", "add", "anna", "--json").json
    operator.must("token", "revoke", "anna", str(made["id"]))
    assert operator.must("token", "ls", "anna", "--json").json == []
    assert operator.ctl("token", "revoke", "anna", str(made["id"])).exit_code == 67


@pytest.mark.parametrize("command", ["add", "ls"])
def test_there_are_no_tokens_of_nobody(operator: Operator, command: str) -> None:
    result = operator.ctl("token", command, "nobody")
    assert (result.exit_code, result.output) == (67, "")


@pytest.mark.parametrize("option", [("--scope", "everything"), ("--expires", "soon")])
def test_wrong_options_make_no_token(operator: Operator, option: tuple[str, str]) -> None:
    operator.add("anna")
    assert operator.ctl("token", "add", "anna", *option).exit_code == 2
    assert operator.must("token", "ls", "anna", "--json").json == []


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("12h", datetime(2026, 11, 22, 0, tzinfo=timezone.utc)),
        ("30d", datetime(2026, 12, 21, 12, tzinfo=timezone.utc)),
        ("4w", datetime(2026, 12, 19, 12, tzinfo=timezone.utc)),
        ("2026-11-21", datetime(2026, 11, 22, tzinfo=timezone.utc)),
        ("2027-01-31", datetime(2027, 2, 1, tzinfo=timezone.utc)),
    ],
)
def test_an_end_is_a_time_from_now_or_the_end_of_a_day(text: str, end: datetime) -> None:
    assert parse_expiry(text, NOW) == end


@pytest.mark.parametrize(
    "text", ["soon", "0d", "30", "1y", "-1d", "2026-11-20", "2026-13-01", "9999-12-31", "999999w"]
)
def test_there_is_no_other_end(text: str) -> None:
    with pytest.raises(CommandFailed):
        parse_expiry(text, NOW)
