"""One side replaces the other: schema changes, forced uploads and downloads."""

import pytest
from anki.errors import SyncError, SyncErrorKind

from tests.conftest import AllSidesAgree, NewDevice
from tests.support.contents import contents
from tests.support.device import FULL_SYNC, FULL_UPLOAD, NO_CHANGES, Device


def add_a_field(device: Device, name: str) -> None:
    basic = device.notetype("Basic")
    device.col.models.add_field(basic, device.col.models.new_field(name))
    device.col.models.update_dict(basic)


def test_a_schema_change_is_uploaded_and_downloaded(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    add_a_field(laptop, "Source")
    assert laptop.sync() == FULL_SYNC
    laptop.upload()
    assert phone.sync() == FULL_SYNC
    phone.download()
    all_sides_agree(laptop, phone)
    assert [field["name"] for field in phone.notetype("Basic")["flds"]] == [
        "Front",
        "Back",
        "Source",
    ]


def test_a_schema_change_can_be_given_up_by_downloading(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    before = contents(phone.col)["notetypes"]
    add_a_field(laptop, "Source")
    assert laptop.sync() == FULL_SYNC
    laptop.download()
    all_sides_agree(laptop, phone)
    assert contents(laptop.col)["notetypes"] == before


def test_an_upload_that_wins_drops_what_the_other_device_had_synced(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    lost = phone.add_note("synced by the phone", "")
    assert phone.sync() == NO_CHANGES
    laptop.col.set_schema_modified()
    assert laptop.sync() == FULL_SYNC
    laptop.upload()
    assert phone.sync() == FULL_SYNC
    phone.download()
    all_sides_agree(laptop, phone)
    assert not phone.has_note(lost)


def test_changes_that_were_not_synced_survive_the_own_upload(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    kept = laptop.add_note("not yet synced", "")
    laptop.col.remove_notes(laptop.col.find_notes("front:one"))
    laptop.col.set_schema_modified()
    assert laptop.sync() == FULL_SYNC
    laptop.upload()
    assert phone.sync() == FULL_SYNC
    phone.download()
    all_sides_agree(laptop, phone)
    assert phone.has_note(kept)
    assert phone.col.note_count() == 3


def test_normal_syncs_go_on_after_a_full_one(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    add_a_field(laptop, "Source")
    assert laptop.sync() == FULL_SYNC
    laptop.upload()
    assert phone.sync() == FULL_SYNC
    phone.download()
    from_phone = phone.add_note("after it", "", "a book")
    from_laptop = laptop.add_note("after it, too", "", "a film")
    all_sides_agree(phone, laptop)
    assert laptop.fields(from_phone)[2] == "a book"
    assert phone.fields(from_laptop)[2] == "a film"


def test_uploads_can_follow_each_other(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    for number in range(3):
        laptop.add_note(f"before upload {number}", "")
        laptop.col.set_schema_modified()
        assert laptop.sync() == FULL_SYNC
        laptop.upload()
    assert phone.sync() == FULL_SYNC
    phone.download()
    all_sides_agree(laptop, phone)
    assert phone.col.note_count() == 6


def test_a_collection_emptied_by_an_upload_takes_the_next_devices_cards(
    laptop: Device, phone: Device, new_device: NewDevice, all_sides_agree: AllSidesAgree
) -> None:
    laptop.col.remove_notes(laptop.col.find_notes(""))
    laptop.col.set_schema_modified()
    laptop.upload()
    assert phone.sync() == FULL_UPLOAD
    phone.upload()
    laptop.download()
    all_sides_agree(phone, laptop)
    assert laptop.col.note_count() == 3


def test_a_failed_sanity_check_forces_a_full_sync_and_loses_nothing(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    added = phone.add_note("added before the damage was found", "")
    # A row that vanished without a grave, as after a crash of an old client.
    phone.db.execute("delete from cards where id = ?", phone.col.find_cards("front:one")[0])
    with pytest.raises(SyncError) as failure:
        phone.sync()
    assert failure.value.kind == SyncErrorKind.OTHER
    assert laptop.sync() == NO_CHANGES
    assert not laptop.has_note(added), "a sync that failed its check must leave nothing behind"
    assert phone.sync() == FULL_SYNC
    phone.download()
    all_sides_agree(laptop, phone)
