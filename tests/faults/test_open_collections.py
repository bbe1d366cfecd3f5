"""Collections that nobody uses do not stay open."""

from collections.abc import Iterator

import pytest

from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import FirstCollection, HandMadeSync, log_in, upload

OPTIONS = {"idle_close": 1, "sync_timeout": 60}
MOST_OPEN = 2


@pytest.fixture
def sparing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedServer]:
    options = {"idle_close": 60, "max_open_collections": MOST_OPEN}
    server = WatchedServer(tmp_path_factory.mktemp("sparing"), options)
    yield server
    server.stop()


def synced_account(server: WatchedServer, first: FirstCollection) -> HandMadeSync:
    """Return a sync of a new account, whose collection is open afterwards."""
    client = log_in(server, server.new_account())
    upload(client, first.path)
    sync = HandMadeSync(client, first.notetype).begin()
    # Without `applyChanges`, after which libanki's caches are stale and the file is closed.
    sync.send_notes("makes it open")
    sync.finish()
    return sync


def test_an_idle_collection_is_closed_and_opened_again_when_it_is_needed(
    server: WatchedServer, first_collection: FirstCollection
) -> None:
    sync = synced_account(server, first_collection).begin()
    assert len(server.open_collections()) == 1
    sync.finish()
    wait_until(lambda: not server.open_collections(), "the idle collection is closed")
    assert not list((server.data_root / "users").glob("*/collection.anki2-wal"))
    sync.begin()
    assert len(server.open_collections()) == 1
    sync.finish()


def test_a_collection_in_the_middle_of_a_sync_is_not_idle(
    server: WatchedServer, first_collection: FirstCollection
) -> None:
    in_progress = synced_account(server, first_collection).begin()
    in_progress.send_notes("in the middle")
    synced_account(server, first_collection)
    wait_until(lambda: len(server.open_collections()) == 1, "the other one is closed")
    in_progress.finish()


def test_only_so_many_idle_collections_stay_open(
    sparing_server: WatchedServer, first_collection: FirstCollection
) -> None:
    syncs = [synced_account(sparing_server, first_collection) for _ in range(MOST_OPEN + 3)]
    wait_until(lambda: len(sparing_server.open_collections()) <= MOST_OPEN, "most are closed")
    assert len(sparing_server.open_collections()) == MOST_OPEN, "not more than need be"
    for sync in syncs:
        sync.run("all can still sync")


def test_syncs_in_progress_stay_open_beyond_the_limit(
    sparing_server: WatchedServer, first_collection: FirstCollection
) -> None:
    syncs = [synced_account(sparing_server, first_collection).begin() for _ in range(MOST_OPEN + 2)]
    synced_account(sparing_server, first_collection)
    for sync in syncs:
        sync.send_notes("undisturbed")
        sync.finish()
    assert not sparing_server.events("sync_timed_out")
