"""What other users do while one syncs: large uploads, wrong passwords, slow and stalled connections.

Each function runs in a helper until it is told to end, and returns how much it has done.
"""

import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import zstandard

from bench.helper import Control
from bench.servers import Account
from bench.wire import NO_INPUT, Client, NotAnswered, chunk, chunks, upload

# Told when the load has begun; what measures waits for it.
READY: Final = "ready"
# So that the kernel does not take the whole download at once.
SMALL_RECEIVE_BUFFER: Final = 4096
SLOW_BYTES_PER_SECOND: Final = 10_000
SLOW_READS_PER_SECOND: Final = 10
# Of wrong passwords: more than this many that wait for an answer are not added to.
MOST_GUESSES_WAITING: Final = 200


def upload_again_and_again(control: Control, client: Client, packed: Path) -> str:
    """Upload one large collection after the other."""
    body = chunks(packed.read_bytes())
    uploads = 0
    control.send(READY)
    while not control.poll():
        upload(client, body)
        uploads += 1
    return f"{uploads} uploads"


def guess_passwords(control: Control, port: int, name: str, per_second: int) -> str:
    """Try wrong passwords at a steady rate, whether or not the earlier ones are answered."""
    statuses: Counter[int | str] = Counter()
    guesses: list[threading.Thread] = []
    control.send(READY)
    while not control.poll(1 / per_second):
        guesses = [one for one in guesses if one.is_alive()]
        if len(guesses) < MOST_GUESSES_WAITING:
            guess = threading.Thread(target=_guess, args=(port, name, statuses), daemon=True)
            guess.start()
            guesses.append(guess)
    answers = ", ".join(f"{count} times {status}" for status, count in statuses.items())
    return f"guesses were answered {answers or 'never'}, {len(guesses)} still waited"


def download_slowly(control: Control, client: Client) -> str:
    """Download a collection at the speed of a very slow connection."""
    read = 0
    with ExitStack() as opened:
        connection = opened.enter_context(_slow_connection(client.port))
        connection.sendall(client.request("download"))
        control.send(READY)
        while not control.poll(1 / SLOW_READS_PER_SECOND):
            read += len(connection.recv(SLOW_BYTES_PER_SECOND // SLOW_READS_PER_SECOND))
    return f"{read // 1000} kB downloaded"


def stall(control: Control, client: Client, connections: int) -> str:
    """Send the head and half of the body of many requests, and then nothing more."""
    body = zstandard.ZstdCompressor().compress(NO_INPUT * 100)
    half = chunk(body)[: len(body) // 2]
    with ExitStack() as opened:
        for _connection in range(connections):
            stalled = socket.create_connection(("127.0.0.1", client.port))
            opened.enter_context(stalled)
            stalled.sendall(client.head("meta") + half)
        time.sleep(0.5)  # until the server has given them its threads
        control.send(READY)
        control.recv()
    return f"{connections} connections stalled"


def _guess(port: int, name: str, statuses: Counter[int | str]) -> None:
    client = Client(port)
    with suppress(OSError, NotAnswered):
        statuses[client.call(client.login_request(Account(name, "wrong"))).status] += 1


def _slow_connection(port: int) -> socket.socket:
    connection = socket.socket()
    # Before it is connected: the window is agreed on then.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
    connection.connect(("127.0.0.1", port))
    return connection
