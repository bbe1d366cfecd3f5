"""Real proxies, each run with a configuration of one site."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 15.0
PROGRAMS = f"{os.environ['PATH']}:/usr/sbin"


@contextmanager
def caddy(folder: Path, port: int, rules: str) -> Iterator[str]:
    """Run Caddy with the rules of one site; yield its address."""
    file = folder / "Caddyfile"
    folder.mkdir()
    file.write_text(
        f"{{\n admin off\n auto_https off\n}}\nhttp://127.0.0.1:{port} {{\n{rules}\n}}\n"
    )
    command = ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]
    with running(command, folder, port) as url:
        yield url


@contextmanager
def haproxy(folder: Path, port: int, upstream_port: int, rules: str) -> Iterator[str]:
    """Run HAProxy with the rules of one backend; yield its address."""
    file = folder / "haproxy.cfg"
    folder.mkdir()
    file.write_text(
        "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
        f"frontend anki\n bind 127.0.0.1:{port}\n default_backend sync\n"
        f"backend sync\n {rules}\n server anki 127.0.0.1:{upstream_port}\n"
    )
    with running(["haproxy", "-f", str(file), "-db"], folder, port) as url:
        yield url


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[str]:
    """Run a proxy until the block ends; yield its address. Skip the test where it is missing."""
    if not shutil.which(command[0], path=PROGRAMS):
        if os.environ.get("CI"):
            pytest.fail(f"{command[0]} is not installed")
        pytest.skip(f"{command[0]} is not installed")
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [shutil.which(command[0], path=PROGRAMS) or command[0], *command[1:]],
            env={**os.environ, **home, "PATH": PROGRAMS},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the proxy does not start"
            time.sleep(0.02)
        else:
            return
