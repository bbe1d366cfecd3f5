"""Media of real clients: every file reaches every device, and all sides have the same bytes."""

import random

import pytest

from tests.conftest import NewDevice
from tests.support.accounts import Account, SyncTarget
from tests.support.device import NO_CHANGES, Device
from tests.support.media_client import MediaClient, media_client
from tests.support.media_device import (
    assert_media_agree,
    delete_media,
    hashes_in,
    media_folder,
    media_of,
    problems_of_media,
    refer_to_media,
    sha1,
    start_media_sync,
    sync_everything,
    sync_media,
    wait_for_media,
    write_media,
)
from tests.support.our_server import OurServer
from tests.support.raw_client import RawClient

SIZES = (1, 7, 1000, 65_535, 65_536, 300_000, 2_700_000)
NAMES = (
    "plain {}.jpg",
    "with  spaces {}.mp3",
    "ünïcödé {}.png",
    "日本語の音声 {}.ogg",
    "emoji 🦉👩‍👩‍👧‍👦 {}.webp",
    "كلمة {}.mp3",
    "no extension {}",
    "dots.in.the.name.{}.svg",
    "it's 100% {} & more.gif",
    "{}_" + "long" * 25 + ".jpeg",
)


@pytest.fixture
def laptop(new_device: NewDevice) -> Device:
    return new_device("laptop")


@pytest.fixture
def phone(new_device: NewDevice) -> Device:
    return new_device("phone")


@pytest.fixture
def server(target: SyncTarget, account: Account) -> MediaClient:
    """The server as one more client sees it."""
    return media_client(target, account)


def many_files(number: int, seed: int = 1) -> dict[str, bytes]:
    chance = random.Random(seed)
    return {
        NAMES[one % len(NAMES)].format(one): chance.randbytes(SIZES[one % len(SIZES)])
        for one in range(number)
    }


def test_sixty_files_of_all_kinds_reach_the_other_device_and_come_back(
    laptop: Device, phone: Device, target: SyncTarget, account: Account, server: MediaClient
) -> None:
    files = many_files(60)
    for name, content in files.items():
        write_media(laptop, name, content)
    refer_to_media(laptop, files)
    assert len(media_of(laptop)) == 60
    expected = {name: sha1(content) for name, content in files.items()}
    assert_media_agree(target, account, expected, laptop, phone)
    assert not laptop.col.media.check().unused
    assert server.begin() == 60
    assert server.sanity(60) == "OK"
    assert {(name, digest) for name, _, digest in server.all_changes()} == set(expected.items())


def test_more_files_than_a_page_of_changes_holds_arrive(
    laptop: Device, phone: Device, target: SyncTarget, account: Account, server: MediaClient
) -> None:
    for number in range(1100):
        write_media(laptop, f"small {number}.txt", b"%d" % number)
    expected = media_of(laptop)
    sync_media(laptop)
    assert len(server.changes()) == 1000
    usns = [usn for _, usn, _ in server.all_changes()]
    assert usns == list(range(1, 1101))
    assert_media_agree(target, account, expected, laptop, phone)


def test_replaced_deleted_and_returning_files_follow_on_the_other_device(
    laptop: Device, phone: Device, target: SyncTarget, account: Account, server: MediaClient
) -> None:
    for number in range(6):
        write_media(laptop, f"{number}.png", b"first %d" % number)
    sync_media(laptop)
    sync_media(phone)
    write_media(phone, "0.png", b"replaced by the phone")
    write_media(phone, "1.png", b"")  # clients take an empty file for a deleted one
    delete_media(phone, "2.png", "3.png")
    sync_media(phone)
    sync_media(laptop)
    assert set(media_of(laptop)) == {"0.png", "4.png", "5.png"}
    delete_media(phone, "1.png")
    write_media(laptop, "2.png", b"added again, with other bytes")
    write_media(laptop, "3.png", b"first 3")
    write_media(laptop, "4.png", b"replaced by the laptop")
    write_media(laptop, "4.png", b"replaced by the laptop, twice")
    expected = media_of(laptop)
    assert set(expected) == {"0.png", "2.png", "3.png", "4.png", "5.png"}
    assert_media_agree(target, account, expected, laptop, phone)
    # Six additions, one replacement, three deletions, two additions, one replacement.
    assert server.begin() == 13
    assert server.sanity(5) == "OK"


def test_the_first_of_two_devices_with_the_same_new_name_wins(
    laptop: Device, phone: Device, target: SyncTarget, account: Account
) -> None:
    write_media(laptop, "same.png", b"from the laptop")
    write_media(phone, "same.png", b"from the phone")
    write_media(phone, "other.png", b"from the phone")
    sync_media(laptop)
    sync_media(phone)
    expected = {"same.png": sha1(b"from the laptop"), "other.png": sha1(b"from the phone")}
    assert_media_agree(target, account, expected, laptop, phone)


def test_the_same_file_on_two_devices_is_one_change(
    laptop: Device, phone: Device, target: SyncTarget, account: Account, server: MediaClient
) -> None:
    write_media(laptop, "same.png", b"the same")
    write_media(phone, "same.png", b"the same")
    sync_media(laptop)
    sync_media(phone)
    assert server.begin() == 1
    assert_media_agree(target, account, {"same.png": sha1(b"the same")}, laptop, phone)


