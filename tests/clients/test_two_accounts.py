"""Two people on one server never see anything of each other."""

import pytest
from anki.errors import SyncError, SyncErrorKind

from tests.conftest import AllSidesAgree, NewDevice
from tests.support.accounts import Account, SyncTarget
from tests.support.device import DEFAULT_DECK, FULL_UPLOAD, NO_CHANGES, Device


@pytest.fixture
def other_account(target: SyncTarget, account: Account) -> Account:
    return target.new_account()


@pytest.fixture
def strangers_laptop(
    unused_device: NewDevice, target: SyncTarget, other_account: Account
) -> Device:
    device = unused_device("strangers laptop").login(target.url, other_account)
    device.add_note("a secret of the stranger", "")
    assert device.sync() == FULL_UPLOAD
    device.upload()
    return device


def test_two_accounts_never_see_each_other(
    laptop: Device,
    phone: Device,
    strangers_laptop: Device,
    account: Account,
    other_account: Account,
    all_sides_agree: AllSidesAgree,
) -> None:
    for number in range(3):
        laptop.add_note(f"mine {number}", "")
        strangers_laptop.add_note(f"theirs {number}", "")
        strangers_laptop.col.decks.rename(DEFAULT_DECK, f"Theirs {number}")
        assert laptop.sync() == NO_CHANGES
        assert strangers_laptop.sync() == NO_CHANGES
        assert phone.sync() == NO_CHANGES
    assert phone.col.note_count() == 6
    assert strangers_laptop.col.note_count() == 4
    assert not phone.col.find_notes("theirs or secret")
    assert not strangers_laptop.col.find_notes("mine or front:one")
    all_sides_agree(laptop, phone, of=account)
    all_sides_agree(strangers_laptop, of=other_account)


def test_a_deletion_touches_only_the_own_account_even_when_ids_are_the_same(
    laptop: Device,
    phone: Device,
    target: SyncTarget,
    account: Account,
    other_account: Account,
    all_sides_agree: AllSidesAgree,
) -> None:
    # Two people who downloaded the same shared deck have notes with the same ids.
    strangers = phone.login(target.url, other_account)
    assert strangers.sync() == FULL_UPLOAD
    strangers.upload()
    note = laptop.col.find_notes("front:one")[0]
    laptop.col.remove_notes([note])
    assert laptop.sync() == NO_CHANGES
    all_sides_agree(strangers, of=other_account)
    all_sides_agree(laptop, of=account)
    assert strangers.has_note(note)
    assert not laptop.has_note(note)


def test_the_password_of_one_account_does_not_open_another(
    unused_device: NewDevice, target: SyncTarget, account: Account, other_account: Account
) -> None:
    with pytest.raises(SyncError) as refusal:
        unused_device("curious").login(target.url, Account(account.name, other_account.password))
    assert refusal.value.kind == SyncErrorKind.AUTH
