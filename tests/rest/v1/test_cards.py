"""Cards: lists, rendering, and what is done to many of them at once."""

import pytest

from tests.conftest import AllSidesAgree
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import Device


def card_ids(v1: V1) -> list[int]:
    return [card["id"] for card in v1.all_items("cards")]


def test_cards_are_found_like_in_the_browser(v1: V1) -> None:
    basic = v1.add_note("x")
    both = v1.post(
        "notes",
        {"notetype": "Basic (and reversed card)", "fields": {"Front": "a", "Back": "b"}},
    )

    assert card_ids(v1) == basic["card_ids"] + both["card_ids"]
    found = v1.get("cards", q=f"nid:{both['id']}", order="-id")["items"]
    assert [card["template"] for card in found] == [1, 0]
    assert {card["state"] for card in found} == {"new"}
    assert len(v1.get("cards", limit=2)["items"]) == 2


def test_a_card_is_rendered_as_on_a_device(v1: V1, laptop: Device) -> None:
    note = v1.add_note("<b>front</b>", "<script>alert(1)</script>")
    only_small_syncs(laptop)

    shown = v1.get(f"cards/{note['card_ids'][0]}")

    card = laptop.col.get_card(note["card_ids"][0])
    assert shown["rendering"]["question"]["html"] == card.render_output().question_text
    assert shown["rendering"]["answer"]["html"] == card.render_output().answer_text
    assert shown["rendering"]["css"] == card.render_output().css
    assert v1.problem("GET", "cards/12345") == "not-found"


@pytest.mark.parametrize(
    ("action", "undoing", "state"),
    [
        ("suspend", "unsuspend", "suspended"),
        ("bury", "unbury", "buried-by-user"),
    ],
)
def test_cards_taken_out_of_study_are_out_on_the_devices(
    v1: V1, laptop: Device, action: str, undoing: str, state: str, all_sides_agree: AllSidesAgree
) -> None:
    ids = card_ids(v1)

    assert v1.post(f"cards:{action}", {"card_ids": ids[:2]}) == {"changed": 2}
    assert [card["state"] for card in v1.all_items("cards")] == [state, state, "new"]
    only_small_syncs(laptop)
    assert len(laptop.col.find_cards("is:suspended or is:buried")) == 2
    assert v1.post(f"cards:{undoing}", {"card_ids": ids}) is None

    only_small_syncs(laptop)
    assert len(laptop.col.find_cards("is:suspended or is:buried")) == 0
    all_sides_agree(laptop)


def test_unburying_leaves_suspended_cards_alone(v1: V1, laptop: Device) -> None:
    ids = card_ids(v1)
    v1.post("cards:suspend", {"card_ids": ids})

    v1.post("cards:unbury", {"card_ids": ids})

    assert {card["state"] for card in v1.all_items("cards")} == {"suspended"}


def test_flags_due_dates_and_forgetting_reach_the_devices(
    v1: V1, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    one, two, three = card_ids(v1)
    v1.post("cards:flag", {"card_ids": [one, two], "flag": 4})
    v1.post("cards:set-due", {"card_ids": [one, two, three], "days": "5!"})
    v1.post("cards:forget", {"card_ids": [two]})
    only_small_syncs(laptop)

    assert [laptop.col.get_card(card).user_flag() for card in (one, two, three)] == [4, 4, 0]
    assert [laptop.col.get_card(card).ivl for card in (one, two, three)] == [5, 0, 5]
    assert len(laptop.col.find_cards("prop:due=5")) == 2
    assert v1.get(f"cards/{two}")["kind"] == "new"
    all_sides_agree(laptop)


def test_cards_move_to_normal_decks_only(
    v1: V1, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    ids = card_ids(v1)
    v1.post("decks", {"name": "New home"})
    body = {"name": "Cram", "searches": [{"search": "two"}]}
    v1.post("decks/filtered", body)

    assert v1.post("cards:move", {"card_ids": ids[:1], "deck": "New home"}) == {"changed": 1}

    only_small_syncs(laptop)
    assert list(laptop.col.find_cards('deck:"New home"')) == ids[:1]
    assert v1.problem("POST", "cards:move", {"card_ids": ids, "deck": "Cram"}) == "invalid"
    all_sides_agree(laptop)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("set-due", {"card_ids": [1], "days": "soon"}),
        ("flag", {"card_ids": [1], "flag": 8}),
        ("suspend", {"card_ids": ["1"]}),
        ("suspend", {"card_ids": [-1]}),
        ("suspend", {"card_ids": [2**63]}),
        ("suspend", {}),
        ("suspend", {"card_ids": [1.5]}),
    ],
)
def test_what_cannot_be_done_is_refused(v1: V1, action: str, body: object) -> None:
    assert v1.problem("POST", f"cards:{action}", body) == "invalid"
