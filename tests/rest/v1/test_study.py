"""Studying through the API: the same cards, buttons and schedules as on a device."""

from typing import Any

import pytest

from syncserver.accounts.scopes import Scope
from tests.conftest import AllSidesAgree
from tests.rest.conftest import NewProgram
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import GOOD, Device


def answer_to(shown: Any, rating: str = "good", **members: object) -> dict[str, Any]:
    card = shown["next"]
    return {
        "card_id": card["card"]["id"],
        "state": card["state"],
        "rating": rating,
        "milliseconds_taken": 2500,
        **members,
    }


def test_the_next_card_comes_with_both_sides_and_four_buttons(v1: V1, laptop: Device) -> None:
    shown = v1.get("study/next")

    card = shown["next"]["card"]
    assert (shown["deck"], shown["due"]) == ("Default", {"new": 3, "learning": 0, "review": 0})
    assert "one" in card["rendering"]["question"]["html"]
    assert "back of one" in card["rendering"]["answer"]["html"]
    assert ".card" in card["rendering"]["css"]
    assert [button["rating"] for button in shown["next"]["buttons"]] == [
        *("again", "hard", "good", "easy")
    ]
    device_card = laptop.col.sched.get_queued_cards().cards[0]  # type: ignore[union-attr]
    assert card["id"] == device_card.card.id
    texts = [button["interval_text"] for button in shown["next"]["buttons"]]
    assert texts[:3] == ["<1m", "<6m", "<10m"]
    assert texts[3] in ("4d", "5d")
    assert shown["next"]["buttons"][2]["interval"] == 600


def test_sounds_and_speech_are_told_apart_from_the_html(v1: V1) -> None:
    v1.add_note("word [sound:word.mp3]", "[anki:tts lang=de_DE]Wort[/anki:tts]")

    rendering = v1.get("study/next")["next"]["card"]["rendering"]

    assert rendering["question"]["audio"] == [{"kind": "file", "file": "word.mp3"}]
    [speech] = [one for one in rendering["answer"]["audio"] if one["kind"] == "speech"]
    assert (speech["text"], speech["language"]) == ("Wort", "de_DE")


