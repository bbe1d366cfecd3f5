"""Small rules of /api/v1/: pages, references to media, remembered answers, jobs, the page."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from webob import Response

from syncserver import jobs as jobs_module
from syncserver.jobs import Job, Jobs, TooManyJobs
from syncserver.rest import idempotency
from syncserver.rest.idempotency import RememberedAnswers
from syncserver.rest.openapi import openapi_document
from syncserver.rest.openapi_page import page_of
from syncserver.rest.problems import Invalid, SameKeyInProgress
from syncserver.rest.v1.media_references import names_in
from syncserver.rest.v1.pages import PageQuery, encoded, page_of_ids

PATIENCE = 10.0


def query(cursor: str | None = "", limit: int = 2) -> PageQuery:
    return PageQuery(cursor=cursor or "", limit=limit)


def test_pages_go_on_behind_the_last_item_wherever_it_stands_now() -> None:
    first = page_of_ids([1, 2, 3, 4, 5], query())

    assert (list(first.ids), first.next is None) == ([1, 2], False)
    assert list(page_of_ids([1, 2, 3, 4, 5], query(first.next)).ids) == [3, 4]
    assert list(page_of_ids([2, 3, 4, 5], query(first.next)).ids) == [3, 4]
    assert list(page_of_ids([0, 1, 2, 3], query(first.next)).ids) == [3]
    # The last item itself is gone: the place where it stood is the best that is known.
    assert list(page_of_ids([1, 3, 4, 5], query(first.next)).ids) == [4, 5]
    assert list(page_of_ids([], query(first.next)).ids) == []


@pytest.mark.parametrize("cursor", ["?", "abc", encoded("1"), encoded("1:x"), encoded("-1:5"), "é"])
def test_other_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        page_of_ids([1, 2], query(cursor))


@pytest.mark.parametrize(
    ("html", "names"),
    [
        ("[sound:a b.mp3] [sound:c.ogg]", ["a b.mp3", "c.ogg"]),
        ('<img class="x" src="a.png">', ["a.png"]),
        ("<IMG SRC='it&#39;s.png'>", ["it's.png"]),
        ("<img src=plain.png>", ["plain.png"]),
        ('<img src="with%20space.png">', ["with space.png"]),
        ('<object data="a.svg"></object><video src="v.webm">', ["a.svg", "v.webm"]),
        ('<img src="e\u0301.png">', ["\u00e9.png"]),
        ('<img src="https://example.org/a.png"><img src="//x/y.png"><img src="data:,x">', []),
        ("<script>src='x.js'</script> src=\"y.png\"", []),
    ],
)
def test_names_of_media_are_found_in_notes(html: str, names: list[str]) -> None:
    assert list(names_in(html)) == names


def answer(text: str = "done") -> Response:
    return Response(text=text, content_type="text/plain", charset="utf-8")


def test_a_failed_request_is_not_remembered() -> None:
    answers = RememberedAnswers()

    def fail() -> Response:
        raise Invalid("no")

    with pytest.raises(Invalid):
        answers.once(("u", "k"), "f", fail)
    assert answers.once(("u", "k"), "other", answer).text == "done"


def test_a_request_in_progress_is_not_begun_again() -> None:
    answers = RememberedAnswers()

    def work() -> Response:
        with pytest.raises(SameKeyInProgress):
            answers.once(("u", "k"), "f", answer)
        return answer()

    assert answers.once(("u", "k"), "f", work).text == "done"


def test_the_oldest_answers_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MOST_BYTES", 10_000)
    answers = RememberedAnswers()
    for number in range(20):
        answers.once(("u", str(number)), "f", lambda: answer("x" * 1000))

    newest = answers.once(("u", "19"), "f", lambda: answer("again"))
    oldest = answers.once(("u", "0"), "f", lambda: answer("again"))

    assert (newest.text, oldest.text) == ("x" * 1000, "again")


def started(jobs: Jobs, work: Callable[[Job], None], owner: str = "user") -> Job:
    return jobs.start(owner, "export", ExitStack(), work)


def wait_for(*all_jobs: Job) -> None:
    done = threading.Event()
    for _ in range(1000):
        if all(job.finished for job in all_jobs):
            return
        done.wait(PATIENCE / 1000)
    raise AssertionError([job.state for job in all_jobs])


def test_one_job_of_a_user_runs_at_a_time_and_those_of_others_meanwhile() -> None:
    jobs, gate, order = Jobs(), threading.Event(), []
    first = started(jobs, lambda _job: (gate.wait(PATIENCE), order.append("first"))[1])
    second = started(jobs, lambda _job: order.append("second"))
    other = started(jobs, lambda _job: order.append("other"), "other")

    wait_for(other)
    assert order == ["other"]
    gate.set()
    wait_for(first, second)

    assert order == ["other", "first", "second"]


def test_a_user_has_only_so_many_unfinished_jobs() -> None:
    jobs, gate = Jobs(), threading.Event()

    def wait(_job: Job) -> None:
        gate.wait(PATIENCE)

    begun = [started(jobs, wait) for _ in range(jobs_module.MOST_UNFINISHED_OF_A_USER)]

    with pytest.raises(TooManyJobs):
        started(jobs, wait)
    assert not jobs.remove(begun[0])
    gate.set()
    wait_for(*begun)
    wait_for(started(jobs, wait))


def test_finished_jobs_go_with_their_files_when_they_are_too_old_or_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, removed = Jobs(), []

    def finish(number: int) -> None:
        left_behind = ExitStack()
        left_behind.callback(removed.append, number)
        wait_for(jobs.start("user", "export", left_behind, lambda _job: None))

    for number in range(jobs_module.MOST_KEPT_OF_A_USER + 2):
        finish(number)
    jobs.tidy()
    assert removed == [0, 1]

    monkeypatch.setattr(jobs_module, "KEPT_SECONDS", -1.0)
    jobs.tidy()
    assert jobs.all_of("user") == []


def test_a_job_that_fails_keeps_the_reason() -> None:
    def fail(_job: Job) -> None:
        raise Invalid("no")

    job = started(Jobs(), fail)
    wait_for(job)

    assert (job.state, str(job.failure)) == ("failed", "no")


def test_the_page_escapes_whatever_the_document_says() -> None:
    document: dict[str, Any] = openapi_document([], "/api")
    hostile = "<script>alert(1)</script>"
    document["info"]["description"] = hostile
    document["components"]["schemas"]["X"] = {
        "description": hostile,
        "properties": {hostile: {"enum": [hostile]}, "y": {"const": hostile}},
    }

    assert "<script" not in page_of(document)
