from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from accounts_on_one_database import Accounts
from sqlalchemy import Engine

from syncserver.accounts import sync_journal
from syncserver.accounts.sync_journal import SyncJournal
from syncserver.accounts.users import User
from syncserver.errors import ServerBusy
from syncserver.sync_record import Kind, Outcome, SyncRecord, Tally, Who

NOW = datetime.now(timezone.utc)


def record(
    user: User, milliseconds: int = 10, *, days_ago: float = 0, outcome: Outcome = Outcome.FINISHED
) -> SyncRecord:
    tally = Tally(Counter(notes=2), Counter(cards=1), bytes_in=100, bytes_out=50)
    who = Who(user.id, 7, "26.09")
    started_at = NOW - timedelta(days=days_ago)
    return SyncRecord(who, Kind.SYNC, outcome, started_at, milliseconds, tally)


@pytest.fixture
def anna(accounts: Accounts) -> User:
    return accounts.users.add("anna", "secret")


@pytest.fixture
def journal(engine: Engine) -> SyncJournal:
    return SyncJournal(engine, days=90)


def milliseconds(journal: SyncJournal, user: User) -> list[int]:
    return [entry.milliseconds for entry in journal.of_user(user, 10_000)]


def test_what_was_noted_is_read_back_the_newest_first(journal: SyncJournal, anna: User) -> None:
    journal.note(record(anna, 1))
    journal.note(record(anna, 2, outcome=Outcome.ABORTED))
    assert journal.of_user(anna, 10) == []
    journal.flush()
    newer, older = journal.of_user(anna, 10)
    assert (newer.outcome, older.outcome) == ("aborted", "finished")
    assert (older.user, older.device, older.client, older.kind) == ("anna", 7, "26.09", "sync")
    assert (older.received, older.sent) == ({"notes": 2}, {"cards": 1})
    assert (older.bytes_in, older.bytes_out) == (100, 50)
    assert older.started_at == NOW
    assert milliseconds(journal, anna) == [2, 1]
    assert len(journal.of_user(anna, 1)) == 1
    journal.flush()
    assert milliseconds(journal, anna) == [2, 1]


def test_of_each_user_the_newest_entries_stay(
    journal: SyncJournal, accounts: Accounts, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_journal, "MOST_ENTRIES", 5)
    bert = accounts.users.add("bert", "secret")
    journal.note(record(bert, 99))
    for number in range(12):
        journal.note(record(anna, number))
        if number % 4 == 0:
            journal.flush()
    journal.flush()
    assert milliseconds(journal, anna) == [11, 10, 9, 8, 7]
    assert milliseconds(journal, bert) == [99]


def test_what_is_older_than_the_days_goes(
    journal: SyncJournal, accounts: Accounts, anna: User
) -> None:
    bert = accounts.users.add("bert", "secret")
    for user in (anna, bert):
        journal.note(record(user, 1, days_ago=89))
    journal.flush()
    younger = SyncJournal(accounts.engine, days=30)
    younger.note(record(anna, 2))
    younger.flush()
    assert milliseconds(journal, anna) == [2]
    assert milliseconds(journal, bert) == [1]
    younger.forget_old()
    assert milliseconds(journal, bert) == []


def test_without_days_there_is_no_journal(engine: Engine, anna: User) -> None:
    journal = SyncJournal(engine, days=0)
    journal.note(record(anna))
    journal.flush()
    assert milliseconds(journal, anna) == []


def test_who_was_deleted_meanwhile_has_no_journal(
    journal: SyncJournal, accounts: Accounts, anna: User
) -> None:
    bert = accounts.users.add("bert", "secret")
    journal.note(record(anna))
    journal.flush()
    journal.note(record(anna))
    journal.note(record(bert))
    accounts.users.delete("anna", purge=False)
    journal.flush()
    assert milliseconds(journal, bert) == [10]
    assert journal.totals(NOW - timedelta(days=1))[0].count == 1


def test_what_could_not_be_written_is_written_later(
    accounts: Accounts, anna: User, tmp_path
) -> None:
    from sqlalchemy import create_engine

    broken = SyncJournal(create_engine(f"sqlite:///{tmp_path / 'none' / 'x.db'}"), days=1)
    broken.note(record(anna, 1))
    with pytest.raises(ServerBusy):
        broken.flush()
    broken.note(record(anna, 2))
    broken._engine = accounts.engine
    broken.flush()
    assert milliseconds(broken, anna) == [2, 1]


def test_totals_and_the_slowest_are_those_since_a_moment(journal: SyncJournal, anna: User) -> None:
    for number, days_ago in ((1, 0), (3, 0.5), (2, 0.5), (9, 8)):
        journal.note(record(anna, number, days_ago=days_ago))
    journal.note(record(anna, 4, outcome=Outcome.FAILED))
    journal.flush()
    week = NOW - timedelta(days=7)
    found = {(one.kind, one.outcome): (one.count, one.bytes_in) for one in journal.totals(week)}
    assert found == {("sync", "finished"): (3, 300), ("sync", "failed"): (1, 100)}
    assert [one.milliseconds for one in journal.slowest(week, 2)] == [4, 3]
    assert journal.totals(NOW + timedelta(days=1)) == []


def test_the_newest_end_is_that_of_the_last_entry(journal: SyncJournal, anna: User) -> None:
    assert journal.newest_end() is None
    journal.note(record(anna, 500, days_ago=1))
    journal.flush()
    assert journal.newest_end() == NOW - timedelta(days=1) + timedelta(milliseconds=500)
