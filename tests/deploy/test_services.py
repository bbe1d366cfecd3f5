"""What starts the server and brings it back: a real Supervisor, and what systemd says of the unit."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from anki.errors import NetworkError, SyncError

from syncserver.control.output import WRONG_CONFIGURATION
from syncserver.control.process import CLOSING_TIMEOUT
from syncserver.settings import ServerSettings
from tests.control.operator import Operator, clean_environment, wait_until
from tests.support.contents import contents
from tests.support.debian_programs import program
from tests.support.device import NO_CHANGES, Device
from tests.support.processes import answers_health
from tests.support.reverse_proxies import deploy_files

# What systemd calls OK; a unit without any hardening has 9.6.
MOST_EXPOSED = 1.5


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    operator = Operator(tmp_path)
    yield operator
    operator.clean_up()


class Supervised:
    """A Supervisor that runs nothing but what `deploy-files supervisor` wrote."""

    def __init__(self, operator: Operator) -> None:
        folder = operator.folder / "supervisor"
        self.log = folder / "syncserver.log"
        deploy_files(operator.config, "supervisor", "--output", folder, "--log-file", self.log)
        self.config = folder / "supervisord.conf"
        user = "user = root\n" if os.geteuid() == 0 else ""
        self.config.write_text(
            f"[unix_http_server]\nfile = {folder / 'socket'}\n"
            f"[supervisord]\nnodaemon = true\nlogfile = {folder / 'supervisord.log'}\n"
            f"pidfile = {folder / 'pid'}\n{user}"
            f"[supervisorctl]\nserverurl = unix://{folder / 'socket'}\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = "
            "supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[include]\nfiles = {folder / 'syncserver.conf'}\n"
        )
        # As on an operator's machine, python3 is one that knows the server or finds who does.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._process = subprocess.Popen(
            [program("supervisord"), "-c", str(self.config)],
            env=clean_environment({"PATH": path}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def control(self, *arguments: str) -> str:
        """Call supervisorctl and return what it printed."""
        command = [program("supervisorctl"), "-c", str(self.config), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False
        ).stdout

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(120)


@pytest.fixture
def supervised(operator: Operator) -> Iterator[Supervised]:
    supervised = Supervised(operator)
    try:
        wait_until(lambda: answers_health(operator.port))
        yield supervised
    finally:
        supervised.stop()


@pytest.fixture
def device(supervised: Supervised, operator: Operator) -> Iterator[Device]:
    device = Device(operator.folder / "laptop")
    device.login(operator.url, operator.add_somebody())
    device.add_note("before", "")
    device.upload()
    yield device
    device.close()


def server_and_worker(operator: Operator) -> list[int]:
    return [operator.server_pid(), operator.worker_pid()]


def try_again_until_it_syncs(device: Device) -> None:
    def syncs() -> bool:
        with suppress(NetworkError, SyncError):
            return device.sync() == NO_CHANGES
        return False

    wait_until(syncs)


@pytest.mark.parametrize("killed", [[0], [1], [0, 1]], ids=["server", "worker", "both"])
def test_a_killed_server_comes_back_and_a_client_that_tries_again_succeeds(
    killed: list[int], supervised: Supervised, operator: Operator, device: Device, tmp_path: Path
) -> None:
    before = server_and_worker(operator)
    device.add_note("while it was killed", "")
    for number in killed:
        os.kill(before[number], signal.SIGKILL)
    try_again_until_it_syncs(device)

    def are_replaced() -> bool:
        with suppress(AssertionError, OSError):
            after = server_and_worker(operator)
            return all(after[number] != before[number] for number in killed)
        return False

    # A worker whose supervisor was killed may have been quick enough to serve the sync.
    wait_until(are_replaced)
    try_again_until_it_syncs(device)
    other = Device(tmp_path / "phone")
    other.auth = device.auth
    other.download()
    assert contents(other.col) == contents(device.col)
    other.close()


def test_supervisor_stops_the_server_as_an_operator_does(
    supervised: Supervised, operator: Operator, device: Device
) -> None:
    device.add_note("more", "")
    assert device.sync() == NO_CHANGES
    assert "stopped" in supervised.control("stop", "syncserver")
    assert operator.is_stopped()
    assert "event=server_stopped" in supervised.log.read_text()
    (folder,) = (operator.data_root / "users").iterdir()
    assert not (folder / "collection.anki2-wal").exists()


@pytest.fixture
def unit(operator: Operator) -> Path:
    operator.must("lsuser")  # makes the data root
    deploy_files(operator.config, "systemd", "--output", operator.folder, "--user", "www-data")
    return operator.folder / "syncserver.service"


def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path) -> None:
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_exposes_little(unit: Path) -> None:
    done = subprocess.run(
        [
            *(program("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit)),
            f"--threshold={round(MOST_EXPOSED * 10)}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_unit_gives_the_server_time_and_does_not_insist_on_a_wrong_configuration(
    unit: Path,
) -> None:
    lines = dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line)
    assert int(lines["TimeoutStopSec"]) > ServerSettings().stop_timeout + CLOSING_TIMEOUT
    assert lines["RestartPreventExitStatus"] == str(WRONG_CONFIGURATION)


def test_a_wrong_configuration_ends_with_the_status_that_the_unit_names(
    unit: Path, operator: Operator
) -> None:
    command = next(
        line.partition("=")[2]
        for line in unit.read_text().splitlines()
        if line.startswith("ExecStart=")
    )
    operator.config.write_text(operator.config.read_text() + "\n[DEFAULT]\nno_option = 1\n")
    done = subprocess.run(
        [sys.executable, *command.split()], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == WRONG_CONFIGURATION
