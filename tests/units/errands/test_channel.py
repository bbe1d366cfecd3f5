"""The socket between the control script and the server, with both ends in this process."""

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Client, Listener
from pathlib import Path

import msgspec
import pytest

from syncserver import events
from syncserver.collections import data_root_lock
from syncserver.errands import channel
from syncserver.errands.channel import (
    SOCKET_NAME,
    ErrandListener,
    Message,
    NoAnswer,
    Request,
    ServerHangs,
    _reachable,
    ask_server,
    run_errand,
)
from syncserver.errands.errand import ErrandFailed, Progress
from syncserver.errands.registry import ERRANDS
from syncserver.errors import ServerBusy
from syncserver.services import Services
from syncserver.settings import Settings

# Unix sockets may not have names longer than this; data roots may.
LONGEST_ADDRESS = 107
MORE_THAN_A_SOCKET_HOLDS = 3000
PATIENCE = 30.0


def no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


@pytest.fixture(params=["short", "long" * 40])
def data_root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root: Path = tmp_path / request.param
    assert (len(str(root / SOCKET_NAME)) > LONGEST_ADDRESS) == (request.param != "short")
    return root


@pytest.fixture
def services(data_root: Path) -> Iterator[Services]:
    services = Services(Settings(data_root=data_root, sync_wait=0))
    services.accompany("errands", ErrandListener)
    services.start()
    yield services
    services.close()
    data_root_lock.release(data_root)


def check(folder: str) -> Request:
    return Request("media-check", {"folders": [folder], "fix": False})


def test_an_errand_is_run_by_the_process_that_owns_the_data_root(services: Services) -> None:
    found = ask_server(services.settings.data_root, check("anna"), no_progress)
    assert found["anna"]["clean"]
    assert found == run_errand(services, check("anna"), no_progress)


