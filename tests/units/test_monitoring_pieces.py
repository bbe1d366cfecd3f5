"""The small rules behind what operators see."""

import io
import json
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import structlog

from syncserver import audit, events
from syncserver.accounts.sync_journal import JournalEntry
from syncserver.collections import restore_points
from syncserver.collections.folders import UserFolder
from syncserver.control.disk_use import disk_use
from syncserver.control.journal_words import in_words, objects_in_words
from syncserver.control.moments import parse_since
from syncserver.control.operator import acting_operator, operator_name
from syncserver.control.output import CommandFailed
from syncserver.control.stats import readable
from syncserver.services import Services
from syncserver.settings import Settings
from syncserver.wsgi.monitoring.gauges import EverythingShown
from syncserver.wsgi.monitoring.readiness import Readiness

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=timezone.utc)
ME = pwd.getpwuid(os.getuid()).pw_name


# Backups


def test_the_newest_backup_is_told_by_its_name(tmp_path: Path) -> None:
    folder = UserFolder(tmp_path)
    assert restore_points.newest_point(folder) is None
    folder.backups.mkdir()
    for name in (
        "collection-20261121T113926.624419Z.anki2",
        "collection-20261121T114013.565496Z.pinned.anki2",
        "collection-20201121T114013.565496Z.anki2",
        "somebody's own copy.anki2",
    ):
        (folder.backups / name).touch()
    newest = datetime(2026, 11, 21, 11, 40, 13, 565496, tzinfo=timezone.utc)
    assert restore_points.newest_point(folder) == newest


def test_the_backup_that_was_just_made_is_the_newest(tmp_path: Path) -> None:
    folder = UserFolder(tmp_path)
    folder.collection.touch()
    before = datetime.now(timezone.utc)
    restore_points.keep_replaced(folder, pinned=True)
    newest = restore_points.newest_point(folder)
    assert newest is not None
    assert before <= newest <= datetime.now(timezone.utc)


# Words


def entry(**changed: object) -> JournalEntry:
    values: dict[str, object] = {
        "user": "anna",
        "device": 7,
        "client": "26.09",
        "kind": "sync",
        "outcome": "finished",
        "started_at": NOW,
        "milliseconds": 10,
        "bytes_in": 1,
        "bytes_out": 1,
        "reason": "",
    }
    counts: dict[str, object] = {
        name: {} for name in ("received", "sent", "won_by_client", "won_by_server")
    }
    return JournalEntry(**{**values, **counts, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "synced, with nothing to exchange"),
        ({"received": {"notes": 1000}}, "synced: sent 1,000 notes"),
        ({"sent": {"revlog": 1}}, "synced: got 1 review"),
        (
            {
                "received": {"decks": 1},
                "won_by_client": {"notes": 1},
                "won_by_server": {"decks": 2},
            },
            (
                "synced: sent 1 deck; changed on both sides:"
                " kept 1 note of the device, kept 2 decks of the server"
            ),
        ),
        ({"outcome": "aborted"}, "gave a sync up; nothing was changed"),
        (
            {"outcome": "refused", "reason": "Another device is syncing."},
            "was refused a sync: Another device is syncing.",
        ),
        ({"kind": "new", "outcome": "odd"}, "new: odd"),
    ],
)
def test_an_entry_is_told_in_words(changed: dict[str, object], words: str) -> None:
    assert in_words(entry(**changed)) == words


def test_objects_of_a_kind_to_come_are_told_by_its_name() -> None:
    assert objects_in_words({"things": 2, "notes": 1, "cards": 0}) == "1 note, 2 things"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (999_960, "1.0 MB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_sizes_are_told_in_their_unit(size: int, text: str) -> None:
    assert readable(size) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("12h", NOW - timedelta(hours=12)),
        ("7d", NOW - timedelta(days=7)),
        ("4w", NOW - timedelta(weeks=4)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=timezone.utc)),
        ("2026-11-01T10:00+02:00", datetime(2026, 11, 1, 8, tzinfo=timezone.utc)),
    ],
)
def test_moments_are_understood(text: str, moment: datetime) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "", "0d", "7", "999999w"])
def test_what_is_no_moment_is_wrong_usage(text: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        parse_since(text, NOW)
    assert failed.value.exit_code == 2


# Operators


@pytest.mark.parametrize(("caller", "name"), [("", ME), (ME, ME), ("anna", f"{ME} (anna)")])
def test_the_operator_is_the_systems_user_and_who_became_that(
    monkeypatch: pytest.MonkeyPatch, caller: str, name: str
) -> None:
    monkeypatch.setenv("SUDO_USER", caller)
    assert operator_name() == name


def test_a_user_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert operator_name() == "54321"


def test_only_the_events_of_the_block_are_the_operators() -> None:
    with acting_operator():
        assert events.request_fields.get()["operator"] == operator_name()
    assert "operator" not in events.request_fields.get()


# The audit trail


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "audit.log"
    former = audit.use(path)
    yield path
    audit.use(former)


@pytest.fixture
def log(trail: Path) -> Iterator[io.StringIO]:
    configured = structlog.get_config()
    stream = io.StringIO()
    events.configure_logging("WARNING", "json", stream)
    yield stream
    structlog.configure(**configured)


def test_what_the_log_does_not_show_is_in_the_trail(trail: Path, log: io.StringIO) -> None:
    logger = structlog.get_logger()
    logger.info(events.LOGIN, user="anna")
    logger.info(events.SYNC_STARTED, user="anna")
    logger.warning(events.LOGIN_FAILED, user="bert")
    assert [line["event"] for line in audit.read(trail)] == ["login", "login_failed"]
    shown = [json.loads(line)["event"] for line in log.getvalue().splitlines()]
    assert shown == ["login_failed"]


def test_what_an_error_tells_looks_like_no_event() -> None:
    configured = structlog.get_config()
    stream = io.StringIO()
    events.configure_logging("INFO", "text", stream)
    sent = "odd\ntimestamp=now level=warning event=login_failed address=192.0.2.1"
    structlog.get_logger().error(events.REQUEST_FAILED, exc_info=ValueError(sent))
    structlog.configure(**configured)
    begun = [line for line in stream.getvalue().splitlines() if not line.startswith("  ")]
    assert [" event=request_failed" in line for line in begun] == [True]
    assert "event=login_failed address=192.0.2.1" in stream.getvalue()


def test_a_line_after_a_torn_one_is_whole(trail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:10]))
    audit.record("login", {"user": "torn"})
    monkeypatch.setattr(os, "write", write)
    audit.record("login", {"user": "whole"})
    audit.record("login", {"user": "after"})
    assert [line["user"] for line in audit.read(trail)] == ["whole", "after"]
    assert "\n\n" not in trail.read_text()


