"""What the script asks on a terminal, and that it shows no password there."""

import os
import pty
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.control.operator import CTL, PATIENCE, Operator, clean_environment
from tests.support.raw_client import RawClient

FAILED = 1


class Terminal:
    """A terminal on which the script runs, with somebody who reads and types."""

    def __init__(self, operator: Operator, *arguments: str) -> None:
        command = [sys.executable, str(CTL), *arguments, "--config", str(operator.config)]
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.execve(command[0], command, clean_environment({}))
        self.shown = ""

    def expect(self, text: str) -> None:
        """Read until `text` is shown."""
        before = len(self.shown)
        while text not in self.shown[before:]:
            assert self._read(), f"{text!r} was not shown, but {self.shown!r}"

    def type(self, line: str) -> None:
        os.write(self._terminal, line.encode() + b"\n")

    def exit_code(self) -> int:
        """Read to the end and return how the script ended."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        os.close(self._terminal)

    def _read(self) -> bool:
        readable, _, _ = select.select([self._terminal], [], [], PATIENCE)
        assert readable, f"nothing came after {self.shown!r}"
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # how Linux tells that the other side has closed the terminal
            return False
        self.shown += data.decode()
        return bool(data)


@contextmanager
def on_a_terminal(operator: Operator, *arguments: str) -> Iterator[Terminal]:
    terminal = Terminal(operator, *arguments)
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize("command", ["adduser", "passwd"])
def test_a_password_is_asked_for_twice_and_never_shown(operator: Operator, command: str) -> None:
    if command == "passwd":
        operator.add("bob", "old")
    with on_a_terminal(operator, command, "bob") as terminal:
        terminal.expect("Password:")
        terminal.type("geheim")
        terminal.expect("again:")
        terminal.type("geheim")
        assert terminal.exit_code() == 0
        assert "geheim" not in terminal.shown
    operator.must("start")
    assert RawClient(operator.url).call("hostKey", {"u": "bob", "p": "geheim"}).status == 200


def test_two_different_passwords_are_refused(operator: Operator) -> None:
    with on_a_terminal(operator, "adduser", "bob") as terminal:
        terminal.expect("Password:")
        terminal.type("one")
        terminal.expect("again:")
        terminal.type("two")
        assert terminal.exit_code() == FAILED
        assert "differ" in terminal.shown
    assert operator.must("lsuser", "--json").json == []


def test_an_empty_password_is_refused_without_asking_again(operator: Operator) -> None:
    with on_a_terminal(operator, "adduser", "bob") as terminal:
        terminal.expect("Password:")
        terminal.type("")
        assert terminal.exit_code() == FAILED
        assert "again" not in terminal.shown


@pytest.mark.parametrize(("answer", "left"), [("n", ["bob"]), ("y", [])])
def test_deleting_asks_before_it_does_anything(
    operator: Operator, answer: str, left: list[str]
) -> None:
    operator.add("bob")
    with on_a_terminal(operator, "deluser", "bob") as terminal:
        terminal.expect("'bob'")
        terminal.type(answer)
        assert terminal.exit_code() == (0 if answer == "y" else FAILED)
    assert [user["name"] for user in operator.must("lsuser", "--json").json] == left
