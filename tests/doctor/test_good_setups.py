"""Where all is well the doctor says so, step by step, and leaves nothing behind."""

import json
from pathlib import Path

from syncserver.control.doctor.findings import Verdict
from syncserver.control.doctor.walk import STEPS
from tests.doctor.visits import visit
from tests.support.accounts import Account
from tests.support.authority import Authority
from tests.support.device import FULL_UPLOAD, Device
from tests.support.our_server import OurServer
from tests.support.staged_nginx import nginx, passing_on
from tests.support.stored_files import copy_of, read_tables


def test_everything_is_well_through_nginx_with_tls_and_a_path(
    server: OurServer, upstream: str, folder: Path, authority: Authority
) -> None:
    users = server.control("lsuser", "--json")
    rules = passing_on(f"{upstream}/", path="/anki/")
    with nginx(folder, rules, authority.issue()) as url:
        arguments = (f"{url}anki/", "--scratch", "--ca", str(authority.root_file), "--json")
        told = json.loads(server.control("doctor", *arguments))
    assert told["ok"]
    assert [step["step"] for step in told["steps"]] == [step.name for step in STEPS]
    assert {step["verdict"] for step in told["steps"]} == {"ok"}, told
    # The account that it made is gone, with its files.
    assert server.control("lsuser", "--json") == users
    assert not list((server.data_root / "users").glob("doctor*"))


def test_a_visit_as_a_user_changes_nothing_that_the_user_has(
    server: OurServer, account: Account, tmp_path: Path
) -> None:
    device = Device(tmp_path / "device").login(server.url, account)
    device.add_note("mine", "and stays")
    assert device.sync() == FULL_UPLOAD
    device.upload()
    before = read_tables(copy_of(server.stored_collection(account), tmp_path))

    visited = visit(server.url, account, quick=False, largest=2_000_000)

    assert visited.failed == []
    assert "has downloaded 1 notes" in visited["sync"].what
    after = read_tables(copy_of(server.stored_collection(account), tmp_path))
    # A download raises the collection's own usn and time, as every device's does.
    assert {**after, "col": []} == {**before, "col": []}
    device.close()


def test_a_visit_without_a_login_skips_what_needs_one_and_counts_as_no_failed_login(
    server: OurServer,
) -> None:
    before = server.log().count("event=login_failed")
    visited = visit(server.url)
    assert visited.failed == []
    assert visited.steps(Verdict.SKIPPED) == [
        *("encryption", "login", "new clients", "old clients", "answers"),
        *("slow answers", "sync", "media"),
    ]
    assert "--user" in visited["sync"].what
    assert server.log().count("event=login_failed") == before


def test_a_visit_is_seen_in_the_list_of_devices(server: OurServer, account: Account) -> None:
    visit(server.url, account)
    assert "syncserver-doctor" in server.control("lskeys", account.name)
