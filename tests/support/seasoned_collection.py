"""A collection that has seen some use, made so that every rule of the merge meets its case.

Stamps lie in the past and are spread over many syncs, so that what a server stamps anew stands
out, and a client with `CLIENT_USN` finds rows both older and newer than its last sync.
"""

from pathlib import Path

from anki.dbproxy import DBProxy

from tests.support.device import Device
from tests.support.stored_files import change, copy_of

NOTES = 400
SERVER_USN = 20
# The update sequence number at which the imagined client synced last.
CLIENT_USN = 12
# Seconds and milliseconds of moments long ago.
PAST = 1_700_000_000
PAST_MS = PAST * 1000
DAY = 86_400

REVERSED = "Basic (and reversed card)"
DECKS = ("Languages::French", "Languages::German", "Ünïcode 🦉", "To be renamed", "Doomed")
TAGS = ("Plain", "Parent::Child", "Zoë", "UPPER::lower")


def make_seasoned_collection(folder: Path, *, last_unburied: int = 0) -> Path:
    """Make the collection and return its file; `last_unburied` is in days from today.

    0 means that buried cards were restored today already, -1 that they were yesterday.
    """
    device = Device(folder / "origin")
    _fill(device)
    device.db.execute(f"update col set crt = {PAST - 100 * DAY}")
    # What day it is, libanki remembers from when it opened the collection.
    device.col.close()
    device.col.reopen()
    # Asking for the day restores buried cards, so it comes first.
    today = device.col.sched.today
    for manual in (True, False):
        device.col.sched.bury_cards(
            device.col.find_cards("is:new -is:suspended -is:buried")[:10], manual
        )
    device.col.set_config("lastUnburied", today + last_unburied)
    _spread_stamps(device.db)
    device.close()
    copy = copy_of(Path(device.col.path), folder / "seasoned")
    # Closing the collection stamped it.
    change(
        copy,
        f"update col set mod = {PAST_MS + 5000}, scm = {PAST_MS}, ls = {PAST_MS + 4000},"
        f" usn = {SERVER_USN}",
    )
    return copy


def _fill(device: Device) -> None:
    device.add_notes([(f"front {number}", f"back {number}") for number in range(NOTES - 40)])
    device.add_notes([(f"to {number}", f"fro {number}") for number in range(20)], REVERSED)
    device.add_notes([(f"{{{{c1::a{n}}}}} {{{{c2::b{n}}}}}", "") for n in range(20)], "Cloze")
    for name in DECKS:
        device.add_deck(name)
    cards = device.col.find_cards("")
    device.col.set_deck(cards[:50], device.deck(DECKS[0])["id"])
    device.col.sched.suspend_cards(cards[50:60])
    device.add_filtered_deck("Cramming", "front:*1")
    device.add_options("Slow")
    device.add_options("Fast")
    device.add_notetype("Vocabulary", like=REVERSED)
    device.col.tags.bulk_add(device.col.find_notes("")[:30], " ".join(TAGS))
    device.col.remove_notes(device.col.find_notes("")[-5:])
    device.col.set_config("addon", {"list": [1, 2.5, None], "text": "ü"})


def _spread_stamps(db: DBProxy) -> None:
    for table, key in (("notes", "id"), ("cards", "id"), ("revlog", "id"), ("graves", "oid")):
        db.execute(f"update {table} set usn = {key} % {SERVER_USN}")
    for table in ("decks", "deck_config", "notetypes"):
        db.execute(f"update {table} set usn = id % {SERVER_USN}, mtime_secs = {PAST} + id % 100")
    db.execute(f"update notes set mod = {PAST} + id % 100")
    db.execute(f"update cards set mod = {PAST} + id % 100")
    db.execute(
        f"insert into revlog select {PAST_MS} + c.id % 100000000, c.id, c.id % {SERVER_USN}, 3, 1,"
        " -600, 2500, 4000, 1 from cards c where c.id % 4 = 0"
    )
    db.execute(f"update tags set usn = length(tag) % {SERVER_USN}")
    db.execute(f"update config set usn = 0, mtime_secs = {PAST}")
