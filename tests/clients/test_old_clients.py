"""Real clients of versions 10 and 11 of the protocol, with the newest Anki as the other device.

Each runs in a process of its own with the `anki` package of its version and its own sync code.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import AllSidesAgree, NewDevice
from tests.support.accounts import Account, SyncTarget
from tests.support.contents import contents
from tests.support.device import DEFAULT_DECK, FULL_DOWNLOAD, FULL_SYNC, NO_CHANGES, Device
from tests.support.missing import cannot_be_tested
from tests.support.old_anki import OLD_ANKIS, NotInstallable, OldAnki, python_with
from tests.support.old_client import OldClient, OldClientError
from tests.support.our_server import OurServer

MEDIA_SYNC_TIMEOUT = 60.0
# Bytes; a collection without notes takes 140,000.
NARROW = 200_000
# What all versions spell alike. Cards are not among them: their last column is JSON, of which each
# version keeps what it knows, and for which some write an empty text.
SPELLED_ALIKE = ("stamps", "notes", "revlog", "tags", "config")
OBJECTS = ("notetypes", "decks", "options")
# Clients look for changed media by the times of files and folders; old ones in whole seconds.
_times = count(1_600_000_000)

InStep = Callable[[], None]


@pytest.fixture(params=OLD_ANKIS, ids=lambda anki: anki.version)
def old_anki(request: pytest.FixtureRequest) -> OldAnki:
    anki: OldAnki = request.param
    try:
        python_with(anki)
    except NotInstallable as problem:
        cannot_be_tested(problem, nowhere=problem.never_built)
    return anki


@pytest.fixture
def unused(
    old_anki: OldAnki, target: SyncTarget, account: Account, tmp_path: Path
) -> Iterator[OldClient]:
    """The device with the old Anki; somebody has just logged in, and it holds nothing."""
    old = OldClient(old_anki, tmp_path / "old", target.url)
    yield old.login(account)
    old.close()


@pytest.fixture
def old(unused: OldClient, laptop: Device) -> OldClient:
    """The device with the old Anki after it has downloaded what the laptop had uploaded."""
    assert unused.sync() == "FULL_DOWNLOAD"
    unused.download()
    assert_same(unused, laptop)
    return unused


@pytest.fixture
def all_are_sound(old: OldClient, laptop: Device, all_sides_agree: AllSidesAgree) -> InStep:
    """The end of a scenario: old device, laptop, server and newcomer agree; none is damaged."""

    def check() -> None:
        all_sides_agree(laptop, apart_from=["cards"])
        assert old.sync() == "NO_CHANGES"
        assert_same(old, laptop)
        assert not old.check_database()

    return check


def assert_same(old: OldClient, newest: Device) -> None:
    """Compare two devices in all that both know."""
    here, there = old.contents(), json.loads(json.dumps(contents(newest.col)))
    for part in SPELLED_ALIKE:
        assert here[part] == there[part]
    assert [card[:-1] for card in here["cards"]] == [card[:-1] for card in there["cards"]]
    for part in OBJECTS:
        assert [one["name"] for one in here[part]] == [one["name"] for one in there[part]]
        for one, other in zip(here[part], there[part], strict=True):
            assert_same_where_both_know(one, other, f"{part} {one['name']}")


def assert_same_where_both_know(one: Any, other: Any, place: str) -> None:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() & other.keys():
            assert_same_where_both_know(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), place
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_same_where_both_know(*pair, f"{place}[{number}]")
    else:
        assert one == other, place


def sync_media(newest: Device) -> None:
    newest.col.sync_media(newest.auth)
    deadline = time.monotonic() + MEDIA_SYNC_TIMEOUT
    while newest.col.media_sync_status().active:
        assert time.monotonic() < deadline, "the media sync does not end"
        time.sleep(0.02)


def put(path: Path, content: bytes | None) -> None:
    """Write a media file, or delete it, so that its client sees the change."""
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
        os.utime(path, (now := next(_times), now))
    os.utime(path.parent, (now := next(_times), now))


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_old_client_logs_in_and_uploads_and_the_newest_downloads(
    unused: OldClient, new_device: NewDevice, all_sides_agree: AllSidesAgree
) -> None:
    unused.add_note("one", "first", tags=["from-the-past"])
    unused.add_note("two", "second", deck=unused.add_deck("Languages::Latin"))
    assert unused.sync() == "FULL_UPLOAD"
    unused.upload()
    assert unused.sync() == "NO_CHANGES"
    newest = new_device("newest")
    assert newest.sync() == FULL_DOWNLOAD
    newest.download()
    assert newest.col.find_notes("tag:from-the-past")
    assert_same(unused, newest)
    all_sides_agree(newest)
    assert not unused.check_database()


def test_an_old_client_asks_for_the_password_after_a_wrong_one_and_after_a_wrong_key(
    unused: OldClient, account: Account
) -> None:
    with pytest.raises(OldClientError) as refusal:
        unused.login(Account(account.name, account.password + "x"))
    assert refusal.value.kind == "auth"
    unused.use_key("0" * 40)
    with pytest.raises(OldClientError) as refusal:
        unused.sync()
    assert refusal.value.kind == "auth"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server of ours that accepts little more than a collection without notes."""
    server = OurServer(tmp_path_factory.mktemp("narrow"), {"max_collection_bytes": NARROW})
    yield server
    server.stop()