def test_an_answer_is_a_review_on_every_device(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    shown = v1.get("study/next")
    answer = answer_to(shown, "easy")
    after = v1.post("study/answers", answer)

    only_small_syncs(laptop, phone)

    assert laptop.reviews_of(answer["card_id"]) == phone.reviews_of(answer["card_id"]) == [4]
    interval = shown["next"]["buttons"][3]["interval"]
    assert phone.col.get_card(answer["card_id"]).ivl * 86_400 == interval
    assert after["next"]["card"]["id"] != answer["card_id"]
    assert after["due"]["new"] == 2
    [review] = v1.get(f"cards/{answer['card_id']}/reviews")["items"]
    assert (review["rating"], review["milliseconds_taken"]) == (4, 2500)
    assert (review["kind"], review["interval"]) == ("learning", interval)
    all_sides_agree(laptop, phone)


def test_an_answer_counts_once(v1: V1) -> None:
    v1.add_note("x")
    answer = answer_to(v1.get("study/next"))
    v1.post("study/answers", answer)

    again = v1.call("POST", "study/answers", answer)

    assert (again.status, again.problem) == (409, "answered-already")
    assert len(v1.get("reviews")["items"]) == 1


def test_an_answer_to_what_a_device_has_answered_is_refused(v1: V1, laptop: Device) -> None:
    answer = answer_to(v1.get("study/next"))
    laptop.review(answer["card_id"], GOOD)
    only_small_syncs(laptop)

    assert v1.problem("POST", "study/answers", answer) == "answered-already"
    assert len(v1.get("reviews")["items"]) == 1


def test_a_flag_does_not_make_an_answer_stale(v1: V1) -> None:
    v1.add_note("x")
    answer = answer_to(v1.get("study/next"))

    v1.post("cards:flag", {"card_ids": [answer["card_id"]], "flag": 3})

    v1.post("study/answers", answer)
    assert v1.get(f"cards/{answer['card_id']}")["flag"] == 3


def test_any_card_can_be_answered_that_was_shown(v1: V1) -> None:
    v1.add_note("first")
    first = answer_to(v1.get("study/next"))
    v1.post("cards:bury", {"card_ids": [first["card_id"]]})
    v1.add_note("second")
    second = answer_to(v1.get("study/next"))
    v1.post("cards:unbury", {"card_ids": [first["card_id"]]})

    v1.post("study/answers", second)
    v1.post("study/answers", answer_to(v1.get("study/next")))

    assert len(v1.get("reviews")["items"]) == 2


def test_an_answer_can_be_undone_and_given_again(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    shown = v1.get("study/next")
    v1.post("study/answers", answer_to(shown, "again"))

    assert v1.post("study/undo") == {"undone": "Answer Card"}

    assert v1.get("study/next") == shown
    v1.post("study/answers", answer_to(shown, "easy"))
    only_small_syncs(laptop, phone)
    assert phone.reviews_of(shown["next"]["card"]["id"]) == [4]
    all_sides_agree(laptop, phone)


def test_nothing_is_undone_when_there_is_nothing(v1: V1) -> None:
    assert v1.problem("POST", "study/undo") == "conflict"


def test_what_a_device_has_synced_cannot_be_undone(v1: V1, laptop: Device) -> None:
    v1.post("study/answers", answer_to(v1.get("study/next")))
    laptop.add_note("of the laptop")
    only_small_syncs(laptop)

    assert v1.problem("POST", "study/undo") == "conflict"


def test_a_deck_is_studied_until_all_is_done(v1: V1) -> None:
    deck = v1.post("decks", {"name": "German"})
    for front in ("a", "b"):
        v1.add_note(front, deck="German")
    v1.add_note("elsewhere")

    shown = v1.put("study/deck", {"deck": "German"})
    assert (shown["deck_id"], shown["due"]["new"]) == (deck["id"], 2)
    for _ in range(2):
        shown = v1.post("study/answers", answer_to(shown, "easy"))

    assert shown["next"] is None
    assert shown["due"] == {"new": 0, "learning": 0, "review": 0}
    assert v1.problem("PUT", "study/deck", {"deck": "No such"}) == "invalid"


def test_limits_of_the_day_can_be_extended(v1: V1) -> None:
    options = v1.get("decks/1/options")
    v1.patch(f"deck-options/{options['id']}", {"settings": {"new": {"perDay": 1}}})
    for front in ("a", "b", "c"):
        v1.add_note(front)
    assert v1.get("study/next")["due"]["new"] == 1

    v1.post("decks/1:extend-limits", {"new": 1})

    assert v1.get("study/next")["due"]["new"] == 2
    assert v1.get("decks")[0]["due"]["new"] == 2
    assert v1.problem("POST", "decks/77:extend-limits", {"new": 1}) == "not-found"


def test_intervals_are_those_of_fsrs_when_it_is_on(v1: V1, laptop: Device) -> None:
    laptop.col.set_config("fsrs", True)
    only_small_syncs(laptop)
    shown = v1.get("study/next")
    v1.post("study/answers", answer_to(shown, "easy"))
    only_small_syncs(laptop)

    card = laptop.col.get_card(shown["next"]["card"]["id"])

    assert card.memory_state is not None
    assert card.ivl * 86_400 == shown["next"]["buttons"][3]["interval"]


@pytest.mark.parametrize("rating", ["", "Good", "5", None, 3])
def test_an_answer_must_be_one_of_four(v1: V1, rating: object) -> None:
    v1.add_note("x")

    answer = answer_to(v1.get("study/next"), rating=rating)  # type: ignore[arg-type]

    assert v1.problem("POST", "study/answers", answer) == "invalid"


def test_who_may_review_may_study_and_who_may_only_add_may_not(
    v1: V1, new_program: NewProgram
) -> None:
    v1.add_note("x")
    reviewer, adder = V1(new_program(Scope.REVIEW)), V1(new_program(Scope.ADD))
    answer = answer_to(reviewer.get("study/next"))

    assert adder.problem("POST", "study/answers", answer) == "scope-too-narrow"
    reviewer.post("study/answers", answer)
    reviewer.post("study/undo")


def test_latex_is_never_run_but_shown_as_the_image_that_devices_make(
    v1: V1, laptop: Device
) -> None:
    laptop.col.set_config("renderLatex", True)
    only_small_syncs(laptop)
    note = v1.add_note("[latex]\\input{/etc/passwd}[/latex]")

    rendering = v1.get(f"cards/{note['card_ids'][0]}")["rendering"]

    question = rendering["question"]["html"]
    assert "<img class=latex" in question
    assert 'src="latex-' in question
    assert "passwd" not in question.split("alt=")[0]
    assert "rror" not in question
