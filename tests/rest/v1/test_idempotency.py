"""Idempotency-Key: what is sent again because its answer was lost is done once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from syncserver.accounts.scopes import Scope
from tests.rest.conftest import NewProgram
from tests.rest.v1.conftest import V1
from tests.support.our_server import OurServer
from tests.support.rest_client import RestReply

KEY = {"Idempotency-Key": "c5f2-1"}


def note(front: str) -> dict[str, Any]:
    fields = {"Front": front}
    return {"notetype": "Basic", "fields": fields, "allow_duplicate": True}


def test_a_request_that_is_sent_again_is_done_once(v1: V1) -> None:
    first = v1.call("POST", "notes", note("x"), KEY)
    again = v1.call("POST", "notes", note("x"), KEY)

    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(v1.get("notes")["items"]) == 1


def test_another_request_with_the_same_key_is_refused(v1: V1) -> None:
    v1.call("POST", "notes", note("x"), KEY)

    assert v1.call("POST", "notes", note("y"), KEY).status == 422
    assert v1.call("POST", "decks", {"name": "x"}, KEY).status == 422
    assert len(v1.get("notes")["items"]) == 1


def test_keys_of_different_users_do_not_meet(
    v1: V1, ours: OurServer, new_program: NewProgram
) -> None:
    other = V1(new_program(Scope.WRITE, of=ours.new_account()))

    ids = {one.call("POST", "notes", note("x"), KEY).json["id"] for one in (v1, other)}

    assert len(ids) == 2


def test_what_was_refused_may_be_tried_again(v1: V1) -> None:
    body = {**note("x"), "deck": "Later"}
    assert v1.call("POST", "notes", body, KEY).status == 422
    v1.post("decks", {"name": "Later"})

    assert v1.call("POST", "notes", body, KEY).status == 201


def test_requests_at_once_with_one_key_are_done_once(v1: V1) -> None:
    def send(_number: int) -> RestReply:
        return v1.call("POST", "notes", note("x"), KEY)

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(send, range(16)))

    assert {reply.status for reply in replies} <= {201, 409}
    assert {reply.problem for reply in replies if reply.status == 409} <= {"same-key-in-progress"}
    assert len(v1.get("notes")["items"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "two words"])
def test_a_key_must_be_one(v1: V1, key: str) -> None:
    assert v1.call("POST", "notes", note("x"), {"Idempotency-Key": key}).status == 422
