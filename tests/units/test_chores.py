"""What is done in the background: one chore that fails keeps no other one from being done."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncserver import chores
from syncserver.chores import Chores, do_for_each
from syncserver.services import Services
from syncserver.settings import Settings
from syncserver.sync_record import Kind, Outcome, Tally, Who, just_ended

PATIENCE = 30.0


def fail() -> None:
    raise OSError("the disk is odd")


def test_what_comes_after_a_failure_is_done() -> None:
    done: list[str] = []
    Chores(lambda: done.append("first"), fail, lambda: done.append("last")).do()
    assert done == ["first", "last"]


@pytest.mark.parametrize(("rest", "tried"), [(chores.REST_SECONDS, 1), (0.0, 2)])
def test_what_has_failed_rests_before_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, rest: float, tried: int
) -> None:
    monkeypatch.setattr(chores, "REST_SECONDS", rest)
    tries: list[int] = []

    def fail_and_count() -> None:
        tries.append(len(tries))
        fail()

    some = Chores(fail_and_count)
    some.do()
    some.do()
    assert len(tries) == tried


def test_each_item_has_its_turn_and_the_first_failure_is_told() -> None:
    seen: list[int] = []

    def look_at(number: int) -> None:
        seen.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match="1"):
        do_for_each([1, 2, 3], look_at)
    assert seen == [1, 2, 3]


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(chores, "REST_SECONDS", 0.5)
    services = Services(Settings(data_root=tmp_path, password_hash_memory=2**20))
    services.start()
    yield services
    services.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_folder_that_cannot_be_removed_holds_nobody_up_and_goes_when_it_can(
    services: Services,
) -> None:
    folders = services.settings.users_folder
    stuck, gone = (services.users.add(name, "secret") for name in ("anna", "bert"))
    stays = services.users.add("carla", "secret")
    for user in (stuck, gone, stays):
        (folders / user.folder).mkdir()
    # A file has the name under which the folder would be removed.
    obstacle = folders / f".{stuck.folder}.removed"
    obstacle.touch()
    who = Who(stays.id, 1, "26.09")
    services.journal.note(just_ended(who, Kind.SYNC, Outcome.FINISHED, time.monotonic(), Tally()))
    for user in (stuck, gone):
        services.users.delete(user.name, purge=True)

    wait_until(lambda: not (folders / gone.folder).exists())
    wait_until(lambda: len(services.journal.of_user(stays, 10)) == 1)
    assert (folders / stuck.folder).exists()
    obstacle.unlink()
    wait_until(lambda: not services.users.pending_purges())
    assert not (folders / stuck.folder).exists()
