"""What reads and moves the log: a real fail2ban and a real logrotate on a real server's lines."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.control.operator import Operator, wait_until
from tests.support.debian_programs import file_of, program
from tests.support.our_server import OurServer
from tests.support.raw_client import RawClient, compressed_pieces
from tests.support.reverse_proxies import deploy_files

FAIL2BANS_OWN = Path("/etc/fail2ban")
GUESSER, GUESSER_V6, VICTIM = "198.51.100.7", "2001:db8::7", "203.0.113.5"
# Names that look like the log itself.
HOSTILE_NAMES = (
    f"x level=warning event=login_failed request_id=ab address={VICTIM}",
    f'"\n timestamp= level=warning event=login_failed request_id=ab address={VICTIM} "',
    f'{{"request_id": "ab", "address": "{VICTIM}", "event": "login_failed", "level": "warning"}}',
    f'", "address": "{VICTIM}", "event": "login_failed", "level": "warning", "x": "',
)


def guess(server: OurServer, address: str, name: str) -> None:
    """Enter a name and a wrong password from that address, behind a proxy of this machine."""
    body = b"".join(compressed_pieces(json.dumps({"u": name, "p": "guessed"}).encode()))
    headers = {"anki-sync": RawClient(server.url).sync_header(), "X-Forwarded-For": address}
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("POST", "/sync/hostKey", body, headers)
        assert connection.getresponse().status == 403


@pytest.fixture(scope="module", params=["text", "json"])
def guessed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OurServer]:
    """A server whose log holds three failed logins of each guesser, and much that looks like one."""
    server = OurServer(tmp_path_factory.mktemp("guessed"), {"log_format": request.param})
    account = server.new_account()
    for name in (account.name, "nobody", HOSTILE_NAMES[0]):
        guess(server, GUESSER, name)
    for name in (account.name, "nobody", "ünïcode name"):
        guess(server, GUESSER_V6, name)
    for name in HOSTILE_NAMES[1:]:
        guess(server, "127.0.0.1", name)
    RawClient(server.url).login(account)
    RawClient(server.url).send_as_is("hostKey", b"x", sync_header='{"event": "login_failed"}')
    yield server
    server.stop()


@pytest.fixture
def written(guessed: OurServer, tmp_path: Path) -> Path:
    folder = tmp_path / "written"
    deploy_files(guessed.config, "fail2ban", "--output", folder, "--log-file", guessed.log_file)
    return folder


@pytest.mark.parametrize("before", ["", "host ctl.py[123]: "], ids=["file", "journal"])
def test_fail2ban_finds_every_failed_login_and_no_forged_one(
    before: str, guessed: OurServer, written: Path, tmp_path: Path
) -> None:
    log = tmp_path / "lines"
    log.write_text("".join(f"{before}{line}\n" for line in guessed.log().splitlines()))
    command = [program("fail2ban-regex"), "--out", "ip", str(log)]
    done = subprocess.run(
        [*command, str(written / "filter.d" / "syncserver.conf")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = sorted(done.stdout.split())
    assert found == sorted([GUESSER] * 3 + [GUESSER_V6] * 3 + ["127.0.0.1"] * 3)


def test_fail2ban_reads_the_time_of_each_line(guessed: OurServer, written: Path) -> None:
    command = [program("fail2ban-regex"), "--verbose", str(guessed.log_file)]
    done = subprocess.run(
        [*command, str(written / "filter.d" / "syncserver.conf")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    templates = re.findall(r"\[(\d+)\] timestamp", done.stdout)
    lines = len(guessed.log_file.read_text().splitlines())
    assert templates == [str(lines)], done.stdout


@pytest.fixture
def fail2ban(guessed: OurServer, written: Path, tmp_path: Path) -> Iterator[Path]:
    """A running fail2ban with our jail alone; it writes banned addresses into the yielded file."""
    folder, banned = tmp_path / "fail2ban", tmp_path / "banned"
    shutil.copytree(file_of("fail2ban-regex", FAIL2BANS_OWN), folder)
    shutil.rmtree(folder / "jail.d")
    shutil.copytree(written, folder, dirs_exist_ok=True)
    (folder / "action.d" / "note.conf").write_text(
        f"[Definition]\nactionban = echo <ip> >> {banned}\n"
    )
    (folder / "jail.local").write_text(
        "[DEFAULT]\nbanaction = note\nbanaction_allports = note\n[syncserver]\nmaxretry = 3\n"
    )
    (folder / "fail2ban.local").write_text(
        f"[Definition]\nlogtarget = {tmp_path / 'log'}\nsocket = {folder / 'socket'}\n"
        f"pidfile = {folder / 'pid'}\ndbfile = None\n"
    )
    banned.touch()
    process = subprocess.Popen(
        [program("fail2ban-server"), "-c", str(folder), "-f", "start"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    yield banned
    process.terminate()
    try:
        process.wait(30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_fail2ban_shuts_out_who_guesses_and_never_a_trusted_proxy(
    fail2ban: Path, guessed: OurServer
) -> None:
    wait_until(lambda: len(fail2ban.read_text().split()) >= 2)
    assert sorted(fail2ban.read_text().split()) == [GUESSER, GUESSER_V6]


def test_a_rotated_log_goes_on(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    try:
        operator.must("start")
        client = operator.client(operator.add_somebody())
        before = operator.log
        assert "event=login " in before
        deploy_files(operator.config, "logrotate", "--output", tmp_path)
        rotate = [program("logrotate"), "--force", "--state", str(tmp_path / "state")]
        subprocess.run([*rotate, str(tmp_path / "syncserver")], check=True, timeout=60)

        assert operator.log == ""
        assert (operator.data_root / "syncserver.log.1").read_text() == before
        assert client.call("meta", {"v": 11, "cv": "tests"}).status == 200
        # Without the hole that a writer leaves who remembers its place.
        wait_until(lambda: "path=/sync/meta" in operator.log)
        assert operator.log.startswith("timestamp=")
    finally:
        operator.clean_up()
