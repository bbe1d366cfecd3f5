"""The syncs that load is made of are real ones, on both servers."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.helper import Helper
from bench.load import Load, Pace, sync_again_and_again
from bench.measurements.many_users import users_with
from bench.packed import packed
from bench.prepared_sync import Content, content_of
from bench.sample_collections import Recipe, sample_collection
from bench.servers import OFFICIAL, OURS, Server
from bench.wire import Client, chunks, login, upload
from tests.support.accounts import Account
from tests.support.device import Device

RECIPE = Recipe(notes=30, cards_per_note=2, reviews_per_card=2)
CHANGED = 5

Sync = Callable[[Client, Content], Load]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=[OURS, OFFICIAL])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with Server(request.param, tmp_path / "server") as running:
        yield running


def content() -> Content:
    return content_of(sample_collection(RECIPE), CHANGED)


def sync_once(client: Client, sent: Content) -> Load:
    with Helper(sync_again_and_again, [client], sent, Pace(seconds=0)) as helper:
        load: Load = helper.receive(60)
        return load


def test_a_prepared_sync_reaches_the_users_other_device(server: Server, tmp_path: Path) -> None:
    account = server.new_account()
    client = login(server, account)
    upload(client, chunks(packed(sample_collection(RECIPE)).read_bytes()))
    other = Device(tmp_path / "other").login(server.url, Account(account.name, account.password))
    other.download()
    sent = dataclasses.replace(content(), notes=content().notes.replace(b"note 3", b"edited 3"))

    assert not sync_once(client, sent).problems

    other.sync()
    assert other.fields(other.col.find_notes("edited")[0])[0] == "edited 3"
    assert other.check_database() == ""
    other.close()


def test_every_sync_that_was_asked_for_is_counted(server: Server) -> None:
    (client,) = users_with(server, RECIPE, 1)
    with Helper(sync_again_and_again, [client], content(), Pace(1.0, interval=0.25)) as helper:
        load: Load = helper.receive(60)
    assert len(load.syncs) == 4
    assert not load.problems


def test_a_sync_that_is_refused_is_a_problem_and_no_sync(server: Server) -> None:
    client = dataclasses.replace(login(server, server.new_account()), host_key="nobody's")
    load = sync_once(client, content())
    assert dict(load.problems) == {"status 403": 1}
    assert not load.syncs


def test_a_collection_out_of_step_is_a_problem(server: Server) -> None:
    (client,) = users_with(server, RECIPE, 1)
    wrong = dataclasses.replace(content(), counts=b'{"client":[[0,0,0],1,2,3,4,5,6,7]}')
    assert dict(sync_once(client, wrong).problems) == {"the sanity check failed": 1}
