"""Copies of restore points in a real S3-compatible store: sent, kept, fetched, and its failures."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncserver.accounts.database import migrate, open_database
from syncserver.accounts.host_keys import HostKeys
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.users import Users
from syncserver.backups.object_store import ObjectStore as Client
from syncserver.backups.offsite import Offsite
from syncserver.collections.atomic_files import replace, temporary_file
from syncserver.collections.folders import UserFolder
from syncserver.collections.restore_points import named_point
from syncserver.settings import Settings
from tests.backups.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.backups import Keeper, contents_of, download_after_restore
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.media_device import (
    bring_media_into_step,
    delete_media,
    media_of,
    refer_to_media,
    sha1,
    sync_media,
    write_media,
)
from tests.support.object_store import ACCESS_KEY, BUCKET, SECRET_KEY, ObjectStore

PREFIX = "copies of/"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A store that runs."""
    store = ObjectStore(tmp_path_factory.mktemp("store"))
    yield store
    store.stop()


def options(store: ObjectStore, **changed: object) -> dict[str, object]:
    return {
        "snapshot_interval": 0,
        "offsite_url": store.url,
        "offsite_bucket": BUCKET,
        "offsite_prefix": PREFIX,
        "offsite_access_key": ACCESS_KEY,
        "offsite_secret_key": SECRET_KEY,
        **changed,
    }


@pytest.fixture(scope="module")
def server(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedServer]:
    """A server that sends its restore points to the store."""
    server = WatchedServer(tmp_path_factory.mktemp("server"), options(store))
    server.secrets.passwords.append(SECRET_KEY)
    yield server
    server.stop()
    server.secrets.assert_not_in_log(server.log())


def is_sent(server: WatchedServer, snapshot: str) -> bool:
    return any(event["snapshot"] == snapshot for event in server.events("offsite_sent"))


def wait_until_sent(server: WatchedServer, snapshot: str) -> None:
    wait_until(lambda: is_sent(server, snapshot), f"{snapshot} is sent")


def listed(keeper: Keeper, account: Account) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = keeper.must("backups", account.name, "--offsite", "--json").json
    return found


