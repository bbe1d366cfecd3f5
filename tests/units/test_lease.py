"""One owner at a time: leases, reservations, and who may have them when."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from pathlib import Path
from typing import TypeVar

import pytest

from syncserver.collections.lease import REMEMBERED_META_ANSWERS, Collections
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.slot import Caller
from syncserver.errors import SyncConflict
from syncserver.settings import Settings
from syncserver.sync_record import Outcome

PATIENCE = 20.0
LAPTOP = Caller(key_id=1, session_key="laptop")
LAPTOP_AGAIN = Caller(key_id=1, session_key="again")
PHONE = Caller(key_id=2, session_key="phone")
STATE = "what the engine keeps of a sync"

Result = TypeVar("Result")
Make = Callable[..., Collections]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make collections with these settings."""
    made: list[Collections] = []

    def collections(**options: int) -> Collections:
        # So patient that nothing here depends on how fast it goes.
        patient = {"sync_wait": 20, "takeover_after": 60, "sync_timeout": 60, "idle_close": 60}
        (tmp_path / "users").mkdir(exist_ok=True)
        made.append(Collections(Settings(data_root=tmp_path, **{**patient, **options})))
        return made[-1]

    yield collections
    for one in made:
        one.close(wait_seconds=0)


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


def begin(collections: Collections, caller: Caller, folder: str = "user") -> None:
    """Begin a sync that has changed something."""
    with collections.lease(folder, caller) as lease:
        lease.collection.begin()
        lease.collection.execute("update col set usn = 77")
        lease.reserve(caller, STATE)


def usn(collections: Collections, folder: str = "user") -> int:
    """Return the number that is stored, after whatever is going on."""
    with collections.lease(folder) as lease:
        number: int = lease.collection.scalar("select usn from col")
        return number


def open_files(tmp_path: Path) -> set[str]:
    """Return the folders whose collections are open: only then a log lies beside them."""
    return {log.parent.name for log in tmp_path.glob("users/*/collection.anki2-wal")}


def finish(collections: Collections, caller: Caller, folder: str = "user") -> None:
    with collections.resume(folder, caller) as lease:
        lease.collection.commit()
        lease.end_sync(lease.committed)


def waits(future: "Future[Result]") -> bool:
    """Tell that it has not ended after some time; it cannot be wrong about what never ends."""
    try:
        future.result(timeout=0.3)
    except NotInTime:
        return True
    return False


def test_a_lease_creates_the_collection_and_keeps_it_open(make: Make, tmp_path: Path) -> None:
    collections = make()
    with collections.lease("user") as lease:
        assert lease.collection.scalar("select count() from notes") == 0
        assert lease.sync_state is None
    assert open_files(tmp_path) == {"user"}


def test_two_threads_never_own_a_collection_together(
    make: Make, background: ThreadPoolExecutor
) -> None:
    collections = make()
    inside, together = [], []

    def use(number: int) -> None:
        with collections.lease("user") as lease:
            inside.append(number)
            together.append(len(inside))
            lease.collection.scalar("select count() from notes")
            inside.remove(number)

    list(background.map(use, range(50)))
    assert set(together) == {1}


def test_a_lease_waits_for_another_of_the_same_person_and_for_nobody_else(
    make: Make, background: ThreadPoolExecutor
) -> None:
    collections = make()
    with collections.lease("user"):
        same = background.submit(usn, collections)
        assert usn(collections, "other") == 0
        assert waits(same)
    assert same.result(PATIENCE) == 0


def test_a_block_that_raises_is_rolled_back_and_frees_the_collection(make: Make) -> None:
    collections = make()

    def fail() -> None:
        with collections.lease("user") as lease:
            lease.collection.begin()
            lease.collection.execute("update col set usn = 77")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert usn(collections) == 0


# Reservations


def test_only_the_caller_can_resume_its_sync(make: Make) -> None:
    collections = make()
    begin(collections, LAPTOP)
    for stranger in (PHONE, LAPTOP_AGAIN, Caller(PHONE.key_id, LAPTOP.session_key)):
        with pytest.raises(SyncConflict), collections.resume("user", stranger):
            pytest.fail("a stranger was let in")
    with collections.resume("user", LAPTOP) as lease:
        assert lease.sync_state == STATE
        assert lease.collection.scalar("select usn from col") == 77


def test_nothing_can_be_resumed_when_nothing_was_begun(make: Make) -> None:
    collections = make()
    with pytest.raises(SyncConflict), collections.resume("user", LAPTOP):
        pytest.fail("there is no sync")


def test_what_is_committed_is_told_at_once_during_a_sync_and_a_request(make: Make) -> None:
    collections = make()
    before = collections.committed("user")
    begin(collections, LAPTOP)
    assert collections.committed("user") == before
    with collections.resume("user", LAPTOP):
        assert collections.committed("user") == before


