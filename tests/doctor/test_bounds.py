"""What the doctor does not wait for, and what it says when something else is in the way."""

from pathlib import Path

import pytest

from syncserver.control.doctor import probes
from syncserver.control.doctor.address import read_address
from syncserver.control.doctor.findings import Verdict
from syncserver.control.doctor.login import Person
from syncserver.control.doctor.whole_sync import ClientJob, sync_as_a_client
from tests.doctor.visits import visit
from tests.support.accounts import Account
from tests.support.device import FULL_UPLOAD, Device
from tests.support.our_server import OurServer
from tests.support.raw_client import RawClient
from tests.support.wrong_servers import web_server

META = {"v": 11, "cv": "26.09.3,29bb700b,linux"}


def job(server: OurServer, account: Account, seconds: float = 60.0) -> ClientJob:
    address, _ = read_address(server.url)
    assert address is not None
    return ClientJob(address, Person(account.name, account.password), seconds=seconds)


def test_bodies_that_would_take_too_long_are_left_out(
    server: OurServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(probes, "SIZES", (1_000, 10**12))
    found = visit(server.url, quick=False, largest=10**13)["large bodies"]
    assert found.verdict is Verdict.OK
    assert "Bodies of up to 0.001 MB pass; 1e+06 MB would take" in found.what


def test_a_device_that_is_syncing_is_told_from_a_fault(
    server: OurServer, account: Account, tmp_path: Path
) -> None:
    device = Device(tmp_path / "device").login(server.url, account)
    device.add_note("one", "two")
    assert device.sync() == FULL_UPLOAD
    device.upload()
    device.close()
    syncing = RawClient(server.url).login(account)
    usn = syncing.expect("meta", META)["usn"]
    syncing.expect("start", {"minUsn": usn, "lnewer": False, "graves": None})
    visited = visit(server.url, account)
    assert visited.only_failure.startswith("answers: A device of this user is syncing")
    assert visited["sync"].verdict is Verdict.SKIPPED
    syncing.expect("abort")


def test_what_anki_itself_says_is_passed_on(server: OurServer, account: Account) -> None:
    cards, media = sync_as_a_client(job(server, Account(account.name, "wrong")))
    assert cards.verdict is Verdict.FAILED
    assert "cannot log in. It says: Email or password was incorrect" in cards.what
    assert media.verdict is Verdict.SKIPPED


def test_a_client_that_takes_too_long_is_ended(server: OurServer, account: Account) -> None:
    cards, _ = sync_as_a_client(job(server, account, seconds=0.05))
    assert cards.verdict is Verdict.FAILED
    assert "it took longer than 0 seconds" in cards.what


@pytest.mark.parametrize(
    ("ahead", "what"),
    [
        (3 * 3600, "This computer's clock is 3 hours behind the server's."),
        (-3 * 86400, "The server's clock is 3 days behind this computer's."),
    ],
)
def test_a_clock_is_compared_by_the_date_of_answers_too(ahead: float, what: str) -> None:
    with web_server(clock_ahead=ahead) as url:
        found = visit(url)["clock"]
    assert found.verdict is Verdict.FAILED
    assert what in found.what


def test_a_server_that_does_not_tell_the_time_is_a_warning() -> None:
    with web_server(clock_ahead=None) as url:
        assert visit(url)["clock"].verdict is Verdict.WARNING


def test_an_old_version_of_http_is_a_warning() -> None:
    # Python's own web server speaks it unless told otherwise.
    with web_server() as url:
        assert "HTTP/1.0" in visit(url)["server"].what
