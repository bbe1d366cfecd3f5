"""The audit trail: who did what to accounts and collections, by devices, programs and operators."""

import json
import os
import pwd
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.control.operator import Operator
from tests.faults.conftest import NewDevice
from tests.rest.test_imports import collection_package, deck_package
from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import FirstCollection, WatchedClient, log_in, upload
from tests.support.looking_in import get
from tests.support.rest_client import RestClient

# The trail does not depend on what the log shows.
OPTIONS = {"log_level": "ERROR"}
SYSTEM_USER = pwd.getpwuid(os.getuid()).pw_name

Line = dict[str, Any]


def trail(server: WatchedServer, account: Account) -> list[Line]:
    """Return what the trail holds about an account."""
    lines: list[Line] = json.loads(server.control("audit", "--user", account.name, "--json"))
    return lines


def events(lines: list[Line]) -> list[str]:
    return [line["event"] for line in lines]


def test_a_login_is_kept_with_its_client_and_address(
    server: WatchedServer, account: Account
) -> None:
    log_in(server, account)
    login = trail(server, account)[-1]
    assert login["event"] == "login"
    assert login["address"] == "127.0.0.1"
    assert login["client"].startswith("2")
    assert login["timestamp"].endswith("+00:00")


def test_a_wrong_password_is_kept(server: WatchedServer, account: Account) -> None:
    wrong = WatchedClient(server.url, server=server, name=account.name)
    wrong.call("hostKey", {"u": account.name, "p": "guessed"})
    failed = trail(server, account)[-1]
    assert (failed["event"], failed["reason"]) == ("login_failed", "wrong_password")
    assert "guessed" not in json.dumps(failed)


def test_throttled_guesses_do_not_fill_the_disk(server: WatchedServer) -> None:
    account = server.new_account()
    wrong = WatchedClient(server.url, server=server, name=account.name)
    statuses = [wrong.call("hostKey", {"u": account.name, "p": "x"}).status for _ in range(20)]
    assert statuses == [403] * 10 + [429] * 10
    assert events(trail(server, account)) == ["user_added"] + ["login_failed"] * 10


def test_uploads_are_kept_with_the_device(
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
) -> None:
    before = len(trail(server, account))
    upload(client, first_collection.path)
    client.send("upload", b"no collection")
    uploaded, refused = trail(server, account)[before:]
    assert (uploaded["event"], uploaded["notes"]) == ("collection_uploaded", 3)
    assert uploaded["device"] == refused["device"]
    assert (refused["event"], refused["user"]) == ("upload_refused", account.name)
    assert refused["reason"]


def test_what_the_api_does_with_accounts_and_collections_is_kept(
    server: WatchedServer, account: Account, tmp_path: Path
) -> None:
    before = len(trail(server, account))
    body = {"name": account.name, "password": account.password}
    program = RestClient(server.url, server.new_token(account))
    assert program.ok("POST", "/api/v1/login", body)["scope"] == "write"
    lines = trail(server, account)[before:]
    made, login = lines
    assert (made["event"], made["operator"]) == ("token_added", operator_of_this_process())
    assert (login["event"], login["address"]) == ("api_login", "127.0.0.1")


@pytest.mark.parametrize("kind", ["deck", "collection"])
def test_an_import_is_kept_with_the_program_and_what_it_replaced(
    server: WatchedServer, account: Account, new_device: NewDevice, tmp_path: Path, kind: str
) -> None:
    device = new_device("laptop")
    make = deck_package if kind == "deck" else collection_package
    package = make(device, tmp_path)
    program = RestClient(server.url, server.new_token(account))
    before = len(trail(server, account))
    form = "apkg" if kind == "deck" else "colpkg&allow_full_sync=true"
    job = program.ok("POST", f"/api/v1/imports?format={form}", package)
    done = ("done", "failed")
    wait_until(lambda: program.ok("GET", f"/api/v1/jobs/{job['id']}")["state"] in done, "its end")
    lines = trail(server, account)[before:]
    imported = lines[-1]
    assert (imported["event"], imported["kind"]) == ("package_imported", kind)
    assert (imported["user"], imported["collection"]) == (account.name, account.name)
    assert imported["token"] > 0
    assert imported["address"] == "127.0.0.1"
    replaced = [] if kind == "deck" else ["collection_uploaded"]
    assert events(lines)[:-1] == replaced
    assert all(line["user"] == account.name for line in lines)


def operator_of_this_process() -> str:
    caller = os.environ.get("SUDO_USER")
    return f"{SYSTEM_USER} ({caller})" if caller and caller != SYSTEM_USER else SYSTEM_USER


def test_the_file_is_private_and_each_line_is_whole(server: WatchedServer) -> None:
    file = server.data_root / "audit.log"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text(encoding="utf-8")
    assert text.endswith("\n")
    for line in text.splitlines():
        assert {"timestamp", "event"} <= json.loads(line).keys()
    server.secrets.assert_not_in_log(text)


def test_a_rotated_trail_goes_on_in_a_new_file_and_is_read_as_one(
    server: WatchedServer, account: Account
) -> None:
    before = trail(server, account)
    file = server.data_root / "audit.log"
    file.rename(server.data_root / "audit.log.1")
    log_in(server, account)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert trail(server, account)[:-1] == before
    assert events(trail(server, account))[-1] == "login"


def test_a_line_that_a_full_disk_has_torn_costs_only_itself(server: WatchedServer) -> None:
    account = server.new_account()
    with (server.data_root / "audit.log").open("a") as file:
        file.write('{"timestamp": "2026-11\n')
    log_in(server, account)
    assert events(trail(server, account)) == ["user_added", "login"]


