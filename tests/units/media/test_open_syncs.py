"""How media syncs end, of which the protocol tells only the happy end."""

import pytest

from syncserver.collections.slot import Caller
from syncserver.media.open_syncs import OpenMediaSyncs
from syncserver.sync_record import Kind, Outcome, SyncRecord

LAPTOP = Caller(1, "laptop", user_id=5, client="26.09")
PHONE = Caller(2, "phone", user_id=5, client="25.02")


@pytest.fixture
def noted() -> list[SyncRecord]:
    return []


@pytest.fixture
def syncs(noted: list[SyncRecord]) -> OpenMediaSyncs:
    return OpenMediaSyncs(noted.append)


def outcomes(noted: list[SyncRecord]) -> list[tuple[int, Outcome]]:
    return [(one.who.key_id, one.outcome) for one in noted]


def test_what_a_device_has_moved_is_one_entry(
    syncs: OpenMediaSyncs, noted: list[SyncRecord]
) -> None:
    syncs.begin(LAPTOP)
    syncs.heard(LAPTOP).received["media"] += 2
    syncs.heard(PHONE).sent["media"] += 1
    syncs.heard(LAPTOP).received["media"] += 3
    assert {one.caller.key_id for one in syncs.open_now()} == {1, 2}
    syncs.end(LAPTOP, Outcome.FINISHED)
    (entry,) = noted
    assert (entry.kind, entry.outcome, entry.who) == (Kind.MEDIA, Outcome.FINISHED, LAPTOP.who)
    assert entry.tally.received == {"media": 5}
    assert [one.caller for one in syncs.open_now()] == [PHONE]


def test_a_look_that_moves_nothing_is_not_noted(
    syncs: OpenMediaSyncs, noted: list[SyncRecord]
) -> None:
    syncs.begin(LAPTOP)
    syncs.end(LAPTOP, Outcome.FINISHED)
    syncs.begin(LAPTOP)
    syncs.begin(LAPTOP)
    syncs.tidy(silent_seconds=0)
    syncs.begin(PHONE)
    syncs.close()
    syncs.end(PHONE, Outcome.FINISHED)
    assert noted == []
    assert syncs.open_now() == []


def test_a_device_that_begins_anew_had_given_up(
    syncs: OpenMediaSyncs, noted: list[SyncRecord]
) -> None:
    syncs.heard(LAPTOP).sent["media"] += 1
    syncs.begin(LAPTOP)
    assert outcomes(noted) == [(1, Outcome.ABORTED)]


def test_silent_ones_time_out_and_others_do_not(
    syncs: OpenMediaSyncs, noted: list[SyncRecord]
) -> None:
    syncs.heard(LAPTOP).sent["media"] += 1
    syncs.tidy(silent_seconds=60)
    assert noted == []
    syncs.tidy(silent_seconds=0)
    assert outcomes(noted) == [(1, Outcome.TIMED_OUT)]
    assert syncs.open_now() == []


def test_the_end_of_the_server_ends_all(syncs: OpenMediaSyncs, noted: list[SyncRecord]) -> None:
    for caller in (LAPTOP, PHONE):
        syncs.heard(caller).sent["media"] += 1
    syncs.close()
    assert outcomes(noted) == [(1, Outcome.STOPPED), (2, Outcome.STOPPED)]


def test_a_refusal_is_noted_with_its_reason_though_nothing_was_moved(
    syncs: OpenMediaSyncs, noted: list[SyncRecord]
) -> None:
    syncs.heard(LAPTOP)
    syncs.end(LAPTOP, Outcome.REFUSED, "too large")
    assert [(one.outcome, one.reason) for one in noted] == [(Outcome.REFUSED, "too large")]
