"""The arithmetic of the limits."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncserver.errors import TooManyAtOnce
from syncserver.limits.admission import Admission
from syncserver.limits.places import Places
from syncserver.limits.rate import KEYS_BEFORE_CLEANING, Rate
from syncserver.settings import Settings

# A first sync of this many media files, in uploads of 25 files, which is the most requests that a
# client ever sends in a row.
FILES = 50_000


def test_a_burst_up_to_the_limit_is_let_through_and_no_more() -> None:
    rate = Rate(10, 60)
    assert [rate.use("anna", 1000.0) for _ in range(10)] == [0.0] * 10
    assert rate.use("anna", 1000.0) == pytest.approx(6)


def test_waiting_for_as_long_as_it_said_is_enough() -> None:
    rate = Rate(10, 60)
    now = 0.0
    for _ in range(100):
        wait = rate.use("anna", now)
        if wait:
            now += wait + 1e-6
            assert rate.use("anna", now) == 0


def test_no_two_windows_in_a_row_hold_more_than_twice_the_limit() -> None:
    rate, randomness = Rate(10, 60), random.Random(1)
    times = sorted(randomness.uniform(0, 600) for _ in range(1000))
    let_in = [at for at in times if not rate.use("anna", at)]
    for start in let_in:
        assert sum(start <= at < start + 60 for at in let_in) <= 20


def test_what_was_refused_does_not_count() -> None:
    rate = Rate(1, 60)
    rate.use("anna", 0.0)
    for second in range(1, 60):
        assert rate.use("anna", float(second))
    assert rate.use("anna", 60.1) == 0


def test_keys_do_not_concern_each_other() -> None:
    rate = Rate(1, 60)
    assert [rate.use(name, 0.0) for name in ("anna", "ben")] == [0.0, 0.0]


def test_zero_is_no_limit() -> None:
    rate = Rate(0, 60)
    assert not any(rate.use("anna", 0.0) for _ in range(10_000))


def test_the_memory_is_bounded_by_those_who_asked_lately() -> None:
    rate = Rate(10, 60)
    for number in range(3 * KEYS_BEFORE_CLEANING):
        rate.use(number, number * 1.0)
    assert len(rate._made_good_at) <= KEYS_BEFORE_CLEANING + 1


def test_the_default_lets_a_first_media_sync_and_a_script_through(tmp_path: Path) -> None:
    settings = Settings(data_root=tmp_path)
    rate = Rate(settings.requests_per_user, settings.request_window)
    # All at once, uploaded and downloaded, and a program that adds a note each hundredth second.
    assert not any(rate.use("anna", 0.0) for _ in range(2 * FILES // 25))
    assert not any(rate.use("anna", number / 100) for number in range(100_000))


def test_places_are_given_back_and_never_more_than_there_are() -> None:
    places, most = Places(3), 0
    inside = 0
    lock = threading.Lock()

    def visit(_number: int) -> None:
        nonlocal inside, most
        if places.take("anna"):
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            places.give_back("anna")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(visit, range(2000)))
    assert 1 <= most <= 3
    assert [places.take("anna") for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(("threads", "most"), [(256, 224), (16, 14), (4, 3)])
def test_some_threads_are_left_for_those_who_are_turned_away(
    threads: int, most: int, tmp_path: Path
) -> None:
    admission = Admission(Settings(data_root=tmp_path))
    admission.fit_to(threads)
    visits = [admission.enter() for _ in range(most)]
    with pytest.raises(TooManyAtOnce):
        admission.enter()
    visits[0].leave()
    admission.enter()


def test_an_option_says_how_many_whatever_the_threads(tmp_path: Path) -> None:
    admission = Admission(Settings(data_root=tmp_path, max_requests=2))
    admission.fit_to(256)
    admission.enter()
    admission.enter()
    with pytest.raises(TooManyAtOnce):
        admission.enter()


def test_who_becomes_known_gives_the_place_of_the_address_back(tmp_path: Path) -> None:
    admission = Admission(Settings(data_root=tmp_path, max_requests_per_address=1))
    for user_id in range(5):
        visit = admission.enter()
        visit.reads_body("192.0.2.1")
        visit.is_of(user_id)
        visit.reads_body("192.0.2.1")
    admission.enter().reads_body("192.0.2.1")
    with pytest.raises(TooManyAtOnce):
        admission.enter().reads_body("192.0.2.1")


def test_leaving_twice_gives_back_once(tmp_path: Path) -> None:
    admission = Admission(Settings(data_root=tmp_path, max_requests_per_user=1))
    visit, other = admission.enter(), admission.enter()
    visit.is_of(7)
    visit.leave()
    visit.leave()
    other.is_of(7)
    with pytest.raises(TooManyAtOnce):
        admission.enter().is_of(7)
