"""The server in a process of its own, started by another program, killed at any moment."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from syncserver.collections.data_root_lock import DataRootInUse, owner, server
from syncserver.embed import Address, NotStarted, start_server
from syncserver.settings import SettingsError
from tests.control.operator import clean_environment, wait_until
from tests.listening.installed import ask_plainly
from tests.support.accounts import Account
from tests.support.authority import Certificate
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_client import start_syncing
from tests.support.faults_gate import Gate
from tests.support.processes import free_port

REPOSITORY = Path(__file__).parents[2]
ANNA = Account("anna", "secret")
ANYWHERE = ("127.0.0.1", 0)
Process = subprocess.Popen[bytes]
Start = Callable[..., tuple[Process, Address]]


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(data_root: Path) -> Iterator[Start]:
    """Start a server on the same data each time; nothing of them is left afterwards."""
    started: list[Process] = []

    def start(address: tuple[str, int] = ANYWHERE, **more: object) -> tuple[Process, Address]:
        options: dict[str, Any] = {
            "data_root": data_root,
            "password_hash_memory": "1MiB",
            "first_user": ANNA.name,
            "first_password": ANNA.password,
            "takeover_after": 1,
        }
        process, real = start_server(address, {**options, **more})
        started.append(process)
        return process, real

    yield start
    for process in started:
        end_group(process)


def end_group(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_it_is_a_process_of_its_own_at_its_real_address(start: Start, data_root: Path) -> None:
    process, address = start()
    assert process.pid == server(data_root)
    assert address.port != 0
    assert address.url == f"http://127.0.0.1:{address.port}/"
    host, port, _ = address
    assert ask_plainly(port, "GET", "/health", host).status == 200
    process.terminate()
    assert process.wait() == 0
    assert not psutil.pid_exists(process.pid)


def test_a_certain_port_is_taken_if_it_is_free(start: Start) -> None:
    port = free_port()
    _, address = start(("127.0.0.1", port))
    assert address.port == port


def test_tls_and_lists_are_options_like_all_others(start: Start, authority: Any) -> None:
    certificate: Certificate = authority.issue("localhost")
    _, address = start(
        tls_certificate=certificate.certificate,
        tls_key=certificate.key,
        trusted_proxies=["10.0.0.0/8", "::1"],
    )
    assert address.url == f"https://127.0.0.1:{address.port}/"


@pytest.mark.parametrize("step", ["start", "applyChanges", "applyChunk", "sanityCheck2", "finish"])
def test_killed_in_the_middle_of_a_real_clients_sync_it_loses_nothing(
    start: Start, device: Device, data_root: Path, step: str, tmp_path: Path
) -> None:
    process, address = start()
    device.login(address.url, ANNA)
    device.add_note("before", "back")
    assert device.sync() == FULL_UPLOAD
    device.upload()
    device.add_note("during", "back")
    device.close()
    with Gate(address.port, step) as gate:
        client = start_syncing(device, gate.url)
        gate.wait_until_reached()
        process.kill()
    client.wait()

    _, address = start()
    device.col.reopen()
    assert device.auth is not None
    device.auth.endpoint = address.url
    assert device.sync() == NO_CHANGES
    phone = Device(tmp_path / "phone").login(address.url, ANNA)
    phone.download()
    assert sorted(phone.fields(note)[0] for note in phone.col.find_notes("")) == [
        "before",
        "during",
    ]
    phone.close()


def test_a_killed_one_leaves_no_child(start: Start, data_root: Path) -> None:
    process, address = start()
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.wait()
    wait_until(lambda: not any(child.is_running() for child in children))
    assert owner(data_root) is None
    with pytest.raises(ConnectionRefusedError):
        ask_plainly(address.port, "GET", "/health")


def test_it_ends_when_the_program_around_it_is_killed(data_root: Path) -> None:
    program = (
        "import sys, time; from syncserver.embed import start_server;"
        f"process, address = start_server({ANYWHERE}, {{'data_root': sys.argv[1]}});"
        "print(process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(data_root)],
        env=clean_environment({"PYTHONPATH": str(REPOSITORY)}),
        stdout=subprocess.PIPE,
        text=True,
    ) as around:
        assert around.stdout is not None
        pid = int(around.stdout.readline())
        assert server(data_root) == pid
        around.kill()
    wait_until(lambda: owner(data_root) is None)
    wait_until(lambda: not psutil.pid_exists(pid))


def test_a_data_root_has_one_server_here_too(start: Start) -> None:
    process, _ = start()
    with pytest.raises(DataRootInUse, match=str(process.pid)):
        start()


def test_one_that_was_killed_and_not_waited_for_is_no_obstacle(start: Start) -> None:
    process, _ = start()
    process.kill()
    start()


def test_what_the_program_has_in_its_environment_is_not_for_the_server(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCSERVER_UNIX_SOCKET", "/nowhere/own.sock")
    start()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"unheard_of": 1}, "unheard_of"),
        ({"sync_timeout": "soon"}, "SYNC_TIMEOUT"),
        ({"data_root": "/dev/null/data"}, "data_root"),
    ],
)
def test_wrong_settings_are_named(start: Start, wrong: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        start(**wrong)


def test_what_keeps_it_from_starting_is_said(start: Start, data_root: Path) -> None:
    _, address = start()
    with pytest.raises(NotStarted, match=f"port {address.port} of 127.0.0.1 is in use"):
        start_server(("127.0.0.1", address.port), {"data_root": data_root.with_name("other")})


def test_of_one_that_did_not_answer_in_time_nothing_is_left(data_root: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(NotStarted, match="no answer within"):
        start_server(ANYWHERE, {"data_root": data_root}, timeout=0)
    assert set(psutil.Process().children(recursive=True)) <= before
    assert owner(data_root) is None


def test_the_example_of_the_document_works_as_it_stands(tmp_path: Path) -> None:
    document = (REPOSITORY / "docs" / "listening.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^```python\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example],
        env=clean_environment({"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    serves, logged_in = done.stdout.splitlines()
    assert re.fullmatch(r"process \d+ serves http://127\.0\.0\.1:\d+/", serves)
    assert logged_in == "logged in"
