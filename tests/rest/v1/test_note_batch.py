"""Batches: thousands of notes in one request, with a result for each."""

from typing import Any

from syncserver.accounts.scopes import Scope
from tests.conftest import AllSidesAgree
from tests.rest.conftest import NewProgram
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import Device


def addition(front: str, **members: object) -> dict[str, Any]:
    return {"do": "add", "notetype": "Basic", "fields": {"Front": front}, **members}


def statuses(answer: Any) -> list[str]:
    return [result["status"] for result in answer["results"]]


def test_thousands_of_notes_reach_the_devices(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    answer = v1.post("notes:batch", {"entries": [addition(f"n {i}") for i in range(3000)]})

    assert answer["refused"] == 0
    only_small_syncs(laptop, phone)
    for number in (0, 1500, 2999):
        assert phone.fields(answer["results"][number]["id"])[0] == f"n {number}"
    assert phone.col.note_count() == 3003
    all_sides_agree(laptop, phone)


def test_each_entry_has_its_own_result(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    one, two, three = v1.get("notes")["items"]
    answer = v1.post(
        "notes:batch",
        {
            "entries": [
                addition("new"),
                addition("new"),
                addition("<b>new</b>"),
                addition("new", allow_duplicate=True),
                addition(""),
                {"do": "change", "id": one["id"], "fields": {"Back": "changed"}},
                {"do": "change", "id": two["id"], "version": "old", "tags": ["lost"]},
                {"do": "remove", "id": three["id"], "version": three["version"]},
                {"do": "remove", "id": 12345},
                addition("last", deck="No such"),
            ]
        },
    )

    assert statuses(answer) == [
        *("added", "refused", "refused", "added", "refused"),
        *("changed", "refused", "removed", "refused", "refused"),
    ]
    problems = [one["problem"]["status"] for one in answer["results"] if one["problem"]]
    assert problems == [409, 409, 422, 412, 404, 422]
    assert answer["refused"] == 6
    only_small_syncs(laptop, phone)
    assert phone.fields(one["id"])[1] == "changed"
    assert not phone.has_note(three["id"])
    assert sorted(phone.fields(note)[0] for note in phone.col.find_notes("new")) == ["new", "new"]
    all_sides_agree(laptop, phone)


def test_an_atomic_batch_is_done_whole_or_not_at_all(v1: V1, laptop: Device) -> None:
    before = v1.get("notes")
    entries = [addition("good"), addition("one"), addition("better")]

    answer = v1.post("notes:batch", {"entries": entries, "atomic": True})

    assert statuses(answer) == ["undone", "refused", "undone"]
    assert v1.get("notes") == before
    good = v1.post("notes:batch", {"entries": entries[::2], "atomic": True})
    assert statuses(good) == ["added", "added"]


def test_a_batch_is_undone_in_one_step(v1: V1) -> None:
    first = v1.add_note("first")
    v1.post(
        "notes:batch",
        {
            "entries": [
                *(addition(f"n {i}") for i in range(40)),
                {"do": "change", "id": first["id"], "tags": ["x"]},
                *(addition(f"m {i}") for i in range(3)),
                {"do": "change", "id": first["id"], "fields": {"Front": "other"}},
            ]
        },
    )
    v1.post("study/undo")

    assert v1.get("notes")["items"] == [first]


def test_a_batch_that_changes_nothing_gives_devices_nothing_to_do(v1: V1, laptop: Device) -> None:
    only_small_syncs(laptop)
    before = laptop.db.first("select mod, usn from col")

    answer = v1.post("notes:batch", {"entries": [addition("one"), addition("two")]})
    v1.post("notes:batch", {"entries": []})

    assert statuses(answer) == ["refused", "refused"]
    only_small_syncs(laptop)
    assert laptop.db.first("select mod, usn from col") == before


def test_a_token_that_may_add_may_not_change_in_a_batch(v1: V1, new_program: NewProgram) -> None:
    note = v1.add_note("x")
    adder = V1(new_program(Scope.ADD))

    assert statuses(adder.post("notes:batch", {"entries": [addition("y")]})) == ["added"]
    entries = [addition("z"), {"do": "remove", "id": note["id"]}]
    assert adder.problem("POST", "notes:batch", {"entries": entries}) == "scope-too-narrow"
    assert v1.get("notes", q="z")["items"] == []