def test_only_what_is_young_enough_is_told(server: WatchedServer) -> None:
    account = server.new_account()
    old = {"timestamp": "2020-01-31T10:00:00+00:00", "event": "login", "user": account.name}
    with (server.data_root / "audit.log").open("a") as file:
        file.write(json.dumps(old) + "\n")

    def since(when: str) -> list[str]:
        told = server.control("audit", "--user", account.name, "--since", when, "--json")
        return events(json.loads(told))

    assert since("7d") == ["user_added"]
    assert since("2020-01-31") == ["user_added", "login"]
    assert since("2020-02-01") == ["user_added"]
    assert since("2020-01-31T09:59:00+00:00") == ["user_added", "login"]


# What operators do


def test_what_the_control_script_does_is_kept_with_its_caller(operator: Operator) -> None:
    operator.add("anna", "secret")
    operator.must("passwd", "anna", "--password-stdin", stdin="another\n")
    operator.must("token", "add", "anna", "--name", "dictionary", "--scope", "add")
    operator.must("token", "revoke", "anna", "1")
    operator.must("start")
    operator.client(Account("anna", "another"))
    operator.must("revoke", "anna")
    operator.must("deluser", "anna", "--purge", "--yes")
    lines = operator.must("audit", "--json").json
    assert events(lines) == [
        *("user_added", "password_changed", "token_added", "token_revoked"),
        *("login", "key_revoked", "user_deleted", "user_purged"),
    ]
    by_operator = [line for line in lines if line["event"] not in ("login", "user_purged")]
    assert {line["operator"] for line in by_operator} == {operator_of_this_process()}
    text = operator.must("audit", "--user", "anna").output
    for words in ("user added", "password changed", "logged in", "token made", "user deleted"):
        assert words in text
    assert "secret" not in text


def test_a_name_is_found_in_whatever_form_it_is_typed(operator: Operator) -> None:
    composed, decomposed = "\u00e5sa", "a\u030asa"
    operator.add(composed)
    for typed in (composed, decomposed):
        lines = operator.must("audit", "--user", typed, "--json").json
        assert events(lines) == ["user_added"], typed


@pytest.mark.parametrize("with_a_server", [True, False])
def test_imports_and_edits_are_kept_with_their_caller(
    operator: Operator, tmp_path: Path, with_a_server: bool
) -> None:
    operator.add("anna", "secret")
    if with_a_server:
        operator.must("start")
    add_notes = (
        "for _ in range(2): note = col.newNote(); note['Front'] = 'by hand'; col.addNote(note)"
    )
    operator.must("shell", "anna", "--commit", "--command", add_notes)
    operator.must("copy", "anna", str(tmp_path / "copy.anki2"))
    operator.must("import", "anna", str(tmp_path / "copy.anki2"), "--yes")
    operator.must("restore", "anna", "newest")
    done = operator.must("audit", "--json").json[1:]
    # Nothing was uploaded, and no line is about nobody.
    assert events(done) == ["collection_edited", "collection_imported", "collection_restored"]
    assert {(line["user"], line["operator"]) for line in done} == {
        ("anna", operator_of_this_process())
    }
    assert operator.must("audit", "--user", "anna", "--json").json[1:] == done


def test_an_import_for_a_new_user_is_kept_with_the_name(operator: Operator, tmp_path: Path) -> None:
    operator.add("anna", "secret")
    operator.must("copy", "anna", str(tmp_path / "copy.anki2"))
    create = ("--create", "--password-stdin")
    new = ("import", "B\u00f6rte", str(tmp_path / "copy.anki2"), *create)
    operator.must(*new, stdin="secret\n")
    lines = operator.must("audit", "--user", "B\u00f6rte", "--json").json
    assert events(lines) == ["collection_imported", "user_added"]
    assert {line["user"] for line in lines} == {"B\u00f6rte"}


def test_a_time_that_is_none_is_wrong_usage(operator: Operator) -> None:
    result = operator.ctl("audit", "--since", "yesterday")
    assert result.exit_code == 2
    assert "'yesterday' is neither" in result.errors


def test_without_a_server_there_is_nobody_to_ask_who_is_syncing(operator: Operator) -> None:
    result = operator.ctl("who")
    assert (result.exit_code, result.errors) == (3, "the server is not running\n")


def test_the_trail_may_lie_elsewhere(operator: Operator) -> None:
    text = operator.config.read_text()
    elsewhere = operator.folder / "elsewhere.jsonl"
    operator.config.write_text(
        text.replace("[DEFAULT]\n", f"[DEFAULT]\naudit_file = {elsewhere}\n")
    )
    operator.add("anna")
    assert '"user_added"' in elsewhere.read_text()
    assert events(operator.must("audit", "--json").json) == ["user_added"]


@pytest.fixture
def operator(tmp_path: Path):
    operator = Operator(tmp_path)
    yield operator
    operator.clean_up()


def test_the_server_answers_though_the_trail_cannot_be_written(tmp_path: Path) -> None:
    server = WatchedServer(tmp_path / "server", {"audit_file": "none/audit.log"})
    try:
        (server.data_root / "none").mkdir()
        account = server.new_account()
        (server.data_root / "none" / "audit.log").unlink()
        (server.data_root / "none").rmdir()
        log_in(server, account)
        (lost,) = server.events("audit_failed")
        assert lost["lost"] == "login"
        assert get(server.port, "/health").status == 200
    finally:
        server.stop()
