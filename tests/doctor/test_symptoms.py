"""The documented symptoms are what Anki shows, and the documented steps are where the doctor fails."""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from anki.errors import NetworkError, SyncError

from syncserver.control.doctor.walk import STEPS
from tests.doctor.visits import visit
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.odd_proxy import odd_proxy
from tests.support.our_server import OurServer
from tests.support.processes import free_port
from tests.support.staged_nginx import nginx, passing_on

PAGE = Path(__file__).parents[2] / "docs" / "diagnosis.md"
HEADING = "### From a symptom to its cause"


@dataclass(frozen=True)
class Place:
    """Where something wrong is staged."""

    server: OurServer
    folder: Path

    def behind(self, rules: str) -> AbstractContextManager[str]:
        """Stage an nginx with these rules before the server."""
        upstream = self.server.url.rstrip("/")
        return nginx(self.folder, rules.replace("UPSTREAM", upstream))


@contextmanager
def nobody(_place: Place) -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}/"


@contextmanager
def without_slash(place: Place) -> Iterator[str]:
    with place.behind(passing_on("UPSTREAM/", path="/anki/")) as url:
        yield f"{url}anki"


def redirecting(place: Place) -> AbstractContextManager[str]:
    elsewhere = "location / { return 301 /elsewhere$request_uri; }"
    return place.behind(f"{elsewhere} {passing_on('UPSTREAM/', path='/elsewhere/')}")


STAGED: dict[str, Callable[[Place], AbstractContextManager[str]]] = {
    "error sending request for url": nobody,
    "401 Unauthorized": lambda place: place.behind("location / { return 401; }"),
    "404 Not Found": without_slash,
    "405 Method Not Allowed": redirecting,
    "411 Length Required": lambda place: odd_proxy("drops-chunks", place.server.port),
    "missing original size": lambda place: place.behind(
        passing_on("UPSTREAM", "proxy_hide_header anki-original-size;")
    ),
    "stream failure": lambda place: odd_proxy("compresses", place.server.port),
    "AnkiWeb encountered a problem": lambda place: place.behind(
        passing_on(f"http://127.0.0.1:{free_port()}")
    ),
}


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path / "device")
    yield device
    device.close()


def steps_of(symptom: str) -> list[str]:
    """Return the steps that the documented table names for a symptom."""
    for line in PAGE.read_text().partition(HEADING)[2].splitlines():
        cells = line.strip("|").split(" | ")
        if f'"{symptom}"' in cells[0]:
            return re.findall("`([^`]+)`", cells[2])
    raise AssertionError(f"{symptom} is not documented")


def shown(action: Callable[[], object]) -> str:
    """Return what Anki says when something fails."""
    with pytest.raises((NetworkError, SyncError)) as raised:
        action()
    return str(raised.value)


@pytest.mark.parametrize("symptom", STAGED)
def test_anki_says_what_is_documented_and_the_doctor_finds_it_where_documented(
    symptom: str, server: OurServer, folder: Path, account: Account, device: Device
) -> None:
    with STAGED[symptom](Place(server, folder)) as url:
        assert symptom in shown(lambda: device.login(url, account))
        assert visit(url, account).failed[0] in steps_of(symptom)


def test_a_wrong_password_looks_as_documented(
    server: OurServer, account: Account, device: Device
) -> None:
    wrong = Account(account.name, "wrong")
    symptom = "Email or password was incorrect"
    assert symptom in shown(lambda: device.login(server.url, wrong))
    assert visit(server.url, wrong).failed[0] in steps_of(symptom)


def test_too_many_wrong_passwords_look_as_documented(
    server: OurServer, account: Account, device: Device
) -> None:
    symptom = "429 Too Many Requests"
    for _ in range(3):
        shown(lambda: device.login(server.url, Account(account.name, "wrong")))
    assert symptom in shown(lambda: device.login(server.url, account))
    assert visit(server.url, account).failed[0] in steps_of(symptom)


@pytest.mark.parametrize("shifted", [900], indirect=True)
def test_a_wrong_clock_looks_as_documented(shifted: OurServer, device: Device) -> None:
    symptom = "your clock is not set to the correct time"
    account = shifted.new_account()
    device.login(shifted.url, account)
    assert symptom in shown(device.sync)
    assert visit(shifted.url, account).failed[0] in steps_of(symptom)


def test_an_upload_above_the_limit_of_a_proxy_looks_as_documented(
    upstream: str, folder: Path, account: Account, device: Device
) -> None:
    symptom = "413 Request Entity Too Large"
    rules = f"location / {{ proxy_pass {upstream}; proxy_http_version 1.1; }}"
    with nginx(folder, rules) as url:
        device.login(url, account)
        device.add_note(secrets.token_hex(3_000_000), "more than a megabyte")
        device.sync()
        assert symptom in shown(device.upload)
        assert visit(url).failed[0] in steps_of(symptom)


def test_every_step_is_documented_in_its_order_and_no_other() -> None:
    names = [step.name for step in STEPS]
    steps = PAGE.read_text().partition("### The steps")[2].partition("###")[0]
    documented = [
        name
        for line in steps.splitlines()
        if line.startswith("| `")
        for name in re.findall("`([^`]+)`", line.strip("|").split(" | ")[0])
    ]
    assert documented == names
    symptoms = PAGE.read_text().partition(HEADING)[2].partition("\n## ")[0]
    for row in re.findall(r"^\| .*\|$", symptoms, re.MULTILINE)[2:]:
        assert set(re.findall("`([^`]+)`", row.strip("|").split(" | ")[2])) <= set(names), row
