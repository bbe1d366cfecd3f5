"""Notes: search, pages, versions, duplicates, and what becomes of them on devices."""

import pytest

from syncserver.accounts.scopes import Scope
from tests.conftest import AllSidesAgree
from tests.rest.conftest import NewProgram
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import Device

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">'


def test_a_note_that_is_added_is_on_every_device(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = v1.add_note("ein Wort", "a word", tags=["german", "new"])

    only_small_syncs(laptop, phone)

    assert phone.fields(note["id"]) == ["ein Wort", "a word"]
    assert phone.col.get_note(note["id"]).tags == ["german", "new"]
    assert phone.cards_of(note["id"]) == note["card_ids"]
    all_sides_agree(laptop, phone)


def test_the_answer_to_an_addition_says_where_the_note_is(v1: V1) -> None:
    body = {"notetype": "Basic", "fields": {"Front": "x"}}
    reply = v1.call("POST", "notes", body)

    assert reply.status == 201
    shown = v1.client.call("GET", reply.headers["location"])
    assert shown.json == reply.json
    assert shown.headers["etag"] == reply.headers["etag"] == f'"{reply.json["version"]}"'


def test_a_note_goes_to_the_deck_that_is_named(v1: V1, laptop: Device) -> None:
    deck = v1.post("decks", {"name": "German::Words"})
    by_id = v1.add_note("1", deck=deck["id"])
    by_name = v1.add_note("2", deck="German::Words")

    only_small_syncs(laptop)

    for note in (by_id, by_name):
        assert laptop.col.get_card(note["card_ids"][0]).did == deck["id"]


@pytest.mark.parametrize(
    "members",
    [
        {"notetype": "No such"},
        {"notetype": 12345},
        {"deck": "No such"},
        {"fields": {"Front": "x", "Nonsense": "y"}},
        {"fields": {"Front": ""}},
        {"fields": {"Front": 5}},
        {"tags": ["two words"]},
        {"nonsense": 1},
    ],
)
def test_a_note_that_cannot_be_added_is_refused_whole(v1: V1, members: dict[str, object]) -> None:
    body = {"notetype": "Basic", "fields": {"Front": "x"}, **members}

    assert v1.problem("POST", "notes", body) == "invalid"
    assert v1.get("notes")["items"] == []


def test_a_duplicate_is_refused_unless_it_is_wanted(v1: V1) -> None:
    first = v1.add_note("the same")
    body = {"notetype": "Basic", "fields": {"Front": "the same"}}

    reply = v1.call("POST", "notes", body)

    assert (reply.status, reply.problem) == (409, "duplicate")
    assert reply.json["duplicate_ids"] == [first["id"]]
    assert v1.add_note("the same", allow_duplicate=True)["id"] != first["id"]


def test_a_check_tells_what_would_become_of_notes(v1: V1) -> None:
    first = v1.add_note("known")
    fronts = ["known", "", "unknown"]
    notes = [{"notetype": "Basic", "fields": {"Front": front}} for front in fronts]
    notes.append({"notetype": "Cloze", "fields": {"Text": "no cloze"}})

    assert v1.post("notes:check", {"notes": notes}) == [
        {"verdict": "duplicate", "duplicate_ids": [first["id"]]},
        {"verdict": "empty", "duplicate_ids": []},
        {"verdict": "normal", "duplicate_ids": []},
        {"verdict": "missing-cloze", "duplicate_ids": []},
    ]


def test_a_change_leaves_alone_what_it_does_not_name(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = v1.add_note("front", "back", tags=["old"])
    only_small_syncs(laptop, phone)

    v1.patch(f"notes/{note['id']}", {"fields": {"Back": "new back"}})
    v1.patch(f"notes/{note['id']}", {"tags": ["new"]})

    only_small_syncs(phone, laptop)
    assert phone.fields(note["id"]) == laptop.fields(note["id"]) == ["front", "new back"]
    assert phone.col.get_note(note["id"]).tags == ["new"]
    all_sides_agree(laptop, phone)


def test_a_change_of_what_somebody_else_has_changed_is_refused(v1: V1, laptop: Device) -> None:
    note = v1.add_note("mine")
    only_small_syncs(laptop)
    laptop.edit_note(note["id"], "the laptop's")
    only_small_syncs(laptop)
    path, old = f"notes/{note['id']}", {"If-Match": f'"{note["version"]}"'}

    refused = v1.call("PATCH", path, {"fields": {"Front": "lost"}}, old)
    kept = v1.call("DELETE", path, headers=old)

    assert (refused.status, refused.problem) == (412, "changed")
    assert kept.status == 412
    shown = v1.call("GET", path)
    assert shown.json["fields"]["Front"] == "the laptop's"
    new = {"If-Match": f'"other", {shown.headers["etag"]}'}
    assert v1.call("PATCH", path, {"fields": {"Front": "merged"}}, new).status == 200
    assert v1.call("PATCH", path, {"tags": ["a"]}, new).status == 412
    assert v1.call("PATCH", path, {"tags": ["a"]}, {"If-Match": "*"}).status == 200
    assert v1.call("PATCH", path, {"tags": ["a"]}, {"If-Match": "nonsense"}).status == 422


def test_a_note_that_is_deleted_is_gone_everywhere(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    [first, *others] = v1.get("notes")["items"]
    v1.delete(f"notes/{first['id']}")

    only_small_syncs(laptop, phone)

    assert not phone.has_note(first["id"])
    assert all(phone.has_note(other["id"]) for other in others)
    assert v1.problem("GET", f"notes/{first['id']}") == "not-found"
    assert v1.problem("DELETE", f"notes/{first['id']}") == "not-found"
    all_sides_agree(laptop, phone)


def test_pages_show_every_note_once_also_while_notes_come_and_go(v1: V1) -> None:
    ids = [v1.add_note(f"note {number:02}")["id"] for number in range(10)]
    page = v1.get("notes", limit=4, order="id")
    assert [note["id"] for note in page["items"]] == ids[:4]

    v1.delete(f"notes/{ids[0]}")
    second = v1.get("notes", limit=4, order="id", cursor=page["next"])
    third = v1.get("notes", limit=4, order="id", cursor=second["next"])

    assert [note["id"] for note in second["items"] + third["items"]] == ids[4:]
    assert third["next"] is None


@pytest.mark.parametrize(
    ("order", "fronts"),
    [
        ("id", ["b", "C", "a"]),
        ("-id", ["a", "C", "b"]),
        ("sort-field", ["a", "b", "C"]),
        ("-sort-field", ["C", "b", "a"]),
    ],
)
def test_notes_come_in_the_order_that_is_asked_for(v1: V1, order: str, fronts: list[str]) -> None:
    for front in ("b", "C", "a"):
        v1.add_note(front)

    assert [note["fields"]["Front"] for note in v1.all_items("notes", order=order, limit=2)] == (
        fronts
    )


def test_a_search_is_in_the_language_of_the_browser(v1: V1) -> None:
    v1.add_note("red", tags=["colour"])
    v1.add_note("cat")

    [found] = v1.get("notes", q="tag:colour red")["items"]

    assert found["fields"]["Front"] == "red"
    assert v1.problem("GET", "notes?q=%28broken") == "invalid"
    assert v1.problem("GET", "notes?cursor=nonsense") == "invalid"
    assert v1.problem("GET", "notes?order=n.id%3Bdrop%20table") == "invalid"
    assert v1.problem("GET", "notes?limit=0") == "invalid"


def test_hostile_html_comes_back_as_data(v1: V1, laptop: Device) -> None:
    note = v1.add_note(HOSTILE, tags=[])
    only_small_syncs(laptop)

    reply = v1.call("GET", f"notes/{note['id']}")

    assert reply.json["fields"]["Front"] == HOSTILE
    assert laptop.fields(note["id"])[0] == HOSTILE
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_text_of_every_kind_survives_the_way_to_a_device_and_back(v1: V1, laptop: Device) -> None:
    text = "ß 語 🙂 & < > \" ' \\ \u200f עברית\nnew line"
    note = v1.add_note(text)
    only_small_syncs(laptop)

    assert laptop.fields(note["id"])[0] == text
    assert v1.get(f"notes/{note['id']}")["fields"]["Front"] == text


def test_half_a_character_is_refused(v1: V1) -> None:
    body = b'{"notetype": "Basic", "fields": {"Front": "\\ud800"}}'

    assert v1.problem("POST", "notes", body) == "invalid"
    assert v1.add_note("\U0001f642")["fields"]["Front"] == "\U0001f642"


def test_scopes_say_who_may_add_and_who_may_change(v1: V1, new_program: NewProgram) -> None:
    note = v1.add_note("x")
    reader, adder = V1(new_program(Scope.READ)), V1(new_program(Scope.ADD))

    assert reader.get(f"notes/{note['id']}") == note
    assert reader.problem("POST", "notes", {}) == "scope-too-narrow"
    assert adder.add_note("y")["fields"]["Front"] == "y"
    assert adder.problem("PATCH", f"notes/{note['id']}", {}) == "scope-too-narrow"
    assert adder.problem("DELETE", f"notes/{note['id']}") == "scope-too-narrow"