def test_another_device_waits_until_the_sync_has_ended(
    make: Make, background: ThreadPoolExecutor
) -> None:
    collections = make()
    begin(collections, LAPTOP)
    other = background.submit(begin, collections, PHONE)
    assert waits(other)
    finish(collections, LAPTOP)
    other.result(PATIENCE)
    with collections.resume("user", PHONE) as lease:
        assert lease.sync_state == STATE


def test_another_device_gives_up_after_sync_wait(make: Make) -> None:
    collections = make(sync_wait=0)
    begin(collections, LAPTOP)
    with pytest.raises(SyncConflict), collections.lease("user", PHONE):
        pytest.fail("the sync in progress was disturbed")
    with collections.resume("user", LAPTOP) as lease:
        assert lease.collection.scalar("select usn from col") == 77


def test_the_same_device_takes_its_own_sync_over_at_once(make: Make) -> None:
    collections = make(sync_wait=0)
    begin(collections, LAPTOP)
    with collections.lease("user", LAPTOP_AGAIN) as lease:
        assert lease.collection.scalar("select usn from col") == 0, "the old one is rolled back"
    with pytest.raises(SyncConflict), collections.resume("user", LAPTOP):
        pytest.fail("it was taken over")


def test_a_silent_sync_is_taken_over(make: Make) -> None:
    collections = make(takeover_after=1)
    begin(collections, LAPTOP)
    begin(collections, PHONE)
    with pytest.raises(SyncConflict), collections.resume("user", LAPTOP):
        pytest.fail("it was taken over")
    with collections.resume("user", PHONE) as lease:
        assert lease.sync_state == STATE


def test_a_sync_is_not_silent_while_its_request_is_worked_on(
    make: Make, background: ThreadPoolExecutor
) -> None:
    collections = make(takeover_after=1, sync_wait=2)
    begin(collections, LAPTOP)
    with collections.resume("user", LAPTOP) as lease:
        other = background.submit(begin, collections, PHONE)
        with pytest.raises(SyncConflict):
            other.result(PATIENCE)
        assert lease.collection.scalar("select usn from col") == 77


def test_a_request_of_a_sync_waits_for_the_one_before_it(
    make: Make, background: ThreadPoolExecutor
) -> None:
    collections = make()
    begin(collections, LAPTOP)
    with collections.resume("user", LAPTOP):
        second = background.submit(finish, collections, LAPTOP)
        assert waits(second)
    second.result(PATIENCE)
    assert usn(collections) == 77


def test_a_request_that_waits_for_one_that_fails_is_a_conflict(
    make: Make, background: ThreadPoolExecutor
) -> None:
    collections = make()
    begin(collections, LAPTOP)

    def fail_with_another_behind() -> "Future[None]":
        with collections.resume("user", LAPTOP):
            second = background.submit(finish, collections, LAPTOP)
            assert waits(second)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_with_another_behind()
    assert usn(collections) == 0
    with pytest.raises(SyncConflict), collections.resume("user", LAPTOP):
        pytest.fail("the whole sync is over")


def test_a_sync_that_fails_is_rolled_back_whole(make: Make) -> None:
    collections = make()
    begin(collections, LAPTOP)
    with pytest.raises(RuntimeError), collections.resume("user", LAPTOP):
        raise RuntimeError
    with pytest.raises(SyncConflict), collections.resume("user", LAPTOP):
        pytest.fail("the sync is over")
    assert usn(collections) == 0


def test_an_aborted_sync_is_closed_so_that_no_cache_is_stale(make: Make, tmp_path: Path) -> None:
    collections = make()
    begin(collections, LAPTOP)
    with collections.resume("user", LAPTOP) as lease:
        lease.drop_sync(Outcome.ABORTED)
    assert open_files(tmp_path) == set()
    assert usn(collections) == 0


# What meta told


def test_what_a_caller_was_told_is_remembered_for_its_start(make: Make) -> None:
    collections = make()
    told = collections.committed("user", LAPTOP)
    with collections.lease("user", LAPTOP) as lease:
        assert lease.schema_told(LAPTOP) == told.schema_modified
        assert lease.schema_told(PHONE) is None


def test_only_the_latest_callers_are_remembered(make: Make) -> None:
    collections = make()
    callers = [Caller(1, f"session {number}") for number in range(REMEMBERED_META_ANSWERS + 2)]
    for caller in [*callers[:-1], callers[1], callers[-1]]:
        collections.committed("user", caller)
    with collections.lease("user") as lease:
        remembered = [caller for caller in callers if lease.schema_told(caller) is not None]
    assert len(remembered) == REMEMBERED_META_ANSWERS
    assert callers[0] not in remembered
    assert callers[1] in remembered, "it asked again"
    assert callers[2] not in remembered


