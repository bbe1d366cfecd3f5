"""Decks: the tree with what is due, options, filtered decks."""

import pytest

from tests.conftest import AllSidesAgree
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import Device


def test_the_tree_has_the_counts_that_a_device_shows(v1: V1, laptop: Device) -> None:
    laptop.add_note("a", deck=laptop.add_deck("Top::Middle::Leaf"))
    laptop.add_note("b", deck=laptop.add_deck("Top::Other"))
    only_small_syncs(laptop)

    tree = {node["name"]: node for node in v1.get("decks")}

    shown = {node.name: node for node in laptop.col.sched.deck_due_tree().children}
    assert set(tree) == set(shown)
    for name, node in tree.items():
        due = {
            "new": shown[name].new_count,
            "learning": shown[name].learn_count,
            "review": shown[name].review_count,
        }
        assert node["due"] == due
    top = tree["Top"]
    assert (top["cards"], top["cards_below"], top["due"]["new"]) == (0, 2, 2)
    assert [child["full_name"] for child in top["children"]] == ["Top::Middle", "Top::Other"]
    leaf = top["children"][0]["children"][0]
    assert v1.get(f"decks/{leaf['id']}")["name"] == leaf["full_name"] == "Top::Middle::Leaf"


def test_decks_are_made_changed_and_deleted_on_every_device(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    deck = v1.post("decks", {"name": "A::B"})
    v1.post("decks", {"name": "Gone"})
    note = v1.add_note("in it", deck="A::B")
    gone = v1.add_note("gone", deck="Gone")
    only_small_syncs(laptop, phone)

    path = f"decks/{deck['id']}"
    v1.patch(path, {"name": "A::C", "description": "<b>words</b>", "collapsed": True})
    v1.delete(f"decks/{phone.deck('Gone')['id']}")
    only_small_syncs(phone, laptop)

    assert laptop.deck("A::C")["desc"] == "<b>words</b>"
    assert laptop.deck("A::C")["collapsed"]
    assert v1.get(path)["description"] == "<b>words</b>"
    assert phone.has_note(note["id"])
    assert not phone.has_note(gone["id"])
    assert "Gone" not in phone.deck_names()
    all_sides_agree(laptop, phone)


def test_names_of_decks_are_not_given_twice(v1: V1) -> None:
    first = v1.post("decks", {"name": "Twice"})
    other = v1.post("decks", {"name": "Once"})

    reply = v1.call("POST", "decks", {"name": "Twice"})

    assert (reply.status, reply.json["deck_id"]) == (409, first["id"])
    assert v1.problem("PATCH", f"decks/{other['id']}", {"name": "Twice"}) == "conflict"
    assert v1.patch(f"decks/{other['id']}", {"name": "once"})["name"] == "once"
    assert v1.problem("POST", "decks", {"name": " "}) == "invalid"
    assert v1.problem("GET", "decks/12345") == "not-found"
    assert v1.problem("DELETE", "decks/12345") == "not-found"


def test_options_are_shared_changed_and_given_to_decks(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    options = v1.post("deck-options", {"name": "Hard", "like": 1})
    deck = v1.post("decks", {"name": "German"})
    v1.patch(f"decks/{deck['id']}", {"options_id": options["id"]})
    change = {"settings": {"new": {"perDay": 7}, "maxTaken": 30}, "name": "Harder"}
    changed = v1.patch(f"deck-options/{options['id']}", change)

    only_small_syncs(laptop, phone)

    assert changed["deck_ids"] == [deck["id"]]
    stored = phone.col.decks.config_dict_for_deck_id(deck["id"])
    assert (stored["name"], stored["new"]["perDay"], stored["maxTaken"]) == ("Harder", 7, 30)
    assert stored["new"]["delays"] == [1.0, 10.0]
    assert v1.get(f"decks/{deck['id']}/options") == changed
    assert [one["name"] for one in v1.get("deck-options")] == ["Default", "Harder"]
    all_sides_agree(laptop, phone)


@pytest.mark.parametrize(
    "settings",
    [
        {"nonsense": 1},
        {"new": {"nonsense": 1}},
        {"new": 5},
        {"new": {"perDay": "seven"}},
        {"new": {"perDay": True}},
        {"new": {"perDay": 10**30}},
        {"id": 5},
        {"mod": 5},
    ],
)
def test_settings_that_devices_do_not_know_are_refused(v1: V1, settings: object) -> None:
    before = v1.get("deck-options/1")

    assert v1.problem("PATCH", "deck-options/1", {"settings": settings}) == "invalid"

    assert v1.get("deck-options/1") == before


def test_options_are_deleted_only_when_devices_may_be_forced(v1: V1, laptop: Device) -> None:
    options = v1.post("deck-options", {"name": "Gone"})
    path = f"deck-options/{options['id']}"

    assert v1.problem("DELETE", path) == "full-sync-needed"
    only_small_syncs(laptop)
    v1.delete(f"{path}?allow_full_sync=true")

    assert v1.problem("GET", path) == "not-found"
    assert v1.problem("DELETE", "deck-options/1?allow_full_sync=true") == "conflict"


def test_filtered_decks_are_made_rebuilt_and_emptied_on_every_device(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    body = {"name": "Cram", "searches": [{"search": "two", "limit": 5, "order": "added"}]}
    deck = v1.post("decks/filtered", body)
    path = f"decks/{deck['id']}"
    only_small_syncs(laptop, phone)
    assert (deck["filtered"], deck["cards"]) == (True, 1)
    assert len(phone.col.find_cards("deck:Cram")) == 1
    shown = v1.get(f"{path}/filtered")
    assert shown["searches"] == body["searches"]

    v1.put(f"{path}/filtered", {**body, "searches": [{"search": "one or two"}]})
    only_small_syncs(laptop, phone)
    assert len(phone.col.find_cards("deck:Cram")) == 2

    assert v1.post(f"{path}:empty") is None
    only_small_syncs(laptop, phone)
    assert len(phone.col.find_cards("deck:Cram")) == 0
    assert v1.post(f"{path}:rebuild") == {"changed": 2}

    only_small_syncs(laptop, phone)
    all_sides_agree(laptop, phone)


def test_only_filtered_decks_are_rebuilt(v1: V1) -> None:
    body = {"name": "Empty", "searches": [{"search": "no such card"}]}

    assert v1.problem("POST", "decks/1:rebuild") == "conflict"
    assert v1.problem("POST", "decks/1:empty") == "conflict"
    assert v1.problem("GET", "decks/1/filtered") == "conflict"
    assert v1.problem("POST", "decks/filtered", body) == "invalid"
    assert v1.post("decks/filtered", {**body, "allow_empty": True})["cards"] == 0
    assert v1.problem("POST", "decks/filtered", body) == "conflict"
    options = {"options_id": 1}
    assert v1.problem("PATCH", f"decks/{v1.get('decks')[-1]['id']}", options) == "conflict"
    assert v1.problem("PATCH", "decks/1", {"options_id": 99}) == "invalid"


def test_a_search_that_libanki_cannot_combine_with_an_order_is_refused(v1: V1) -> None:
    searches = [{"search": "text", "order": "relative-overdueness"}]

    reply = v1.call("POST", "decks/filtered", {"name": "Cram", "searches": searches})

    assert reply.status == 422
    assert "SQL" not in reply.json["detail"]
    assert [deck["name"] for deck in v1.get("decks")] == ["Default"]