def test_each_restore_point_is_sent_and_listed(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    first = keeper.backup(account)
    laptop.add_note("newer", "")
    laptop.sync()
    second = keeper.backup(account)
    wait_until_sent(server, second)
    found = listed(keeper, account)
    assert [(one["snapshot"], one["notes"]) for one in found] == [(second, 4), (first, 3)]
    assert all(one["offsite"] for one in keeper.points(account))


def test_a_restore_fetches_what_is_not_here_any_more_with_its_media(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, store: ObjectStore
) -> None:
    content = {"one.mp3": b"the first", "two.mp3": b"the second", "twin.mp3": b"the first"}
    for name, data in content.items():
        write_media(laptop, name, data)
    refer_to_media(laptop, content)
    laptop.sync()
    sync_media(laptop)
    before = contents_of(laptop)
    snapshot = keeper.backup(account)
    wait_until_sent(server, snapshot)
    assert len(store.names(f"{PREFIX}media/")) == 2, "twins are stored once"

    laptop.col.remove_notes(laptop.col.find_notes("one"))
    laptop.sync()
    delete_media(laptop, *content)
    sync_media(laptop)
    folder = server.user_folder(account)
    shutil.rmtree(folder / "backups")
    shutil.rmtree(folder / "media-trash")
    (folder / "media-trash").mkdir()

    restored = keeper.must("restore", account.name, snapshot, "--json").json
    assert restored["media"] == {
        "unchanged": 0,
        "brought_back": 3,
        "missing": [],
        "problem": None,
    }
    download_after_restore(laptop)
    assert contents_of(laptop) == before
    bring_media_into_step(laptop)
    assert media_of(laptop) == {name: sha1(data) for name, data in content.items()}


def test_media_are_sent_once_however_many_restore_points_name_them(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, store: ObjectStore
) -> None:
    content = b"sent once by all of us"
    write_media(laptop, "shared.mp3", content)
    refer_to_media(laptop, ["shared.mp3"])
    laptop.sync()
    sync_media(laptop)
    wait_until_sent(server, keeper.backup(account))
    (name,) = [one for one in store.names(f"{PREFIX}media/") if size(store, one) == len(content)]
    stored = store.client.stat_object(BUCKET, name).last_modified
    laptop.add_note("newer", "")
    laptop.sync()
    wait_until_sent(server, keeper.backup(account))
    assert store.client.stat_object(BUCKET, name).last_modified == stored


def test_the_copy_of_a_point_that_is_pinned_afterwards_is_pinned_too(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, store: ObjectStore
) -> None:
    write_media(laptop, "one.mp3", b"sent before it was pinned")
    refer_to_media(laptop, ["one.mp3"])
    laptop.sync()
    sync_media(laptop)
    snapshot = keeper.backup(account)
    wait_until_sent(server, snapshot)
    media = [store.client.stat_object(BUCKET, name) for name in store.names(f"{PREFIX}media/")]
    keeper.must("backup", account.name, "--pin")
    sent = f"{PREFIX}users/{server.user_folder(account).name}/collection-{snapshot}"
    names = [f"{sent}.json", f"{sent}.manual.pinned.anki2.zst", f"{sent}.media.zst"]
    wait_until(lambda: store.names(sent) == names, "the copy follows")
    wait_until(lambda: keeper.points(account)[0]["offsite"], "that is noted")
    (copy,) = listed(keeper, account)
    assert (copy["snapshot"], copy["pinned"], copy["sound"]) == (snapshot, True, True)
    again = [store.client.stat_object(BUCKET, name) for name in store.names(f"{PREFIX}media/")]
    assert [one.last_modified for one in again] == [one.last_modified for one in media]

    shutil.rmtree(server.user_folder(account) / "backups")
    keeper.must("restore", account.name, snapshot)
    fetched = keeper.points(account)[-1]
    assert (fetched["pinned"], fetched["offsite"]) == (True, True)


def size(store: ObjectStore, name: str) -> int | None:
    return store.client.stat_object(BUCKET, name).size


def test_a_new_server_gets_everything_back_from_the_store(
    keeper: Keeper,
    server: WatchedServer,
    account: Account,
    laptop: Device,
    store: ObjectStore,
    tmp_path: Path,
) -> None:
    wait_until_sent(server, keeper.backup(account))
    new_server = WatchedServer(tmp_path / "new", options(store))
    try:
        with new_server.accounts() as accounts:
            accounts.users.add(account.name, account.password)
        Keeper(new_server).must("restore", account.name, "newest")
        newcomer = Device(tmp_path / "newcomer").login(new_server.url, account)
        newcomer.download()
        assert newcomer.col.note_count() == 3
        newcomer.close()
    finally:
        new_server.stop()


def test_a_lost_machine_comes_back_from_the_store_with_its_users_and_their_media(
    store: ObjectStore, tmp_path: Path
) -> None:
    kept_elsewhere = options(store, offsite_prefix="lost/")
    lost = WatchedServer(tmp_path / "lost", kept_elsewhere)
    anna, berta, device = lost.new_account(), lost.new_account(), Device(tmp_path / "device")
    try:
        device.login(lost.url, anna)
        content = {"one.mp3": b"the first", "two.mp3": b"the second"}
        for name, data in content.items():
            write_media(device, name, data)
        refer_to_media(device, content)
        assert device.sync() == FULL_UPLOAD
        device.upload()
        sync_media(device)
        before = contents_of(device)
        wait_until_sent(lost, Keeper(lost).backup(anna))
    finally:
        lost.kill()
    found = WatchedServer(tmp_path / "found", kept_elsewhere)
    try:
        keeper = Keeper(found)
        running = keeper.ctl("restore-offsite")
        assert running.exit_code == 1
        assert "in use" in running.errors, "accounts are not replaced under a server"
        found.stop()
        fail_at_the_media_and_be_repeated(keeper, anna)
        keeper.must("sql", anna.name, "select 1")  # which makes an empty collection
        done = keeper.must("restore-offsite", "--json").json
        assert done["users"][anna.name]["notes"] == device.col.note_count()
        assert done["users"][anna.name]["media"]["brought_back"] == len(content)
        assert done["users"][berta.name]["snapshot"] is None
        audited = keeper.must("audit", "--user", anna.name, "--json").json[-1]
        assert (audited["event"], audited["user"]) == ("collection_restored", anna.name)
        again = keeper.must("restore-offsite").output
        assert "accounts: those that are here" in again
        assert f"{anna.name}: has a collection here" in again
        found.start()
        newcomer = Device(tmp_path / "newcomer").login(found.url, anna)
        newcomer.download()
        assert contents_of(newcomer) == before
        bring_media_into_step(newcomer)
        assert media_of(newcomer) == {name: sha1(data) for name, data in content.items()}
        newcomer.close()
        assert device.auth is not None
        device.auth.endpoint = found.url
        download_after_restore(device)  # with the key that it had
        device.close()
    finally:
        found.stop()


def fail_at_the_media_and_be_repeated(keeper: Keeper, account: Account) -> None:
    """See that a collection comes back only with its media, and comes when these can."""
    folder = keeper.server.data_root / "users" / account.name
    folder.mkdir()
    (folder / "media.db").write_bytes(b"damaged" * 1000)
    ended = keeper.ctl("restore-offsite")
    assert ended.exit_code == 1
    assert f"{account.name}: FAILED: media: " in ended.output
    (folder / "media.db").unlink()
    assert f"{account.name}: 2" in keeper.must("restore-offsite").output
    shutil.rmtree(folder)


def test_accounts_are_sent_when_something_in_them_has_changed(
    store: ObjectStore, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {"data_root": tmp_path, **options(store, offsite_prefix="accounts only/")}
    )
    settings.users_folder.mkdir()
    engine = open_database(settings.accounts_url)
    migrate(engine)
    users, keys = Users(engine, Passwords(settings)), HostKeys(engine, 100)
    copies = Offsite(settings, Client(settings)).accounts
    assert not copies.send_if_changed(), "nobody is there yet"
    anna = users.add("anna", "the first password")
    assert copies.send_if_changed()
    assert not copies.send_if_changed()
    key = keys.issue(anna, "client", "127.0.0.1")
    assert copies.send_if_changed()
    device = keys.authenticate(key)
    assert device is not None
    keys.note_use(device, "client", "127.0.0.2")
    keys.flush_uses()
    restarted = Offsite(settings, Client(settings)).accounts
    assert not restarted.send_if_changed(), "that a key was used is no change"
    engine.dispose()
    (tmp_path / "accounts.db").unlink()
    with temporary_file(tmp_path) as fetched:
        assert copies.fetch_newest(fetched) == copies.copies()[-1]
        replace(fetched, tmp_path / "accounts.db")
    assert [user.name for user in users.all_users()] == ["anna"]
    assert keys.authenticate(key) is not None
    engine.dispose()
    assert list(settings.users_folder.iterdir()) == [], "nothing half-made is left"


def test_another_store_gets_all_of_it_again(
    store: ObjectStore, tmp_path: Path, unused_device: NewDevice
) -> None:
    server = WatchedServer(tmp_path / "server", options(store, offsite_prefix="first/"))
    try:
        account = server.new_account()
        device = unused_device("device").login(server.url, account)
        write_media(device, "one.mp3", b"the only one")
        refer_to_media(device, ["one.mp3"])
        assert device.sync() == FULL_UPLOAD
        device.upload()
        sync_media(device)
        snapshot = Keeper(server).backup(account)
        wait_until_sent(server, snapshot)
        server.stop()
        text = server.config.read_text(encoding="utf-8")
        server.config.write_text(text.replace("first/", "second/"), encoding="utf-8")
        server.start()
        wait_until(lambda: len(server.events("offsite_sent")) == 2, "it is sent again")
        of_each = [
            [name.partition("/")[2] for name in store.names(prefix) if "/accounts/" not in name]
            for prefix in ("first/", "second/")
        ]
        assert of_each[0] == of_each[1]
        assert any(name.startswith("media/") for name in of_each[1])
    finally:
        server.stop()


def test_a_user_whose_files_cannot_be_read_keeps_no_copy_of_others_here(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, unreadable_folder: str
) -> None:
    told = len(server.events("offsite_failed"))
    wait_until_sent(server, keeper.backup(account))
    wait_until(lambda: len(server.events("offsite_failed")) > told, "it is told")
    failure = server.events("offsite_failed")[-1]
    assert (failure["folder"], failure["users"]) == (unreadable_folder, 1)


def test_a_deleted_users_copies_go_when_that_is_asked_for(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, store: ObjectStore
) -> None:
    folder = server.user_folder(account).name
    wait_until_sent(server, keeper.backup(account))
    assert keeper.ctl("deluser", account.name, "--offsite", "--yes").exit_code == 2
    ended = keeper.must("deluser", account.name, "--purge", "--yes")
    assert "still in the store" in ended.errors
    assert store.names(f"{PREFIX}users/{folder}/")
    with server.accounts() as accounts:
        accounts.users.add(account.name, account.password)
    keeper.must("deluser", account.name, "--purge", "--offsite", "--yes")
    assert store.names(f"{PREFIX}users/{folder}/") == []


def test_a_copy_whose_description_was_damaged_is_listed_as_such(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, store: ObjectStore
) -> None:
    snapshot = keeper.backup(account)
    wait_until_sent(server, snapshot)
    name = f"{PREFIX}users/{server.user_folder(account).name}/collection-{snapshot}.json"
    store.client.put_object(BUCKET, name, io.BytesIO(b"{"), 1)
    assert [(one["snapshot"], one["sound"]) for one in listed(keeper, account)] == [
        (snapshot, None)
    ]


def test_while_the_store_is_down_points_stay_here_and_are_sent_later(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, store: ObjectStore
) -> None:
    store.stop()
    told = len(server.events("offsite_failed"))
    try:
        snapshot = keeper.backup(account)
        wait_until(lambda: len(server.events("offsite_failed")) > told, "the failure is told")
        failure = server.events("offsite_failed")[-1]
        assert failure["level"] == "error"
        assert "cannot be used" in failure["problem"]
        laptop.add_note("newer", "")
        assert laptop.sync() == NO_CHANGES
        assert keeper.points(account)[0]["offsite"] is False
        ended = keeper.ctl("backups", account.name, "--offsite")
        assert ended.exit_code == 1
        assert "cannot be used" in ended.errors
    finally:
        store.start()
    wait_until_sent(server, snapshot)
    assert keeper.points(account)[0]["offsite"] is True


def test_a_store_that_does_not_answer_keeps_nobody_waiting(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, store: ObjectStore
) -> None:
    store.pause()
    try:
        snapshot = keeper.backup(account)
        laptop.add_note("newer", "")
        assert laptop.sync() == NO_CHANGES
        assert keeper.backup(account) > snapshot, "restore points go on"
        assert not is_sent(server, snapshot)
    finally:
        store.go_on()
    wait_until_sent(server, snapshot)


def test_a_wrong_key_and_a_missing_bucket_are_told_in_words(
    store: ObjectStore, tmp_path: Path, unused_device: NewDevice
) -> None:
    for number, (changed, words) in enumerate(
        (
            ({"offsite_secret_key": "wrong"}, "refuses the key"),
            ({"offsite_bucket": "none-such"}, "no bucket 'none-such'"),
        )
    ):
        server = WatchedServer(tmp_path / f"server{number}", options(store, **changed))
        try:
            account = server.new_account()
            device = unused_device(f"device{number}").login(server.url, account)
            device.add_note("one", "")
            assert device.sync() == FULL_UPLOAD
            device.upload()
            Keeper(server).backup(account)
            wait_until(lambda server=server: server.events("offsite_failed"), "it is told")
            assert words in server.events("offsite_failed")[0]["problem"]
        finally:
            server.stop()


def test_a_copy_that_was_damaged_in_the_store_is_not_restored(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, store: ObjectStore
) -> None:
    snapshot = keeper.backup(account)
    wait_until_sent(server, snapshot)
    folder = server.user_folder(account)
    shutil.rmtree(folder / "backups")
    (name,) = [
        one
        for one in store.names(f"{PREFIX}users/{folder.name}/")
        if snapshot in one and one.endswith(".anki2.zst")
    ]
    content = store.client.get_object(BUCKET, name).read()
    damaged = tmp = folder / "tmp" / "damaged"
    tmp.write_bytes(content[:-20] + bytes(20))
    store.client.fput_object(BUCKET, name, str(damaged))
    before = server.tables(account)
    ended = keeper.ctl("restore", account.name, snapshot)
    assert ended.exit_code == 1
    assert "damaged" in ended.errors
    assert server.tables(account) == before


def test_old_copies_go_but_never_the_newest_or_a_pinned_one(
    store: ObjectStore, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {"data_root": tmp_path, **options(store, offsite_prefix="old/", offsite_keep_days=30)}
    )
    offsite = Offsite(settings, Client(settings))
    folder = UserFolder(tmp_path / "users" / "anna")
    for year, pinned in (("2001", False), ("2002", True), ("2003", False)):
        point = named_point(
            folder, f"{year}0101T000000.000000Z", "schedule", pinned=pinned, packed=True
        )
        for path in (point.path, point.manifest, point.media_list):
            Client(settings).put_bytes(f"users/anna/{path.name}", json.dumps({}).encode())
    assert offsite.remove_old(folder) == 1
    assert not [name for name in store.names("old/") if "2001" in name]
    assert len(store.names("old/")) == 6


def test_a_url_without_a_bucket_keeps_the_server_from_starting(
    store: ObjectStore, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="needs the name of a bucket"):
        WatchedServer(tmp_path / "server", options(store, offsite_bucket=""))