def test_an_old_client_shows_in_words_why_its_upload_was_refused(
    old_anki: OldAnki, narrow: OurServer, tmp_path: Path
) -> None:
    old = OldClient(old_anki, tmp_path / "old", narrow.url).login(narrow.new_account())
    try:
        old.add_note("one", "x" * NARROW)
        assert old.sync() == "FULL_UPLOAD"
        with pytest.raises(OldClientError, match="larger than this server accepts"):
            old.upload()
    finally:
        old.close()


def test_what_an_old_client_changes_reaches_the_newest(
    old: OldClient, laptop: Device, all_are_sound: InStep
) -> None:
    one, two, three = laptop.col.find_notes("")
    old.edit_note(one, "one", "edited with the old client 🦉")
    old.delete_note(two)
    old.review(one)
    old.tag_note(three, "old::tag")
    deck = old.add_deck("Languages::Latin")
    old.add_options("Old options", reviews_per_day=37, deck=deck)
    old.add_notetype("Old notetype")
    added = old.add_note("arma", "virumque", notetype="Old notetype", deck=deck)
    old.set_question("Basic", "<p>{{Front}}</p>")
    old.set_config("of the old client", {"nested": [1, 2.5, None, "ü"]})
    assert (old.sync(), laptop.sync()) == ("NO_CHANGES", NO_CHANGES)

    assert_same(old, laptop)
    assert laptop.fields(one)[1] == "edited with the old client 🦉"
    assert not laptop.has_note(two)
    assert laptop.reviews_of(laptop.cards_of(one)[0]) == [3]
    assert laptop.col.get_note(three).tags == ["old::tag"]
    assert laptop.fields(added) == ["arma", "virumque"]
    options = laptop.col.decks.config_dict_for_deck_id(laptop.deck("Languages::Latin")["id"])
    assert (options["name"], options["rev"]["perDay"]) == ("Old options", 37)
    assert laptop.notetype("Basic")["tmpls"][0]["qfmt"] == "<p>{{Front}}</p>"
    assert laptop.col.get_config("of the old client") == {"nested": [1, 2.5, None, "ü"]}
    # The newest Anki writes into a card when it was answered last. Of answers that it did not see
    # itself, 'Check database' adds that, and tells of it; so it sees one.
    laptop.review(laptop.cards_of(one)[0])
    all_are_sound()


def test_what_the_newest_changes_reaches_an_old_client(
    old: OldClient, laptop: Device, all_are_sound: InStep
) -> None:
    one, two, three = laptop.col.find_notes("")
    laptop.edit_note(one, "one", "edited with the newest 🦉")
    laptop.col.remove_notes([two])
    laptop.review(laptop.cards_of(one)[0])
    laptop.col.tags.bulk_add([three], "new::tag")
    deck = laptop.add_deck("Languages::Latin")
    options = laptop.add_options("New options")
    options["new"]["perDay"] = 7
    laptop.col.decks.update_config(options)
    laptop.col.decks.set_config_id_for_deck_dict(laptop.deck("Languages::Latin"), options["id"])
    laptop.add_notetype("New notetype", like="Basic (and reversed card)")
    laptop.add_note("to go", "aller", notetype="New notetype", deck=deck)
    laptop.add_filtered_deck("Cramming", "front:three")
    laptop.col.set_config("of the newest", {"nested": [1, 2.5, None, "ü"]})
    before = old.contents()
    assert (laptop.sync(), old.sync()) == (NO_CHANGES, "NO_CHANGES")

    after = old.contents()
    assert_same(old, laptop)
    assert all(before[part] != after[part] for part in before if part != "stamps")
    laptop.col.remove_config("of the newest")
    laptop.col.sched.empty_filtered_deck(laptop.deck("Cramming")["id"])
    all_are_sound()
    assert "of the newest" not in old.contents()["config"]


