"""Logging in, the first upload, the second device."""

import pytest
from anki.errors import SyncError, SyncErrorKind
from anki.sync_pb2 import SyncAuth

from tests.conftest import AllSidesAgree, NewDevice
from tests.support.accounts import Account, SyncTarget
from tests.support.contents import contents
from tests.support.device import FULL_DOWNLOAD, FULL_SYNC, FULL_UPLOAD, NO_CHANGES, Device


def test_the_right_name_and_password_give_a_key(
    unused_device: NewDevice, target: SyncTarget, account: Account
) -> None:
    device = unused_device("laptop").login(target.url, account)
    assert device.auth is not None
    assert device.auth.hkey
    assert device.sync() == NO_CHANGES


def test_a_wrong_password_is_told_apart_from_other_trouble(
    unused_device: NewDevice, target: SyncTarget, account: Account
) -> None:
    device = unused_device("laptop")
    with pytest.raises(SyncError) as refusal:
        device.login(target.url, Account(account.name, account.password + "x"))
    assert refusal.value.kind == SyncErrorKind.AUTH


def test_an_unknown_name_is_refused_like_a_wrong_password(
    unused_device: NewDevice, target: SyncTarget
) -> None:
    device = unused_device("laptop")
    with pytest.raises(SyncError) as refusal:
        device.login(target.url, Account("nobody", "secret"))
    assert refusal.value.kind == SyncErrorKind.AUTH


def test_a_key_that_was_never_given_out_cannot_sync(laptop: Device, target: SyncTarget) -> None:
    laptop.auth = SyncAuth(hkey="0" * 40, endpoint=target.url)
    with pytest.raises(SyncError) as refusal:
        laptop.sync()
    assert refusal.value.kind == SyncErrorKind.AUTH


def test_a_first_device_uploads_and_a_second_one_downloads(
    new_device: NewDevice, all_sides_agree: AllSidesAgree
) -> None:
    laptop = new_device("laptop")
    laptop.add_note("front", "back", tags=["first"])
    assert laptop.sync() == FULL_UPLOAD
    laptop.upload()
    phone = new_device("phone")
    assert phone.sync() == FULL_DOWNLOAD
    phone.download()
    assert contents(phone.col) == contents(laptop.col)
    all_sides_agree(laptop, phone)


def test_a_sync_right_after_an_upload_finds_nothing_to_do(laptop: Device) -> None:
    before = laptop.db.first("select mod, usn from col")
    assert laptop.sync() == NO_CHANGES
    assert laptop.db.first("select mod, usn from col") == before


def test_a_second_device_that_already_has_cards_is_asked_which_side_to_keep(
    laptop: Device, new_device: NewDevice
) -> None:
    other = new_device("other")
    other.add_note("made before the first sync", "")
    assert other.sync() == FULL_SYNC


def test_two_new_devices_and_a_new_account_have_nothing_to_say(new_device: NewDevice) -> None:
    assert new_device("laptop").sync() == NO_CHANGES
    assert new_device("phone").sync() == NO_CHANGES