def test_an_addition_beats_the_deletion_on_another_device(
    laptop: Device, phone: Device, target: SyncTarget, account: Account
) -> None:
    write_media(laptop, "a.png", b"old")
    sync_media(laptop)
    sync_media(phone)
    write_media(laptop, "a.png", b"new")
    delete_media(phone, "a.png")
    sync_media(laptop)
    assert_media_agree(target, account, {"a.png": sha1(b"new")}, phone, laptop)


def test_a_file_of_90_megabytes_goes_up_and_down(
    laptop: Device, phone: Device, target: SyncTarget, account: Account
) -> None:
    content = random.Random(90).randbytes(90_000_000)
    write_media(laptop, "film.mkv", content)
    write_media(laptop, "small.png", b"beside it")
    expected = {"film.mkv": sha1(content), "small.png": sha1(b"beside it")}
    assert_media_agree(target, account, expected, laptop, phone)


def test_media_sync_while_a_collection_sync_of_the_same_user_is_open(
    laptop: Device, phone: Device, target: SyncTarget, account: Account
) -> None:
    raw = RawClient(target.url).login(account)
    raw.expect("meta", {"v": 11, "cv": "test"})
    raw.expect("start", {"minUsn": 0, "lnewer": False, "graves": None})
    write_media(laptop, "a.png", b"a")
    sync_media(laptop)
    sync_media(phone)
    assert media_of(phone) == {"a.png": sha1(b"a")}
    # The open sync was neither rolled back nor blocked.
    assert raw.call("applyGraves", {"chunk": {"notes": [], "cards": [], "decks": []}}).status == 200
    assert raw.call("abort").status == 200
    assert_media_agree(target, account, {"a.png": sha1(b"a")}, laptop, phone)


def test_a_collection_can_be_synced_while_its_media_are_going_up(
    laptop: Device, phone: Device, target: SyncTarget, account: Account
) -> None:
    assert laptop.sync() == NO_CHANGES
    files = many_files(40, seed=2)
    for name, content in files.items():
        write_media(laptop, name, content)
    start_media_sync(laptop)
    for _ in range(5):
        assert phone.sync() == NO_CHANGES
    wait_for_media(laptop)
    expected = {name: sha1(content) for name, content in files.items()}
    assert_media_agree(target, account, expected, laptop, phone)


def test_the_collection_sync_tells_the_true_media_usn(
    laptop: Device, phone: Device, target: SyncTarget, account: Account
) -> None:
    raw = RawClient(target.url).login(account)

    def usn_told() -> int:
        usn: int = raw.expect("meta", {"v": 11, "cv": "test"})["media_usn"]
        return usn

    assert usn_told() == 0
    write_media(laptop, "a.png", b"a")
    write_media(laptop, "b.png", b"b")
    sync_everything(laptop)
    assert usn_told() == 2
    # The phone learns of the files from `meta` alone: it does not call `begin`.
    sync_everything(phone)
    assert media_of(phone) == media_of(laptop)
    delete_media(phone, "a.png")
    sync_everything(phone)
    assert usn_told() == 3
    sync_everything(laptop)
    assert set(media_of(laptop)) == {"b.png"}


def test_a_media_sync_of_its_own_calls_begin_and_one_after_meta_does_not(
    laptop: Device, target: SyncTarget, account: Account
) -> None:
    if not isinstance(target, OurServer):
        pytest.skip("what a client asked for stands in the server's log")

    def calls_of_begin() -> int:
        return target.log().count("path=/msync/begin")

    before = calls_of_begin()
    write_media(laptop, "a.png", b"a")
    sync_everything(laptop)
    assert calls_of_begin() == before
    sync_media(laptop)
    assert calls_of_begin() == before + 1
    assert_media_agree(target, account, {"a.png": sha1(b"a")}, laptop)


def test_a_client_that_lost_its_media_database_finds_everything_in_step(
    laptop: Device, phone: Device, target: SyncTarget, account: Account, server: MediaClient
) -> None:
    files = many_files(30, seed=3)
    for name, content in files.items():
        write_media(laptop, name, content)
    sync_media(laptop)
    usn = server.begin()
    laptop.col.media.force_resync()
    expected = {name: sha1(content) for name, content in files.items()}
    assert_media_agree(target, account, expected, laptop, phone)
    assert server.begin() == usn, "files that the server has already are no changes"


def test_a_device_that_lost_files_gets_them_back(
    laptop: Device, phone: Device, target: SyncTarget, account: Account
) -> None:
    write_media(laptop, "a.png", b"a")
    refer_to_media(laptop, ["a.png"])
    sync_media(laptop)
    delete_media(laptop, "a.png")
    assert problems_of_media(laptop) == ["a.png"]
    laptop.col.media.force_resync()
    assert_media_agree(target, account, {"a.png": sha1(b"a")}, laptop, phone)


def test_two_accounts_never_see_each_others_media(
    laptop: Device, unused_device: NewDevice, target: SyncTarget, account: Account
) -> None:
    other = target.new_account()
    stranger = unused_device("stranger").login(target.url, other)
    write_media(laptop, "mine.png", b"mine")
    write_media(laptop, "both.png", b"mine, too")
    write_media(stranger, "both.png", b"theirs")
    mine, theirs = media_of(laptop), media_of(stranger)
    assert_media_agree(target, account, mine, laptop)
    assert_media_agree(target, other, theirs, stranger)
    delete_media(stranger, "both.png")
    assert_media_agree(target, other, {}, stranger)
    assert_media_agree(target, account, mine, laptop)
    assert hashes_in(media_folder(laptop)) == mine
