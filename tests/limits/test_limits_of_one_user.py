"""`ctl.py limit` gives one user other limits than the settings, while the server runs."""

import json
import os
from typing import Any

import pytest
from anki.errors import BackendError

from tests.limits.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.device import NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.media_device import stored_media, sync_media, write_media
from tests.support.our_server import REPOSITORY
from tests.support.raw_client import RawClient
from tests.support.rest_client import RestClient

LARGEST = 400_000
QUOTA = 100_000
OPTIONS = {"max_collection_bytes": LARGEST, "media_quota": QUOTA, "max_media_file_bytes": QUOTA}
META = {"v": 11, "cv": "test"}


def limit(server: WatchedServer, account: Account, *options: str) -> dict[str, Any]:
    """Call the command, and return what it says."""
    told: dict[str, Any] = json.loads(server.control("limit", account.name, *options, "--json"))
    return told


def grow_beyond(device: Device, size: int) -> None:
    device.add_notes([[os.urandom(1000).hex()] for _ in range(size // 1500)])


@pytest.mark.parametrize("size", ["5MB", "4000kB"])
def test_a_larger_collection_may_be_uploaded_and_then_no_more(
    server: WatchedServer, account: Account, device: Device, size: str
) -> None:
    grow_beyond(device, LARGEST)
    with pytest.raises(BackendError, match=r"larger than this server accepts \(0\.4 MB\)"):
        device.upload()
    limit(server, account, "--collection", size)
    with_new_key = device.login(server.url, account)
    with_new_key.upload()
    assert server.stored_collection(account).stat().st_size > LARGEST
    limit(server, account, "--collection", "default")
    with pytest.raises(BackendError, match="larger than this server accepts"):
        device.login(server.url, account).upload()


def test_a_smaller_collection_is_all_that_one_may_upload(
    server: WatchedServer, account: Account, device: Device, new_device: NewDevice
) -> None:
    limit(server, account, "--collection", "1kB")
    with pytest.raises(BackendError, match="raise max_collection_bytes"):
        device.login(server.url, account).upload()
    other = new_device(server.new_account())
    other.upload()
    entries = json.loads(server.control("log", account.name, "--json"))
    assert (entries[0]["kind"], entries[0]["outcome"]) == ("upload", "refused")


def test_a_device_that_is_logged_in_has_them_within_a_second(
    server: WatchedServer, account: Account, device: Device
) -> None:
    write_media(device, "first.bin", os.urandom(QUOTA * 8 // 10))
    sync_media(device)
    write_media(device, "second.bin", os.urandom(QUOTA * 8 // 10))
    with pytest.raises(BackendError, match=r"more than the 0\.1 MB"):
        sync_media(device)

    def may_add() -> bool:
        try:
            sync_media(device)
        except BackendError:
            return False
        return True

    limit(server, account, "--media", "0")
    wait_until(may_add, "the media are taken")
    assert len(stored_media(server, account) or ()) == 2
    # The warning goes by the user's own limit, too.
    limit(server, account, "--media", "165000")
    client = RawClient(server.url).login(account)
    message = client.expect("meta", META)["msg"]
    assert "of the 0.165 MB that this server allows" in message


def test_programs_have_the_limits_of_their_user(server: WatchedServer, account: Account) -> None:
    limit(server, account, "--media", "1000")
    program = RestClient(server.url, server.new_token(account))
    refused = program.call("PUT", "/api/v1/media/large.bin", os.urandom(2000))
    assert refused.status >= 400
    assert "0.001 MB" in refused.json["detail"]
    limit(server, account, "--media", "default")

    def is_taken() -> bool:
        return program.call("PUT", "/api/v1/media/large.bin", os.urandom(2000)).status < 300

    wait_until(is_taken, "the quota is that of everybody")


def test_who_asks_too_often_is_told_their_own_number(
    server: WatchedServer, account: Account, new_device: NewDevice
) -> None:
    limit(server, account, "--requests", "5")
    client = RawClient(server.url).login(account)
    statuses = [client.call("abort").status for _ in range(10)]
    assert statuses[:5] == [200] * 5
    assert 503 in statuses[5:]
    assert "more than 5 requests within" in client.expect("meta", META)["msg"]
    refused = [one for one in server.events("request") if one.get("user") == account.name][-1]
    assert refused["cause"] == "requests_per_user: 5"
    other = RawClient(server.url).login(server.new_account())
    assert [other.call("abort").status for _ in range(10)] == [200] * 10
    limit(server, account, "--requests", "default")
    wait_until(lambda: client.call("abort").status == 200, "the rate is that of everybody")
    device = new_device(account)
    device.upload()
    assert device.sync() == NO_CHANGES


def test_the_operator_sees_them_beside_those_of_everybody(
    server: WatchedServer, account: Account, device: Device
) -> None:
    expected: dict[str, Any] = {
        "name": account.name,
        "max_collection_bytes": {
            "own": None,
            "default": LARGEST,
            "in_use": server.stored_collection(account).stat().st_size,
        },
        "media_quota": {"own": None, "default": QUOTA, "in_use": 0},
        "requests_per_user": {"own": None, "default": 60_000, "in_use": None},
    }
    assert limit(server, account) == expected
    expected["media_quota"]["own"] = 2 * 10**9
    expected["requests_per_user"]["own"] = 0
    assert limit(server, account, "--media", "2GB", "--requests", "0") == expected
    table = server.control("limit", account.name)
    rows = [line.split("  ") for line in table.splitlines()[1:]]
    words = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert words[1] == ["media_quota", "2,000 MB", "0.1 MB", "0 MB"]
    assert words[2] == ["requests_per_user", "no limit", "60,000"]
    (line,) = json.loads(server.control("audit", "--user", account.name, "--json"))[-1:]
    assert (line["event"], line["media_quota"]) == ("limits_changed", 2 * 10**9)
    assert line["operator"]


@pytest.mark.parametrize(
    "options",
    [
        ("--collection", "0"),
        ("--collection", "much"),
        ("--media", "-1"),
        ("--media", "9EB99"),
        ("--media", "10EiB"),
        ("--requests", "1.5"),
        ("--requests", "5000000000"),
    ],
)
def test_what_is_no_limit_changes_nothing(
    server: WatchedServer, account: Account, options: tuple[str, str]
) -> None:
    with pytest.raises(AssertionError, match="is no limit; it looks like"):
        server.control("limit", account.name, *options)
    told = limit(server, account)
    assert [told[name]["own"] for name in told if name != "name"] == [None] * 3


def test_limits_of_nobody_are_refused(server: WatchedServer) -> None:
    for options in ((), ("--media", "1GB")):
        with pytest.raises(AssertionError, match="there is no user"):
            server.control("limit", "nobody", *options)


def test_the_document_names_each_option() -> None:
    text = (REPOSITORY / "docs" / "limits.md").read_text(encoding="utf-8")
    section = text.split("## Limits of one user\n")[1].split("\n## ")[0]
    for option in ("--collection", "--media", "--requests", "default"):
        assert option in section