def test_progress_is_told_while_the_errand_runs(services: Services) -> None:
    media = services.media.library("anna").folder
    media.prepare()
    for number in range(3):
        (media.files / f"{number}.png").write_bytes(b"x")
    fix = Request("media-check", {"folders": ["anna"], "fix": True})
    ask_server(services.settings.data_root, fix, no_progress)
    told: list[tuple[int, int]] = []
    ask_server(
        services.settings.data_root, check("anna"), lambda done, total: told.append((done, total))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_script_that_reads_nothing_holds_up_nobody(services: Services) -> None:
    media = services.media.library("anna").folder
    media.prepare()
    for number in range(MORE_THAN_A_SOCKET_HOLDS):
        (media.files / f"{number}.png").write_bytes(b"x")
    fix = Request("media-check", {"folders": ["anna"], "fix": True})
    run_errand(services, fix, no_progress)
    with _reachable(services.settings.data_root / SOCKET_NAME) as address, Client(address) as idle:
        idle.send_bytes(msgspec.json.encode(check("anna")))
        assert idle.poll(PATIENCE), "the errand has begun"
        deadline = time.monotonic() + PATIENCE
        while (busy := _is_busy(services)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not busy, "the media are free again though nobody has read a word"
        answer = Message()
        while answer.result is None:
            answer = msgspec.json.decode(idle.recv_bytes(), type=Message)
        assert answer.result["anna"]["clean"]


def _is_busy(services: Services) -> bool:
    try:
        with services.media.owned("anna"):
            return False
    except ServerBusy:
        return True


def test_an_unknown_errand_fails_with_its_name(services: Services) -> None:
    with pytest.raises(ErrandFailed, match="this server does not know the errand 'make-coffee'"):
        ask_server(services.settings.data_root, Request("make-coffee", {}), no_progress)


def test_a_failed_errand_says_why(services: Services) -> None:
    request = Request("media-restore", {"folder": "anna", "name": "lost.png"})
    with pytest.raises(ErrandFailed, match=r"there is no 'lost\.png' in the trash"):
        ask_server(services.settings.data_root, request, no_progress)


def test_media_that_are_in_use_are_said_to_be_in_use_and_keep_nobody_unchecked(
    services: Services,
) -> None:
    request = Request("media-check", {"folders": ["anna", "berta"], "fix": False})
    with services.media.owned("anna"):
        found = ask_server(services.settings.data_root, request, no_progress)
    assert not found["anna"]["clean"]
    assert "Other requests for your media" in found["anna"]["problem"]
    assert found["berta"]["clean"]
    assert ask_server(services.settings.data_root, check("anna"), no_progress)["anna"]["clean"]


def test_an_errand_that_tells_nothing_for_long_is_waited_for(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "SIGN_SECONDS", 0.2)
    monkeypatch.setattr(channel, "PATIENCE_SECONDS", 1)
    monkeypatch.setitem(ERRANDS, "think", lambda *_arguments: time.sleep(2.5))
    assert ask_server(services.settings.data_root, Request("think", {}), no_progress) is None


def test_a_server_without_a_sign_of_life_is_given_up(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "PATIENCE_SECONDS", 1)
    monkeypatch.setitem(ERRANDS, "think", lambda *_arguments: time.sleep(2.5))
    with pytest.raises(ServerHangs, match="has not answered for 1 seconds; it may hang"):
        ask_server(services.settings.data_root, Request("think", {}), no_progress)


def test_a_request_that_the_server_does_not_read_is_given_up(
    data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "PATIENCE_SECONDS", 1)
    data_root.mkdir()
    large = Request("check", {"folders": ["a folder's name"] * 100_000})
    with (
        _reachable(data_root / SOCKET_NAME) as address,
        Listener(address, family="AF_UNIX"),
        pytest.raises(ServerHangs),
    ):
        ask_server(data_root, large, no_progress)


def test_signs_of_life_come_between_messages_and_never_within(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def talkative(_services: Services, _arguments: object, progress: Progress) -> str:
        for done in range(2000):
            progress(done, 2000)
        return "x" * 1_000_000

    monkeypatch.setattr(channel, "SIGN_SECONDS", 0.0001)
    monkeypatch.setitem(ERRANDS, "talkative", talkative)
    told: list[int] = []
    answer = ask_server(
        services.settings.data_root,
        Request("talkative", {}),
        lambda done, _total: told.append(done),
    )
    assert answer == "x" * 1_000_000
    assert told == sorted(told)
    assert told[0] == 0


def test_an_error_that_nobody_foresaw_names_its_kind_and_the_log(services: Services) -> None:
    with pytest.raises(ErrandFailed, match="the server failed: KeyError; see its log"):
        ask_server(services.settings.data_root, Request("media-trash", {}), no_progress)


def test_without_a_server_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match="does not answer on its control socket"):
        ask_server(tmp_path, check("anna"), no_progress)


def test_a_dead_servers_socket_gives_no_answer_and_is_replaced(
    data_root: Path, services: Services
) -> None:
    path = data_root / SOCKET_NAME
    services.close()
    assert not path.exists(), "a server that ends takes its socket away"
    data_root_lock.release(data_root)
    leave_dead_socket(path)
    with pytest.raises(NoAnswer):
        ask_server(data_root, check("anna"), no_progress)
    again = Services(services.settings)
    again.accompany("errands", ErrandListener)
    again.start()
    assert ask_server(data_root, check("anna"), no_progress)["anna"]["clean"]
    again.close()


def leave_dead_socket(path: Path) -> None:
    handle = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{handle}/{path.name}")
    os.close(handle)
    assert path.exists()


def test_only_the_servers_own_user_may_connect(services: Services) -> None:
    mode = (services.settings.data_root / SOCKET_NAME).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize(
    "message",
    [None, b"", b"no JSON", b"[]", b'{"errand": 5}', msgspec.json.encode(check("anna"))],
)
def test_the_listener_survives_clients_that_hang_up_or_talk_nonsense(
    services: Services, message: bytes | None
) -> None:
    root = services.settings.data_root
    for _ in range(3):
        hang_up_after(root, message)
    assert ask_server(root, check("berta"), no_progress)["berta"]["clean"]


def hang_up_after(data_root: Path, message: bytes | None) -> None:
    handle = os.open(data_root, os.O_RDONLY)
    with Client(f"/proc/self/fd/{handle}/{SOCKET_NAME}") as connection:
        if message is not None:
            connection.send_bytes(message)
    os.close(handle)


def test_several_errands_are_run_at_the_same_time(services: Services) -> None:
    found: list[bool] = []

    def run(folder: str) -> None:
        answer = ask_server(services.settings.data_root, check(folder), no_progress)
        found.append(answer[folder]["clean"])

    threads = [threading.Thread(target=run, args=(f"user{number}",)) for number in range(10)]
    with services.media.owned("somebody else"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert found == [True] * 10


def test_what_an_errand_does_is_said_to_be_its_senders(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def look(*_arguments: object) -> None:
        seen.append(events.request_fields.get())

    monkeypatch.setitem(ERRANDS, "look", look)
    for request in (Request("look", {}, "anna"), Request("look", {}, "anna", user="bob")):
        ask_server(services.settings.data_root, request, no_progress)
    assert seen == [{"operator": "anna"}, {"operator": "anna", "user": "bob"}]
