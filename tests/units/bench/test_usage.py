"""What is read about a server's processes."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.usage import Usage

SIZE = 60_000_000
# A process whose child takes memory, and gives it back, when it is told to.
PARENT = f"""
import subprocess, sys
CHILD = "import sys; sys.stdin.readline(); b'x' * {SIZE}; print('done', flush=True); sys.stdin.readline()"
subprocess.run([sys.executable, "-c", CHILD])
"""


@pytest.fixture
def family() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def wait_for_child(usage: Usage) -> None:
    while len(usage._processes()) < 2:
        pass


def test_the_peak_of_a_child_counts_though_it_has_gone(family: subprocess.Popen[str]) -> None:
    usage = Usage(family.pid)
    wait_for_child(usage)
    with usage.spent() as spent:
        go_on(family)
        assert family.stdout is not None
        assert family.stdout.readline() == "done\n"
    assert spent.memory > SIZE / 1e6 * 0.9
    assert spent.cpu > 0
    assert usage.memory() < SIZE / 1e6
    go_on(family)
