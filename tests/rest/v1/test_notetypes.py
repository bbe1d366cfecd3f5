"""Notetypes: what can be changed with a small sync, and what needs a full one."""

from typing import Any

import pytest

from tests.conftest import AllSidesAgree
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import FULL_DOWNLOAD, FULL_SYNC, Device

NEW = {
    "name": "Word",
    "fields": ["Word", "Meaning"],
    "templates": [{"name": "Recall", "question": "{{Word}}", "answer": "{{Meaning}}"}],
}


def basic(v1: V1) -> Any:
    return next(one for one in v1.get("notetypes") if one["name"] == "Basic")


def test_notetypes_are_listed_with_fields_templates_and_uses(v1: V1, laptop: Device) -> None:
    summary = basic(v1)

    assert summary["notes"] == 3
    assert (summary["fields"], summary["templates"]) == (["Front", "Back"], ["Card 1"])
    shown = v1.get(f"notetypes/{summary['id']}")
    assert shown["templates"][0]["question"] == "{{Front}}"
    assert [field["name"] for field in shown["fields"]] == ["Front", "Back"]
    assert shown["css"] == laptop.notetype("Basic")["css"]
    assert v1.problem("GET", "notetypes/12345") == "not-found"
    kinds = {one["name"]: one["kind"] for one in v1.get("notetypes")}
    assert (kinds["Basic"], kinds["Cloze"]) == ("standard", "cloze")


def test_a_new_notetype_needs_no_full_sync(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    made = v1.post("notetypes", {**NEW, "css": ".card { color: red }"})
    note = v1.post("notes", {"notetype": made["id"], "fields": {"Word": "a", "Meaning": "b"}})

    only_small_syncs(laptop, phone)

    assert phone.notetype("Word")["css"] == ".card { color: red }"
    assert phone.fields(note["id"]) == ["a", "b"]
    assert v1.problem("POST", "notetypes", NEW) == "conflict"
    all_sides_agree(laptop, phone)


def test_names_styles_and_texts_of_templates_need_no_full_sync(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    path = f"notetypes/{basic(v1)['id']}"
    v1.patch(path, {"name": "Renamed", "css": ".card { color: blue }"})
    v1.patch(f"{path}/templates/0", {"name": "Ask", "question": "? {{Front}}"})
    v1.patch(f"{path}/fields/1", {"font": "Serif", "font_size": 30, "description": "meaning"})

    only_small_syncs(laptop, phone)

    notetype = phone.notetype("Renamed")
    assert notetype["css"] == ".card { color: blue }"
    assert notetype["tmpls"][0]["qfmt"] == "? {{Front}}"
    assert (notetype["flds"][1]["font"], notetype["flds"][1]["size"]) == ("Serif", 30)
    all_sides_agree(laptop, phone)


@pytest.mark.parametrize(
    ("verb", "part", "body"),
    [
        ("POST", "fields", {"name": "Third"}),
        ("PATCH", "fields/0", {"position": 1}),
        ("POST", "templates", {"name": "Back", "question": "{{Back}}", "answer": "{{Front}}"}),
        ("PATCH", "", {"sort_field": 1}),
    ],
)
def test_other_fields_and_templates_are_made_only_when_devices_may_be_forced(
    v1: V1, laptop: Device, phone: Device, verb: str, part: str, body: dict[str, Any]
) -> None:
    path = f"notetypes/{basic(v1)['id']}/{part}".rstrip("/")
    before = v1.get(f"notetypes/{basic(v1)['id']}")

    reply = v1.call(verb, path, body)

    assert (reply.status, reply.problem) == (409, "full-sync-needed")
    assert "allow_full_sync" in reply.json["detail"]
    assert v1.get(f"notetypes/{basic(v1)['id']}") == before
    only_small_syncs(laptop, phone)
    assert v1.call(verb, path, {**body, "allow_full_sync": True}).status == 200
    assert laptop.sync() in (FULL_SYNC, FULL_DOWNLOAD)
    laptop.download()
    assert not laptop.check_database()


def test_fields_and_templates_are_removed_only_when_devices_may_be_forced(
    v1: V1, laptop: Device
) -> None:
    path = f"notetypes/{basic(v1)['id']}"

    assert v1.problem("DELETE", f"{path}/fields/1") == "full-sync-needed"
    v1.delete(f"{path}/fields/1?allow_full_sync=true")

    assert [field["name"] for field in v1.get(path)["fields"]] == ["Front"]
    assert v1.problem("DELETE", f"{path}/fields/0?allow_full_sync=true") == "conflict"
    assert v1.problem("DELETE", f"{path}/fields/7?allow_full_sync=true") == "not-found"
    assert v1.problem("DELETE", f"{path}/templates/0?allow_full_sync=true") == "conflict"
    assert v1.problem("DELETE", path) == "full-sync-needed"
    v1.delete(f"{path}?allow_full_sync=true")
    assert v1.get("notes")["items"] == []


def test_renaming_a_field_keeps_the_templates_working(v1: V1, laptop: Device) -> None:
    path = f"notetypes/{basic(v1)['id']}"

    changed = v1.patch(f"{path}/fields/0", {"name": "Word"})

    assert changed["templates"][0]["question"] == "{{Word}}"
    only_small_syncs(laptop)
    assert laptop.notetype("Basic")["tmpls"][0]["qfmt"] == "{{Word}}"
    assert v1.problem("PATCH", f"{path}/fields/0", {"name": "back"}) == "conflict"


@pytest.mark.parametrize(
    "members",
    [
        {"templates": [{"name": "x", "question": "no field", "answer": ""}]},
        {"templates": [{"name": "x", "question": "{{Nonsense}}", "answer": ""}]},
        {"templates": []},
        {"fields": []},
        {"name": ""},
    ],
)
def test_a_notetype_that_makes_no_cards_is_refused(v1: V1, members: dict[str, Any]) -> None:
    before = v1.get("notetypes")

    assert v1.problem("POST", "notetypes", {**NEW, **members}) == "invalid"

    assert v1.get("notetypes") == before