# Housekeeping


def test_tidying_rolls_back_what_was_silent_for_too_long_and_nothing_else(
    make: Make, tmp_path: Path
) -> None:
    collections = make(sync_timeout=1)
    begin(collections, LAPTOP)
    collections.tidy()
    with collections.resume("user", LAPTOP) as lease:
        assert lease.sync_state == STATE
    deadline = threading.Event()
    while "user" in open_files(tmp_path):
        deadline.wait(0.1)
        collections.tidy()
    with pytest.raises(SyncConflict), collections.resume("user", LAPTOP):
        pytest.fail("it was silent for too long")
    assert usn(collections) == 0


def test_tidying_never_disturbs_a_request_in_progress(make: Make) -> None:
    collections = make(sync_timeout=1, idle_close=1, max_open_collections=1)
    with collections.lease("user") as lease:
        for _ in range(15):
            threading.Event().wait(0.1)
            collections.tidy()
        assert lease.collection.scalar("select count() from notes") == 0


def test_tidying_closes_the_longest_unused_beyond_the_limit(make: Make, tmp_path: Path) -> None:
    collections = make(max_open_collections=2)
    for folder in ("first", "second", "third", "first"):
        usn(collections, folder)
    begin(collections, LAPTOP, "busy")
    collections.tidy()
    assert open_files(tmp_path) == {"first", "third", "busy"}


def test_tidying_beyond_the_limit_never_ends_a_sync_that_has_just_begun(make: Make) -> None:
    collections = make(max_open_collections=1)
    # Many users, so that it takes a while to close all that were found idle.
    users_of_thread = [[f"user{thread}-{number}" for number in range(10)] for thread in range(3)]
    ended = threading.Event()

    def sync_again_and_again(folders: list[str]) -> None:
        for _ in range(15):
            for folder in folders:
                begin(collections, LAPTOP, folder)
                ended.wait(0.001)
                finish(collections, LAPTOP, folder)

    def tidy_all_the_time() -> None:
        while not ended.is_set():
            collections.tidy()

    with ThreadPoolExecutor() as executor:
        tidying = executor.submit(tidy_all_the_time)
        syncing = [executor.submit(sync_again_and_again, folders) for folders in users_of_thread]
        try:
            for future in syncing:
                future.result(PATIENCE * 3)
        finally:
            ended.set()
        tidying.result(PATIENCE)


def test_tidying_tells_how_many_it_closed(make: Make) -> None:
    collections = make(max_open_collections=1)
    for folder in ("first", "second", "third"):
        usn(collections, folder)
    assert collections.tidy() == 2
    assert collections.tidy() == 0


def test_closing_rolls_back_and_closes_everything(make: Make, tmp_path: Path) -> None:
    collections = make()
    usn(collections, "idle")
    begin(collections, LAPTOP, "syncing")
    collections.close(wait_seconds=0)
    assert open_files(tmp_path) == set()
    assert usn(make(), "syncing") == 0


def test_closing_waits_for_a_request_in_progress(
    make: Make, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    collections = make()
    with collections.lease("user") as lease:
        closing = background.submit(collections.close, PATIENCE)
        assert waits(closing)
        lease.collection.begin()
        lease.collection.execute("update col set usn = 5")
        lease.collection.commit()
    closing.result(PATIENCE)
    assert open_files(tmp_path) == set()
    assert usn(make()) == 5


# Files


def test_removing_a_person_takes_everything_over_and_leaves_nothing(
    make: Make, tmp_path: Path
) -> None:
    collections = make(sync_wait=0)
    begin(collections, LAPTOP)
    collections.remove("user")
    assert list((tmp_path / "users").iterdir()) == []
    with pytest.raises(SyncConflict), collections.resume("user", LAPTOP):
        pytest.fail("the collection is gone")
    assert usn(collections) == 0, "another one of that name starts anew"


def test_removing_waits_for_a_request_in_progress(
    make: Make, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    collections = make()
    with collections.lease("user") as lease:
        removing = background.submit(collections.remove, "user")
        assert waits(removing)
        assert lease.collection.scalar("select count() from notes") == 0
    removing.result(PATIENCE)
    assert list((tmp_path / "users").iterdir()) == []


def test_a_collection_that_cannot_be_opened_stays_free_for_the_next(
    make: Make, tmp_path: Path
) -> None:
    earlier = make()
    usn(earlier)
    earlier.close(wait_seconds=0)
    collections = make(sync_wait=0)
    stored = tmp_path / "users" / "user" / "collection.anki2"
    sound = stored.read_bytes()
    stored.write_bytes(b"damage" * 1000)
    for _ in range(2):
        with pytest.raises(CollectionDamaged):
            collections.committed("user")
    stored.write_bytes(sound)
    assert collections.committed("user").usn == 0
