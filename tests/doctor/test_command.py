"""What `ctl.py doctor` prints, and how it ends."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.control.operator import CTL, PATIENCE, Operator
from tests.support.our_server import OurServer
from tests.support.processes import free_port
from tests.support.wrong_servers import silent_server


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_each_step_is_a_line_and_the_last_one_sums_up(server: OurServer) -> None:
    lines = server.control("doctor", server.url, "--quick").splitlines()
    assert lines[0].startswith("ok       address         Clients will ask http://127.0.0.1")
    assert [line.split()[0] for line in lines[:3]] == ["ok", "ok", "ok"]
    assert lines[-1] == "All is well."


def test_a_failed_step_ends_with_1_and_says_what_to_change(operator: Operator) -> None:
    ended = operator.ctl("doctor", f"http://127.0.0.1:{free_port()}/")
    assert ended.exit_code == 1
    lines = ended.output.splitlines()
    assert lines[2].startswith("failed   connection")
    assert lines[3].startswith(" " * 25 + "→ Check the port")
    assert lines[-1] == "Clients cannot sync like this; failed: connection."
    assert "\x1b" not in ended.output


def test_json_tells_every_step_with_its_verdict(operator: Operator) -> None:
    ended = operator.ctl("doctor", "http://host/anki", "--json")
    assert ended.exit_code == 1
    told = json.loads(ended.output)
    assert told["url"] == "http://host/anki"
    assert not told["ok"]
    assert told["steps"][0]["verdict"] == "failed"
    assert told["steps"][0]["remedy"].startswith("Enter http://host/anki/")
    assert {step["verdict"] for step in told["steps"][1:]} == {"skipped"}


def test_without_an_address_it_is_the_one_of_the_configuration(operator: Operator) -> None:
    ended = operator.ctl("doctor", "--json")
    assert json.loads(ended.output)["url"] == operator.url


def test_the_password_comes_from_the_input(server: OurServer, operator: Operator) -> None:
    account = server.new_account()
    arguments = ("doctor", server.url, "--quick", "--user", account.name, "--password-stdin")
    assert "ok       sync " in operator.must(*arguments, stdin=f"{account.password}\n").output
    ended = operator.ctl(*arguments, stdin="wrong\n")
    assert ended.exit_code == 1
    assert "failed   login" in ended.output
    assert "wrong\n" not in ended.output


@pytest.mark.parametrize(
    "arguments",
    [("--user", "anna"), ("--user", "anna", "--scratch"), ("--ca", "/nowhere"), ("--strange",)],
)
def test_what_cannot_be_meant_ends_with_2(operator: Operator, arguments: tuple[str, ...]) -> None:
    assert operator.ctl("doctor", "http://127.0.0.1/", *arguments).exit_code == 2


def test_a_file_that_holds_no_authority_is_told_before_anything_is_tried(
    operator: Operator, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("none")
    ended = operator.ctl("doctor", operator.url, "--ca", str(tmp_path / "ca.pem"))
    assert (ended.exit_code, ended.output) == (2, "")
    assert "holds no certificate" in ended.errors


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_scratch_account_is_gone_when_the_doctor_is_ended(
    operator: Operator, ending: signal.Signals
) -> None:
    with silent_server() as url:
        process = subprocess.Popen(
            [sys.executable, str(CTL), "doctor", url, "--scratch", "--config", operator.config],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        assert "address" in process.stdout.readline()
        process.send_signal(ending)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + ending
    assert operator.must("lsuser", "--json").json == []


def test_a_scratch_account_needs_the_configuration(operator: Operator) -> None:
    operator.config.unlink()
    assert operator.ctl("doctor", operator.url, "--scratch").exit_code == 78


def test_a_scratch_account_is_gone_when_the_server_is_not_even_there(operator: Operator) -> None:
    assert operator.ctl("doctor", "--scratch").exit_code == 1
    assert operator.must("lsuser", "--json").json == []


def test_colours_are_for_terminals() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, str(CTL), "doctor", "http://host/anki"]
    environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": ""}
    subprocess.run(command, stdout=theirs, env=environment, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "\x1b[1;31mfailed" in shown
