"""Memory stays bounded while large media go up and down.

`pytest -s tests/media/test_memory.py` prints the figures.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.media.conftest import NewMediaDevice
from tests.support.accounts import Account
from tests.support.media_client import MediaClient
from tests.support.media_device import media_of, sync_media, write_media
from tests.support.media_server import MediaServer

MEGABYTE = 1_000_000
# Far below any of the bodies, far above what pools of threads and allocators take for themselves.
MOST_ABOVE = 60 * MEGABYTE


@contextmanager
def bounded_memory(server: MediaServer, what: str) -> Iterator[None]:
    """Fail if the worker's memory rises much above where it was."""
    server.reset_peak_memory()
    before = server.memory()
    yield
    above = server.peak_memory() - before
    print(f"\n{what}: {before / MEGABYTE:.0f} MB before, {above / MEGABYTE:+.0f} MB at the peak")
    assert above < MOST_ABOVE, what


@pytest.fixture
def warm(server: MediaServer, client: MediaClient) -> MediaServer:
    """The server after it has done each thing once."""
    client.upload(("warm.png", random.Random(1).randbytes(3 * MEGABYTE)))
    client.download(["warm.png"])
    client.upload(("warm.png", None))
    return server


def test_memory_is_bounded_while_a_file_of_90_megabytes_goes_up_and_down(
    warm: MediaServer, new_device: NewMediaDevice
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    write_media(laptop, "film.mkv", random.Random(2).randbytes(90 * MEGABYTE))
    with bounded_memory(warm, "90 MB file up"):
        sync_media(laptop)
    with bounded_memory(warm, "90 MB file down"):
        sync_media(phone)
    assert media_of(phone) == media_of(laptop)


def test_memory_is_bounded_while_200_megabytes_go_up_and_down_in_one_batch(
    warm: MediaServer, client: MediaClient, account: Account
) -> None:
    chance = random.Random(3)
    changes = [(f"{number}.png", chance.randbytes(2 * MEGABYTE)) for number in range(100)]
    with bounded_memory(warm, "200 MB in one upload"):
        assert client.upload(*changes)[0] == 100
    names = [name for name, _ in changes]
    received: list[tuple[str, bytes]] = []
    with bounded_memory(warm, "200 MB in downloads"):
        while len(received) < len(names):
            received += client.download(names[len(received) :])
    assert received == changes


def test_memory_is_bounded_while_several_devices_download_large_files_at_once(
    warm: MediaServer, client: MediaClient
) -> None:
    content = random.Random(5).randbytes(30 * MEGABYTE)
    client.upload(("film.mkv", content))
    received: list[bool] = []

    def download() -> None:
        received.append(client.download(["film.mkv"]) == [("film.mkv", content)])

    devices = [threading.Thread(target=download) for _ in range(4)]
    with bounded_memory(warm, "30 MB file to four devices at once"):
        for one in devices:
            one.start()
        for one in devices:
            one.join()
    assert received == [True] * 4
