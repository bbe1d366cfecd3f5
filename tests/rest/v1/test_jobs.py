"""Imports and exports: round trips between programs, this server and Anki itself."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from anki.collection import (
    DeckIdLimit,
    ExportAnkiPackageOptions,
    ImportAnkiPackageOptions,
    ImportAnkiPackageRequest,
)

from syncserver.accounts.scopes import Scope
from syncserver.control.installation import open_accounts, open_installation
from tests.conftest import AllSidesAgree, NewDevice
from tests.rest.conftest import NewProgram
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.rest.v1.test_media import upload
from tests.support.accounts import Account
from tests.support.device import DEFAULT_DECK, FULL_SYNC, GOOD, Device
from tests.support.media_device import media_of, sync_media, write_media
from tests.support.our_server import OurServer
from tests.support.raw_client import RawClient
from tests.support.rest_client import RestClient

PATIENCE = 60.0


def finished(v1: V1, job: Any) -> Any:
    """Wait for a job to end, and return what it tells then."""
    deadline = time.monotonic() + PATIENCE
    while job["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
        job = v1.get(f"jobs/{job['id']}")
    return job


def imported(v1: V1, content: bytes, **query: object) -> Any:
    reply = v1.call("POST", f"imports?{urlencode(query)}", content)
    assert reply.status == 202, reply
    assert reply.headers["location"] == f"/api/v1/jobs/{reply.json['id']}"
    return finished(v1, reply.json)


def exported(v1: V1, **body: object) -> bytes:
    job = finished(v1, v1.post("exports", body))
    assert job["state"] == "done", job
    reply = v1.client.call("GET", job["file"])
    assert reply.status == 200
    assert reply.headers["content-disposition"].startswith("attachment")
    return reply.body


def test_an_exported_deck_can_be_imported_into_anki(
    v1: V1, laptop: Device, unused_device: NewDevice, tmp_path: Path
) -> None:
    upload(v1, "word.mp3", b"a sound")
    deck = v1.post("decks", {"name": "German"})
    v1.add_note("Wort [sound:word.mp3]", "word", deck="German")
    package = tmp_path / "german.apkg"

    package.write_bytes(exported(v1, format="apkg", deck=deck["id"]))

    other = unused_device("somebody else")
    request = ImportAnkiPackageRequest(
        package_path=str(package), options=ImportAnkiPackageOptions()
    )
    assert len(other.col.import_anki_package(request).log.new) == 1
    assert other.deck_names() == ["Default", "German"]
    assert list(media_of(other)) == ["word.mp3"]
    only_small_syncs(laptop)


def test_a_deck_that_anki_exported_is_on_every_device_after_its_import(
    v1: V1,
    laptop: Device,
    phone: Device,
    unused_device: NewDevice,
    tmp_path: Path,
    all_sides_agree: AllSidesAgree,
) -> None:
    other = unused_device("somebody else")
    note = other.add_note("Wort [sound:word.mp3]", deck=other.add_deck("German"))
    write_media(other, "word.mp3", b"a sound")
    package = tmp_path / "german.apkg"
    other.col.export_anki_package(
        out_path=str(package),
        options=ExportAnkiPackageOptions(with_media=True, with_scheduling=True),
        limit=DeckIdLimit(other.deck("German")["id"]),
    )

    job = imported(v1, package.read_bytes(), format="apkg")

    assert (job["state"], job["result"]["new"], job["problem"]) == ("done", 1, None)
    only_small_syncs(laptop, phone)
    sync_media(phone)
    assert phone.fields(note)[0] == "Wort [sound:word.mp3]"
    assert "word.mp3" in media_of(phone)
    again = imported(v1, package.read_bytes(), format="apkg")
    assert (again["result"]["new"], again["result"]["duplicate"]) == (0, 1)
    all_sides_agree(laptop, phone)


def test_a_whole_collection_goes_out_and_comes_back(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.review(laptop.cards_of(laptop.add_note("kept"))[0], GOOD)
    only_small_syncs(laptop)
    package = exported(v1, format="colpkg")
    for note in v1.all_items("notes"):
        v1.delete(f"notes/{note['id']}")

    refused = v1.call("POST", "imports?format=colpkg", package)
    assert (refused.status, refused.problem) == (409, "full-sync-needed")
    job = imported(v1, package, format="colpkg", allow_full_sync="true")

    assert (job["state"], job["result"]) == ("done", {"notes": 4})
    assert phone.sync() == FULL_SYNC
    phone.download()
    assert phone.col.note_count() == 4
    assert len(v1.get("reviews")["items"]) == 1
    all_sides_agree(phone)


def test_text_goes_out_and_comes_back(
    v1: V1, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    text = exported(v1, format="notes-text").decode()
    assert "one\tback of one" in text
    ids = [note["id"] for note in v1.all_items("notes")]

    changed = text.replace("back of one", "changed").encode()
    job = imported(v1, changed, format="text")

    assert (job["state"], job["result"]["updated"]) == ("done", 1)
    only_small_syncs(laptop, phone)
    assert phone.fields(ids[0]) == ["one", "changed"]
    job = imported(v1, b"four;vier\nfive;funf\n", format="text", notetype="Basic", deck="Default")
    assert job["result"]["new"] == 2
    only_small_syncs(phone, laptop)
    assert len(phone.col.find_notes("four or five")) == 2
    assert b"one" in exported(v1, format="cards-text", note_ids=ids[:1])
    all_sides_agree(laptop, phone)


@pytest.mark.parametrize("kind", ["apkg", "colpkg"])
def test_what_is_no_package_fails_and_changes_nothing(v1: V1, laptop: Device, kind: str) -> None:
    job = imported(v1, b"no package", format=kind, allow_full_sync="true")

    assert (job["state"], job["result"]) == ("failed", None)
    assert job["problem"]["status"] == 422
    only_small_syncs(laptop)


def test_a_text_for_a_notetype_that_is_not_there_fails(v1: V1) -> None:
    job = imported(v1, b"a;b", format="text", notetype="No such")

    assert job["state"] == "failed"
    assert "No such" in job["problem"]["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"format": "exe"},
        {"format": "apkg", "deck": "No such"},
        {"format": "apkg", "deck": 1, "note_ids": []},
        {"format": "colpkg", "deck": 1},
    ],
)
def test_an_export_that_cannot_be_is_refused_at_once(v1: V1, body: object) -> None:
    assert v1.problem("POST", "exports", body) == "invalid"
    assert v1.get("jobs") == []


def test_jobs_are_nobody_elses(v1: V1, ours: OurServer, new_program: NewProgram) -> None:
    v1.add_note("private")
    job = finished(v1, v1.post("exports", {"format": "notes-text"}))
    somebody = V1(new_program(Scope.ADMIN, of=ours.new_account()))

    assert somebody.get("jobs") == []
    for path in (f"jobs/{job['id']}", f"jobs/{job['id']}/file"):
        assert somebody.problem("GET", path) == "not-found"
    assert somebody.problem("DELETE", f"jobs/{job['id']}") == "not-found"


def test_a_removed_job_leaves_nothing_behind(v1: V1, ours: OurServer, account: Account) -> None:
    v1.add_note("x")
    upload(v1, "a.png", b"a")
    job = finished(v1, v1.post("exports", {"format": "colpkg"}))
    imported(v1, b"a;b", format="text")
    left = ours.user_folder(account) / "tmp"
    assert len([path for path in left.rglob("*") if path.is_file()]) == 2

    v1.delete(f"jobs/{job['id']}")

    assert list(left.iterdir()) == []
    assert v1.problem("GET", f"jobs/{job['id']}/file") == "not-found"


def test_the_progress_of_jobs_can_be_watched(v1: V1) -> None:
    v1.post(
        "notes:batch",
        {
            "entries": [
                {"do": "add", "notetype": "Basic", "fields": {"Front": f"{n}"}} for n in range(2000)
            ]
        },
    )

    job = v1.post("exports", {"format": "apkg"})

    assert job["state"] in ("waiting", "running", "done")
    assert [one["id"] for one in v1.get("jobs")] == [job["id"]]
    assert finished(v1, job)["progress"] == ""


def test_a_program_changes_notes_while_an_export_is_made(
    v1: V1, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    jobs = [v1.post("exports", {"format": "apkg"}) for _ in range(3)]
    notes = [v1.add_note(f"meanwhile {number}") for number in range(20)]
    only_small_syncs(laptop)

    assert {finished(v1, job)["state"] for job in jobs} == {"done"}
    assert all(laptop.has_note(note["id"]) for note in notes)
    assert laptop.deck_ids()[0] == DEFAULT_DECK
    all_sides_agree(laptop)


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server on which calls do not wait for syncs."""
    server = OurServer(tmp_path_factory.mktemp("hurried"), {"api_wait": 0})
    yield server
    server.stop()


