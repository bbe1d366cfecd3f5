"""adduser, deluser, lsuser and passwd, while no server runs."""

import sqlite3
from contextlib import closing
from datetime import datetime, timezone

import pytest

from tests.control.operator import Operator
from tests.support.accounts import Account

WRONG_USAGE, NO_SUCH_USER = 2, 67


def test_an_added_user_is_listed_with_the_folder(operator: Operator) -> None:
    operator.add("bob")
    [user] = operator.must("lsuser", "--json").json
    assert (user["name"], user["folder"], user["devices"]) == ("bob", "bob", 0)
    assert user["last_seen_at"] is None
    created = datetime.fromisoformat(user["created_at"])
    assert abs((datetime.now(timezone.utc) - created).total_seconds()) < 300


def test_the_list_for_people_has_a_line_for_each_user(operator: Operator) -> None:
    operator.add("bob")
    operator.add("Zoë Ωmega")
    lines = operator.must("lsuser").output.splitlines()
    assert lines[0].split()[:2] == ["name", "folder"]
    assert {line.split("  ")[0] for line in lines[1:]} == {"bob", "Zoë Ωmega"}


def test_a_name_cannot_smuggle_markup_or_terminal_commands_into_the_list(
    operator: Operator,
) -> None:
    operator.add("bob")
    rename(operator, "bob", "[red]\x1b[2Jbob")
    output = operator.must("lsuser").output
    assert "[red]\\x1b[2Jbob" in output
    assert "\x1b" not in output


def test_a_user_of_former_times_with_a_line_break_in_the_name_can_be_used(
    operator: Operator,
) -> None:
    operator.add("bob")
    rename(operator, "bob", "x\ny")
    operator.must("passwd", "x\ny", "--password-stdin", stdin="new\n")
    operator.must("limit", "x\ny", "--media", "2GB")
    operator.must("start")
    operator.client(Account("x\ny", "new"))
    [key] = operator.must("lskeys", "x\ny", "--json").json
    operator.must("revoke", "x\ny", str(key["key"]))
    operator.must("deluser", "x\ny", "--yes")
    assert operator.must("lsuser", "--json").json == []


def test_adding_prints_the_user_as_json(operator: Operator) -> None:
    added = operator.must("adduser", "bob", "--password-stdin", "--json", stdin="x\n").json
    assert (added["name"], added["folder"], added["has_collection"]) == ("bob", "bob", False)


def test_a_user_who_exists_is_not_added_again(operator: Operator) -> None:
    operator.add("bob")
    again = operator.ctl("adduser", "bob", "--password-stdin", stdin="other\n")
    assert again.exit_code == 1
    assert "'bob'" in again.errors
    assert len(again.errors.splitlines()) == 1


def test_an_empty_password_is_refused(operator: Operator) -> None:
    for stdin in ("", "\n"):
        refused = operator.ctl("adduser", "bob", "--password-stdin", stdin=stdin)
        assert (refused.exit_code, refused.errors) == (1, "the password is empty\n")
    assert operator.must("lsuser", "--json").json == []


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "utf-8:strict"}], ids=["C", "strict"]
)
def test_a_password_that_no_client_could_send_is_refused(
    operator: Operator, locale: dict[str, str]
) -> None:
    operator.add("bob")
    latin = b"gr\xfcn\n".decode(errors="surrogateescape")
    for arguments in (
        ("adduser", "ann", "--password-stdin"),
        ("adduser", "ann", "--password-hash-stdin"),
        ("passwd", "bob", "--password-stdin"),
        ("doctor", operator.url, "--user", "bob", "--password-stdin"),
    ):
        refused = operator.ctl(*arguments, stdin=latin, environment=locale)
        assert (refused.exit_code, refused.errors) == (1, "the input is not UTF-8\n")
    first = {"SYNCSERVER_FIRST_PASSWORD": latin.strip(), "SYNCSERVER_DATA_ROOT": "empty"}
    refused = operator.ctl("first-user", environment={**locale, **first})
    assert refused.errors == "a password must not hold broken Unicode\n"
    assert [user["name"] for user in operator.must("lsuser", "--json").json] == ["bob"]


def test_a_password_may_be_in_the_encoding_of_the_locale(operator: Operator) -> None:
    operator.must("start")
    latin = b"gr\xfcn\n".decode(errors="surrogateescape")
    arguments = ("adduser", "bob", "--password-stdin")
    added = operator.ctl(*arguments, stdin=latin, environment={"PYTHONIOENCODING": "latin-1"})
    assert added.exit_code == 0
    operator.client(Account("bob", "grün"))


