"""Tags of many notes, and the list of reviews."""

from tests.conftest import AllSidesAgree
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import AGAIN, GOOD, Device


def test_tags_are_put_on_and_taken_off_many_notes(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    ids = [note["id"] for note in v1.all_items("notes")]
    assert v1.post("notes:tag", {"note_ids": ids, "add": ["a::b", "c"]}) == {"changed": 3}
    assert v1.post("notes:tag", {"note_ids": ids[:1], "remove": ["c"]}) == {"changed": 1}
    assert v1.get("tags") == ["a::b", "c"]

    assert v1.post("tags:rename", {"old": "a", "new": "z"}) == {"changed": 3}
    only_small_syncs(laptop, phone)
    assert phone.col.get_note(ids[0]).tags == ["z::b"]

    assert v1.post("tags:remove", {"tags": ["z"]}) == {"changed": 3}
    only_small_syncs(laptop, phone)
    assert phone.col.get_note(ids[1]).tags == ["c"]
    v1.post("notes:tag", {"note_ids": ids, "remove": ["c"]})
    assert v1.post("tags:remove-unused") == {"changed": 1}
    assert v1.get("tags") == []
    assert v1.problem("POST", "notes:tag", {"note_ids": ids}) == "invalid"
    assert v1.problem("POST", "tags:rename", {"old": "a b", "new": "c"}) == "invalid"


def test_reviews_come_in_pages_and_since_a_time(v1: V1, laptop: Device) -> None:
    [card] = laptop.cards_of(laptop.add_note("reviewed"))
    for rating in (AGAIN, GOOD, GOOD):
        laptop.review(card, rating)
    only_small_syncs(laptop)

    reviews = v1.all_items("reviews", limit=2)

    assert [review["rating"] for review in reviews] == [1, 3, 3]
    assert {review["card_id"] for review in reviews} == {card}
    assert v1.all_items("reviews", since=reviews[0]["id"]) == reviews[1:]
    assert v1.all_items(f"cards/{card}/reviews", limit=1) == reviews
    assert v1.get("reviews", since=reviews[-1]["id"]) == {"items": [], "next": None}
    assert v1.problem("GET", "reviews?cursor=zzz") == "invalid"
    assert v1.problem("GET", "cards/1/reviews") == "not-found"
