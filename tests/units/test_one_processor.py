"""Quick requests share a processor; what takes long has all of them."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from webob import Request, Response

from syncserver import one_processor
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.request_body import body_source
from syncserver.wsgi.request_chain import RequestChain, RequestContext


@pytest.fixture(autouse=True)
def processors() -> Iterator[set[int]]:
    """Give back what the test's own thread may use, and what was chosen."""
    mine = os.sched_getaffinity(0)
    yield mine
    os.sched_setaffinity(0, mine)
    one_processor._processors.__init__()
    vars(one_processor._of_this_thread).clear()


def in_a_thread(*steps: Callable[[], None]) -> list[set[int]]:
    """Return where a new thread may run after each step."""
    seen: list[set[int]] = []

    def run() -> None:
        for step in steps:
            step()
            seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return seen


def choose_among(
    there: set[int], monkeypatch: pytest.MonkeyPatch, *, about: Path = Path("/nowhere")
) -> None:
    """Choose on a machine with these processors, of which `about` tells how fast they are."""
    with monkeypatch.context() as machine:
        machine.setattr(os, "sched_getaffinity", lambda _thread: there)
        machine.setattr(one_processor, "ABOUT_PROCESSORS", about)
        one_processor.choose()


def test_threads_that_share_are_on_the_same_one(processors: set[int]) -> None:
    if len(processors) == 1:
        pytest.skip("this machine has one processor")
    one_processor.choose()
    (first,), (second,) = in_a_thread(one_processor.share), in_a_thread(one_processor.share)
    assert first == second
    assert len(first) == 1
    assert first < processors
    assert os.sched_getaffinity(0) == processors, "nobody else is moved"


def test_a_thread_goes_back_and_forth(processors: set[int]) -> None:
    one_processor.choose()
    share, spread = one_processor.share, one_processor.spread
    shared, anywhere, again, still = in_a_thread(share, spread, share, share)
    assert anywhere == processors
    assert shared == again == still


def test_a_thread_that_another_one_has_made_is_moved_too(processors: set[int]) -> None:
    one_processor.choose()
    seen = []
    in_a_thread(one_processor.share, lambda: seen.extend(in_a_thread(one_processor.spread)))
    assert seen == [processors], "it began where the other one was"


def test_without_a_choice_threads_stay_where_they_are(processors: set[int]) -> None:
    assert in_a_thread(one_processor.share, one_processor.spread) == [processors] * 2


def test_one_processor_is_no_choice(processors: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    choose_among({0}, monkeypatch)
    assert in_a_thread(one_processor.share) == [processors]


def test_processors_that_are_taken_away_cost_nobody_an_answer(
    processors: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_among({1000, 1001}, monkeypatch)
    assert in_a_thread(one_processor.share, one_processor.spread) == [processors] * 2


def test_the_first_processor_is_left_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(20):
        choose_among({0, 1, 2}, monkeypatch)
        assert one_processor._processors.shared < {1, 2}


@pytest.mark.parametrize("said_in", ["cpu_capacity", "cpufreq/cpuinfo_max_freq"])
def test_one_that_saves_power_is_not_chosen(
    said_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for processor, speed in enumerate((400, 400, 1024, 1024, 400)):
        path = tmp_path / f"cpu{processor}" / said_in
        path.parent.mkdir(parents=True)
        path.write_text(f"{speed}\n")
    chosen_ones = set()
    for _ in range(40):
        choose_among({0, 1, 2, 3, 4}, monkeypatch, about=tmp_path)
        chosen_ones |= one_processor._processors.shared
    assert chosen_ones == {2, 3}


class Watching:
    """An app that notes where its thread may run before and after it reads the body."""

    def __init__(self, *quick_paths: str) -> None:
        self.before: set[int] = set()
        self.after: set[int] = set()
        self._chain = RequestChain(self._view, TrustedProxies(()), None, quick_paths)

    def _view(self, request: Request, context: RequestContext) -> Response:
        self.before = os.sched_getaffinity(0)
        source = body_source(request, context)
        while source.read(4):
            pass
        self.after = os.sched_getaffinity(0)
        return Response()

    def answer(self, request: Request) -> None:
        in_a_thread(lambda: list(self._chain(request.environ, lambda *_: None)) and None)


def chosen(processors: set[int]) -> set[int]:
    if len(processors) == 1:
        pytest.skip("this machine has one processor")
    one_processor.choose()
    return set(one_processor._processors.shared)


def test_quick_requests_share_to_their_end(processors: set[int]) -> None:
    shared, app = chosen(processors), Watching("/quick")
    app.answer(Request.blank("/quick", body=b"ten bytes."))
    assert app.before == app.after == shared


def test_what_takes_long_shares_until_its_body_has_been_read(processors: set[int]) -> None:
    shared, app = chosen(processors), Watching("/quick")
    app.answer(Request.blank("/long", body=b"ten bytes."))
    assert (app.before, app.after) == (shared, processors)


def test_a_body_of_unknown_length_is_a_body(processors: set[int]) -> None:
    shared, app = chosen(processors), Watching()
    app.answer(Request.blank("/long", headers={"Transfer-Encoding": "chunked"}))
    assert app.before == shared


def test_without_a_body_there_is_nothing_to_wait_for(processors: set[int]) -> None:
    chosen(processors)
    app = Watching()
    app.answer(Request.blank("/long"))
    assert app.before == app.after == processors


def test_parts_of_a_streamed_answer_are_made_where_there_is_room(processors: set[int]) -> None:
    shared = chosen(processors)
    made_on: list[set[int]] = []

    def parts() -> Iterator[bytes]:
        made_on.append(os.sched_getaffinity(0))
        yield b"part"

    chain = RequestChain(
        lambda _request, _context: Response(app_iter=parts()), TrustedProxies(()), None, ("/quick",)
    )
    answer = chain(Request.blank("/quick").environ, lambda *_: None)
    before, after = in_a_thread(one_processor.share, lambda: list(answer) and None)
    assert made_on == [processors] == [after]
    assert before == shared