def test_a_line_after_one_that_another_process_has_torn_is_whole(trail: Path) -> None:
    trail.write_text('{"timestamp": "2026-11')
    audit.record("login", {"user": "whole"})
    audit.record("login", {"user": "after"})
    assert [line["user"] for line in audit.read(trail)] == ["whole", "after"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_begins_the_server_goes_on_with(trail: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(trail.parent, nobody.pw_uid, nobody.pw_gid)
    audit.record("user_added", {"user": "anna"})
    status = trail.stat()
    assert (status.st_uid, status.st_gid) == (nobody.pw_uid, nobody.pw_gid)
    assert stat.S_IMODE(status.st_mode) == audit.PRIVATE_MODE


def test_without_a_trail_nothing_is_written(trail: Path) -> None:
    assert audit.use(None) == trail
    audit.record("login", {})
    assert not trail.exists()
    assert list(audit.read(trail)) == []


def test_what_is_no_object_is_no_line_and_compressed_files_are_left_out(trail: Path) -> None:
    line = {"timestamp": NOW.isoformat(), "event": "login"}
    trail.write_text(f'[1]\n"text"\n{{"event": "login"}}\n{json.dumps(line)}\n')
    trail.with_name("audit.log.2.gz").write_bytes(b"\x1f\x8b")
    assert list(audit.read(trail)) == [line]


# Disk


def test_a_file_with_several_names_takes_its_room_once(tmp_path: Path) -> None:
    for user in ("anna", "bert"):
        folder = UserFolder(tmp_path / user)
        (folder.path / "media").mkdir(parents=True)
        folder.collection.write_bytes(bytes(10_000))
    picture = tmp_path / "anna" / "media" / "cat.png"
    picture.write_bytes(os.urandom(50_000))
    alone = disk_use(tmp_path)
    os.link(picture, tmp_path / "bert" / "media" / "cat.png")
    shared = disk_use(tmp_path)
    assert (alone.media_files, alone.media_bytes) == (1, 50_000)
    assert (shared.media_files, shared.media_bytes) == (2, 100_000)
    assert shared.on_disk == alone.on_disk > 70_000
    assert (shared.collections, shared.collection_bytes) == (2, 20_000)
    assert disk_use(tmp_path / "nowhere").collections == 0


def last_samples(services: Services) -> dict[str, float]:
    """Return what is shown by the names of the metrics, and end the services."""
    shown = [sample for family in EverythingShown(services).collect() for sample in family.samples]
    services.close()
    return {sample.name: sample.value for sample in shown}


def test_backups_that_cannot_be_read_cost_nobody_the_metrics(tmp_path: Path) -> None:
    services = Services(Settings(data_root=tmp_path, password_hash_memory=2**20))
    services.start()
    for name in ("anna", "bert"):
        folder = UserFolder(tmp_path / "users" / services.users.add(name, "secret").folder)
        folder.path.mkdir()
        folder.collection.touch()
    folder.backups.touch()
    samples = last_samples(services)
    assert samples["syncserver_users_without_backup"] == 2


def test_backups_of_a_user_whose_collection_is_gone_are_counted(tmp_path: Path) -> None:
    services = Services(Settings(data_root=tmp_path, password_hash_memory=2**20))
    services.start()
    folder = UserFolder(tmp_path / "users" / services.users.add("anna", "secret").folder)
    folder.path.mkdir()
    folder.collection.touch()
    restore_points.keep_replaced(folder, pinned=True)
    folder.collection.unlink()
    samples = last_samples(services)
    assert samples["syncserver_backups"] == 1
    assert samples["syncserver_users_with_backup"] == 0
    assert samples["syncserver_users_without_backup"] == 0


def test_metrics_and_readiness_survive_the_loss_of_the_data_root(tmp_path: Path) -> None:
    services = Services(Settings(data_root=tmp_path / "data"))
    services.start()
    aside = tmp_path / "aside"
    shutil.move(services.settings.data_root, aside)
    names = {family.name for family in EverythingShown(services).collect()}
    problems = Readiness(services).findings().problems
    shutil.move(aside, services.settings.data_root)
    services.close()
    assert "syncserver_data_root_free_bytes" not in names
    assert "syncserver_collections_open" in names
    assert {name for name, problem in problems.items() if problem} >= {"accounts", "disk"}