def test_what_an_old_client_does_not_know_survives_its_edits(
    old: OldClient, laptop: Device, all_are_sound: InStep
) -> None:
    options = laptop.col.decks.config_dict_for_deck_id(DEFAULT_DECK)
    basic, deck = laptop.notetype("Basic"), laptop.deck("Default")
    options.update({"desiredRetention": 0.83, "easyDaysPercentages": [1.0, 0.5] * 3 + [0.0]})
    for one in (options, deck, basic, basic["flds"][0], basic["tmpls"][0]):
        one["ofAnAddOn"] = {"kept": [1, "ü"]}
    laptop.col.decks.update_config(options)
    laptop.col.decks.update_dict(deck)
    laptop.col.models.update_dict(basic)
    assert (laptop.sync(), old.sync()) == (NO_CHANGES, "NO_CHANGES")
    old.set_reviews_per_day(DEFAULT_DECK, 11)
    old.set_description(DEFAULT_DECK, "changed")
    old.set_question("Basic", "<p>{{Front}}</p>")
    assert (old.sync(), laptop.sync()) == ("NO_CHANGES", NO_CHANGES)

    kept = laptop.col.decks.config_dict_for_deck_id(DEFAULT_DECK)
    basic, deck = laptop.notetype("Basic"), laptop.deck("Default")
    assert (kept["rev"]["perDay"], deck["desc"]) == (11, "changed")
    assert basic["tmpls"][0]["qfmt"] == "<p>{{Front}}</p>"
    assert kept["desiredRetention"] == options["desiredRetention"]
    assert kept["easyDaysPercentages"] == options["easyDaysPercentages"]
    for one in (kept, deck, basic, basic["flds"][0], basic["tmpls"][0]):
        assert one["ofAnAddOn"] == {"kept": [1, "ü"]}
    all_are_sound()


def test_media_go_both_ways_between_an_old_client_and_the_newest(
    old: OldClient, laptop: Device
) -> None:
    here, there = old.media_folder, Path(laptop.col.media.dir())
    put(here / "old ä.txt", b"from the old client")
    put(here / "large.bin", bytes(range(256)) * 5000)
    put(here / "passing.txt", b"deleted later")
    old.sync_media()
    sync_media(laptop)
    assert len(files_in(there)) == 3
    assert files_in(there) == files_in(here)

    put(there / "large.bin", None)
    put(there / "old ä.txt", b"replaced by the newest")
    for number in range(60):  # more than goes into one request
        put(there / f"new {number}.txt", b"x" * (number + 1))
    sync_media(laptop)
    old.sync_media()
    assert len(files_in(here)) == 62
    assert files_in(here) == files_in(there)

    put(here / "passing.txt", None)
    old.sync_media()
    sync_media(laptop)
    assert len(files_in(there)) == 61
    assert files_in(there) == files_in(here)


def test_either_side_can_replace_the_other_after_a_change_of_the_schema(
    old: OldClient, laptop: Device, all_are_sound: InStep
) -> None:
    old.add_field("Basic", "Source")
    assert old.sync() == "FULL_SYNC"
    old.upload()
    assert laptop.sync() == FULL_SYNC
    laptop.download()
    assert [field["name"] for field in laptop.notetype("Basic")["flds"]][2] == "Source"
    assert_same(old, laptop)

    basic = laptop.notetype("Basic")
    laptop.col.models.remove_field(basic, basic["flds"][1])
    laptop.col.models.update_dict(basic)
    assert laptop.sync() == FULL_SYNC
    laptop.upload()
    assert old.sync() == "FULL_SYNC"
    old.download()
    assert_same(old, laptop)
    old.add_note("after it", "a book")
    assert (old.sync(), laptop.sync()) == ("NO_CHANGES", NO_CHANGES)
    assert laptop.col.find_notes("front:after*")
    all_are_sound()
