"""Programs by the hundred calls while a real client syncs: nothing is lost on either side."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from tests.conftest import AllSidesAgree
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import Device

PROGRAMS = 3
CALLS = 60


def test_hundreds_of_calls_while_a_device_syncs_lose_nothing(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    over = Event()
    edited, *_ = laptop.col.find_notes("one")

    def write(program: int) -> list[Any]:
        notes = []
        for number in range(CALLS):
            note = v1.add_note(f"by program {program}, {number}")
            v1.patch(f"notes/{note['id']}", {"tags": [f"t{number % 7}"]})
            v1.get("study/next")
            notes.append(note["id"])
        return notes

    def sync() -> int:
        # Edits, because a note made in the same millisecond as another one has the same id.
        rounds = 0
        while not over.is_set():
            rounds += 1
            laptop.edit_note(edited, "one", f"edit {rounds}")
            only_small_syncs(laptop)
        return rounds

    with ThreadPoolExecutor() as pool:
        syncing = pool.submit(sync)
        writing = [pool.submit(write, program) for program in range(PROGRAMS)]
        by_programs = [note for future in writing for note in future.result()]
        over.set()
        rounds = syncing.result()
    # Of two changes in the same millisecond, on two sides, clients notice none before the next.
    laptop.edit_note(edited, "one", "the last edit")
    only_small_syncs(laptop, phone)

    assert rounds > 1
    assert phone.fields(edited)[1] == "the last edit"
    assert phone.col.note_count() == 3 + len(by_programs)
    assert all(phone.has_note(note) for note in by_programs)
    assert len(phone.col.find_notes('"Front:by program*" tag:t*')) == PROGRAMS * CALLS
    all_sides_agree(laptop, phone)


def test_programs_review_while_a_device_reviews(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    notes = [{"do": "add", "notetype": "Basic", "fields": {"Front": f"{n}"}} for n in range(15)]
    v1.post("notes:batch", {"entries": notes})
    only_small_syncs(laptop)

    for round_number in range(10):
        shown = v1.get("study/next")["next"]
        answer = {"card_id": shown["card"]["id"], "state": shown["state"], "rating": "easy"}
        v1.post("study/answers", answer)
        if round_number % 3 == 0:
            only_small_syncs(laptop)
            [card, *_] = laptop.col.find_cards("is:new")
            laptop.review(card)
            only_small_syncs(laptop)

    only_small_syncs(phone)
    assert len(v1.all_items("reviews")) == 14
    assert phone.db.scalar("select count() from revlog") == 14
    all_sides_agree(laptop, phone)