def test_an_impossible_name_is_refused_in_a_sentence(operator: Operator) -> None:
    for name in ("   ", "n" * 129, "x\ny", "\x1b[2J", b"\xff".decode(errors="surrogateescape")):
        refused = operator.ctl("adduser", name, "--password-stdin", stdin="x\n")
        assert refused.exit_code == 1
        assert "user name" in refused.errors


def test_without_a_terminal_a_password_is_not_asked_for(operator: Operator) -> None:
    refused = operator.ctl("adduser", "bob")
    assert refused.exit_code == WRONG_USAGE
    assert "--password-stdin" in refused.errors


def test_adding_a_user_says_that_a_folder_moves_in(operator: Operator) -> None:
    folder = operator.data_root / "users" / "bob"
    folder.mkdir(parents=True)
    (folder / "collection.anki2").write_bytes(b"from the official server")
    added = operator.must("adduser", "bob", "--password-stdin", "--json", stdin="x\n")
    assert added.json["has_collection"] is True
    assert str(folder) in added.errors


def test_a_deleted_user_is_gone_and_the_files_stay(operator: Operator) -> None:
    operator.add("bob")
    kept = operator.data_root / "users" / "bob" / "collection.anki2"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"precious")
    deleted = operator.must("deluser", "bob", "--yes")
    assert str(kept.parent) in deleted.errors
    assert operator.must("lsuser", "--json").json == []
    assert kept.read_bytes() == b"precious"


def test_purging_removes_the_files_of_that_user_only(operator: Operator) -> None:
    for name in ("bob", "ann"):
        operator.add(name)
        folder = operator.data_root / "users" / name
        folder.mkdir(parents=True)
        (folder / "collection.anki2").write_bytes(b"cards")
    purged = operator.must("deluser", "bob", "--purge", "--yes", "--json")
    assert purged.json["files_removed"] is True
    assert [path.name for path in (operator.data_root / "users").iterdir()] == ["ann"]


def test_the_name_of_a_purged_user_can_be_given_again(operator: Operator) -> None:
    operator.add("bob")
    operator.must("deluser", "bob", "--purge", "--yes")
    operator.add("bob")


def test_nothing_is_deleted_without_being_sure(operator: Operator) -> None:
    operator.add("bob")
    refused = operator.ctl("deluser", "bob")
    assert refused.exit_code == WRONG_USAGE
    assert "--yes" in refused.errors
    assert len(operator.must("lsuser", "--json").json) == 1


def test_an_unknown_user_has_an_exit_code_of_its_own(operator: Operator) -> None:
    for arguments in (("deluser", "bob", "--yes"), ("lskeys", "bob"), ("revoke", "bob")):
        refused = operator.ctl(*arguments)
        assert (refused.exit_code, refused.output) == (NO_SUCH_USER, "")
        assert "'bob'" in refused.errors
    refused = operator.ctl("passwd", "bob", "--password-stdin", stdin="x\n")
    assert refused.exit_code == NO_SUCH_USER


def test_the_first_user_gets_a_password_that_is_shown_once(operator: Operator) -> None:
    first = operator.must("first-user").output
    assert "anki" in first
    assert operator.url in first
    assert len(_password_in(first)) >= 20
    again = operator.must("first-user").output
    assert operator.url in again
    assert _password_in(first) not in again
    assert [user["name"] for user in operator.must("lsuser", "--json").json] == ["anki"]


def test_the_first_user_can_have_another_name(operator: Operator) -> None:
    operator.ctl("first-user", environment={"SYNCSERVER_FIRST_USER": "bob"})
    assert [user["name"] for user in operator.must("lsuser", "--json").json] == ["bob"]


def test_no_first_user_is_added_beside_another_one(operator: Operator) -> None:
    operator.add("bob")
    assert "assword" not in operator.must("first-user").output
    assert [user["name"] for user in operator.must("lsuser", "--json").json] == ["bob"]


def rename(operator: Operator, name: str, other: str) -> None:
    """Give a user a name that former versions took."""
    with closing(sqlite3.connect(operator.data_root / "accounts.db")) as database, database:
        database.execute("update users set name = ? where name = ?", (other, name))


def _password_in(output: str) -> str:
    [line] = [line for line in output.splitlines() if line.startswith("Password:")]
    return line.split()[1]