def test_jobs_wait_for_a_sync_that_calls_do_not_wait_for(hurried: OurServer) -> None:
    account = hurried.new_account()
    program = V1(RestClient(hurried.url, hurried.new_token(account)))
    program.add_note("x")
    phone = RawClient(hurried.url).login(account)
    phone.expect("meta", {"v": 11, "cv": "test"})
    phone.expect("start", {"minUsn": 0, "lnewer": True, "graves": None})
    jobs = [
        program.post("exports", {"format": "notes-text"}),
        program.call("POST", "imports?format=text", b"y;z").json,
    ]
    assert program.problem("POST", "notes", {}) == "invalid"
    assert program.problem("GET", "notes") == "sync-in-progress"
    assert {one["state"] for one in program.get("jobs")} <= {"waiting", "running"}

    phone.expect("abort")

    assert [finished(program, job)["state"] for job in jobs] == ["done", "done"]
    assert len(program.get("notes")["items"]) == 2


def test_who_may_only_read_may_export_and_not_import(v1: V1, new_program: NewProgram) -> None:
    v1.add_note("x")
    reader = V1(new_program(Scope.READ))

    assert b"x" in exported(reader, format="notes-text")
    assert reader.problem("POST", "imports?format=text", b"a;b") == "scope-too-narrow"


def test_who_gets_a_deleted_users_name_does_not_get_the_jobs(
    v1: V1, laptop: Device, ours: OurServer, account: Account, new_program: NewProgram
) -> None:
    job = finished(v1, v1.post("exports", {"format": "apkg", "deck": DEFAULT_DECK}))
    assert job["file"]
    with open_accounts(open_installation(ours.config)) as accounts:
        accounts.users.delete(account.name, purge=False)
        accounts.users.add(account.name, "another")
    other = V1(new_program())
    assert other.get("jobs") == []
    assert other.call("GET", f"jobs/{job['id']}/file").status == 404
