"""Whole syncs of AnkiDroid's own syncer and of Anki 2.0, with the newest Anki beside them."""

import io
import json
import time
import zipfile
from typing import Any

import pytest
from anki.notes import NoteId

from tests.conftest import AllSidesAgree
from tests.support.accounts import Account
from tests.support.device import NO_CHANGES, Device
from tests.support.form_client import ANKIDROID, FormClient, Python2Client, Rust10Client
from tests.support.our_server import OurServer

CLIENTS = [FormClient, Python2Client, Rust10Client]
# A row that a client makes has an id of its own, far from those of the other devices.
OWN_ID = 1_500_000_000_000
NO_GRAVES: dict[str, list[int]] = {"cards": [], "decks": [], "notes": []}
NO_CHANGES_OF_OBJECTS: dict[str, Any] = {"models": [], "decks": [[], []], "tags": []}


class OldSyncer:
    """The steps of a sync with one of the old clients, and what it counts in its collection."""

    def __init__(self, client: FormClient, laptop: Device) -> None:
        self.client = client
        self.laptop = laptop
        self.usn = 0
        self.counts = [
            laptop.db.scalar(f"select count() from {table}")
            for table in ("cards", "notes", "revlog", "notetypes", "decks", "deck_config")
        ]

    def start(self, *, newer: bool = True, graves: object = None, min_usn: int = 0) -> Any:
        """Begin a sync, with all deletions at once, and return those of the server."""
        meta = self.client.expect("meta", {"v": 10, "cv": ANKIDROID})
        assert meta["cont"]
        self.usn = meta["usn"]
        request = {
            "minUsn": min_usn,
            "lnewer": newer,
            "graves": graves or NO_GRAVES,
            "offset": None,
        }
        return self.client.expect("start", request)

    def exchange(self, **changes: object) -> Any:
        """Exchange what is neither note, card nor review, and return the server's."""
        everything = {**NO_CHANGES_OF_OBJECTS, **changes}
        return self.client.expect("applyChanges", {"changes": everything})

    def chunks(self) -> dict[str, list[Any]]:
        """Return all rows that the server has for this client."""
        rows: dict[str, list[Any]] = {"revlog": [], "cards": [], "notes": []}
        done = False
        while not done:
            chunk = self.client.expect("chunk")
            done = chunk.pop("done")
            for table in chunk:
                rows[table] += chunk[table]
        return rows

    def send(self, **rows: list[Any]) -> None:
        """Send rows; tables without any are empty lists."""
        chunk = {"done": True, "revlog": [], "cards": [], "notes": [], **rows}
        assert self.client.expect("applyChunk", {"chunk": chunk}) is None

    def finish(self, cards: int = 0, notes: int = 0, revlog: int = 0, decks: int = 0) -> int:
        """Compare counts, which changed by these numbers, and make the sync durable."""
        changed = [cards, notes, revlog, 0, decks, 0]
        counts = [before + more for before, more in zip(self.counts, changed, strict=True)]
        # The counts of what is due, and of graves, are not the same on both sides.
        of_client = [[3, 0, 1], *counts[:3], 17, *counts[3:]]
        answer = self.client.expect("sanityCheck2", {"client": of_client, "full": False})
        assert answer["status"] == "ok", answer
        modified: int = self.client.expect("finish")
        return modified

    def note_row(self, fields: str, note_id: int = OWN_ID) -> list[Any]:
        notetype = self.laptop.notetype("Basic")["id"]
        now = int(time.time())
        return [note_id, f"guid{note_id}", notetype, now, self.usn, " old ", fields, "", "", 0, ""]

    def card_row(self, note_id: int = OWN_ID, deck: int = 1) -> list[Any]:
        # AnkiDroid computes some columns with floats.
        now, times = int(time.time()), [2.0, 1.5]
        return [
            *(note_id, note_id, deck, 0, now, self.usn, 2, 2, *times, 2500, 1, 0, 0, 0, 0, 0, "")
        ]

    def review_row(self) -> list[Any]:
        return [OWN_ID, OWN_ID, self.usn, 3, 1, -600, 2500, 4000.7, 1]


@pytest.fixture(params=CLIENTS, ids=["AnkiDroid", "Anki 2.0", "Anki 2.1.49"])
def syncer(
    request: pytest.FixtureRequest, laptop: Device, ours: OurServer, account: Account
) -> OldSyncer:
    return OldSyncer(request.param(ours.url).login(account), laptop)


@pytest.fixture
def droid(laptop: Device, ours: OurServer, account: Account) -> OldSyncer:
    return OldSyncer(FormClient(ours.url).login(account), laptop)


def test_what_an_old_client_sends_reaches_the_newest(
    syncer: OldSyncer, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    doomed = laptop.col.find_notes("front:one")[0]
    graves = {"notes": [str(doomed)], "cards": [str(laptop.cards_of(doomed)[0])], "decks": []}
    assert syncer.start(graves=graves) == NO_GRAVES
    deck = {**laptop.deck("Default"), "id": str(OWN_ID), "name": "AnkiDroid's", "usn": syncer.usn}
    config = {**laptop.col.all_config(), "of AnkiDroid": [1, "ü"]}
    crt = laptop.db.scalar("select crt from col")
    answer = syncer.exchange(
        decks=[[{**deck, "mod": str(int(time.time()))}], []], tags=["old"], conf=config, crt=crt
    )
    assert "conf" not in answer
    syncer.chunks()
    syncer.send(
        notes=[syncer.note_row("from an old client 🦉\x1fback")],
        cards=[syncer.card_row(deck=OWN_ID)],
        revlog=[syncer.review_row()],
    )
    assert syncer.finish(revlog=1, decks=1) > 0

    assert laptop.sync() == NO_CHANGES
    assert not laptop.has_note(doomed)
    assert laptop.fields(NoteId(OWN_ID)) == ["from an old client 🦉", "back"]
    assert laptop.deck("AnkiDroid's")["id"] == OWN_ID
    assert laptop.col.get_config("of AnkiDroid") == [1, "ü"]
    assert laptop.col.tags.all() == ["old"]
    card = laptop.db.first("select did, due, ivl, factor from cards where nid = ?", OWN_ID)
    assert card == [OWN_ID, 2, 1, 2500]
    # The newest Anki writes into a card when it was answered last, and 'Check database' misses it.
    laptop.review(laptop.cards_of(NoteId(OWN_ID))[0])
    all_sides_agree(laptop)


def test_what_the_newest_changes_reaches_an_old_client(
    syncer: OldSyncer, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    min_usn = syncer.client.expect("meta", {"v": 10, "cv": ANKIDROID})["usn"]
    doomed, edited, _ = laptop.col.find_notes("")
    card = laptop.cards_of(doomed)[0]
    laptop.edit_note(edited, "edited", "with the newest")
    added = laptop.add_note("added", "", tags=["new"])
    laptop.review(laptop.cards_of(added)[0])
    laptop.col.remove_notes([doomed])
    deck = laptop.add_deck("New::Deck")
    laptop.col.set_config("of the newest", 1)
    assert laptop.sync() == NO_CHANGES

    graves = syncer.start(newer=False, min_usn=min_usn)
    assert graves == {"notes": [doomed], "cards": [card], "decks": []}
    changes = syncer.exchange()
    assert deck in [one["id"] for one in changes["decks"][0]]
    assert changes["tags"] == ["new"]
    assert changes["conf"]["of the newest"] == 1
    assert changes["crt"] == laptop.db.scalar("select crt from col")
    rows = syncer.chunks()
    assert {row[0]: row[6].split("\x1f")[0] for row in rows["notes"]} == {
        edited: "edited",
        added: "added",
    }
    assert all(row[7:] == ["", "", 0, ""] for row in rows["notes"])
    assert [row[1] for row in rows["revlog"]] == laptop.cards_of(added)
    assert all(len(row) == 18 for row in rows["cards"])
    syncer.send()
    syncer.finish(revlog=1, decks=2)
    all_sides_agree(laptop)


def test_an_old_client_that_found_its_own_collection_damaged_is_answered_and_rolled_back(
    droid: OldSyncer, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    droid.start()
    droid.exchange(tags=["lost"])
    droid.chunks()
    droid.send(notes=[droid.note_row("lost\x1f")])
    answer = droid.client.expect("sanityCheck2", {"client": "missing notes", "full": False})
    assert (answer["status"], answer["c"]) == ("bad", "missing notes")
    assert answer["s"][1:4] == [droid.counts[0], droid.counts[1] + 1, droid.counts[2]]
    assert droid.client.call("finish").status == 409
    assert droid.client.expect("abort") is None
    assert laptop.sync() == NO_CHANGES
    assert not laptop.has_note(NoteId(OWN_ID))
    assert laptop.col.tags.all() == []
    all_sides_agree(laptop)


def test_keys_that_the_server_does_not_know_reach_other_old_clients(
    droid: OldSyncer, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    unknown = {"ofAnkiDroid": {"a": [1, None, "ü"]}}
    later = {"mod": int(time.time()) + 5, "usn": 0}
    notetype = {**laptop.notetype("Basic"), **later, **unknown}
    for part in ("flds", "tmpls"):
        notetype[part] = [{**one, **unknown} for one in notetype[part]]
    # What clients of that time have in each field, and newer ones dropped.
    notetype["flds"][0]["media"] = []
    deck = {**laptop.deck("Default"), **later, **unknown}
    options = {**laptop.col.decks.config_dict_for_deck_id(laptop.deck("Default")["id"])}
    options = {**options, **later, **unknown, "minSpace": 1}
    droid.start()
    droid.exchange(models=[notetype], decks=[[deck], [options]])
    droid.chunks()
    droid.send()
    droid.finish()

    droid.start(newer=False)
    received = droid.exchange()
    [basic] = [one for one in received["models"] if one["name"] == "Basic"]
    assert basic["flds"][0]["media"] == []
    assert received["decks"][1][0]["minSpace"] == 1
    for one in (basic, basic["flds"][1], basic["tmpls"][0], *received["decks"][0]):
        assert one["ofAnkiDroid"] == unknown["ofAnkiDroid"]
    assert received["decks"][1][0]["ofAnkiDroid"] == unknown["ofAnkiDroid"]
    assert droid.client.expect("abort") is None
    all_sides_agree(laptop)
    assert laptop.notetype("Basic")["ofAnkiDroid"] == unknown["ofAnkiDroid"]


def test_media_go_up_and_down(syncer: OldSyncer, ours: OurServer) -> None:
    client = syncer.client
    client.host_key = client.begin_media().json["data"]["sk"]
    entries = [["ä 🦉.txt", "0"], ["large.bin", "1"], ["never there.txt", None], ["also.txt", ""]]
    uploaded = client.upload_media(media_zip(entries, {"0": b"owl", "1": bytes(100_000)}))
    assert uploaded.json == {"data": [4, 2], "err": ""}
    changes = client.call_media("mediaChanges", {"lastUsn": 0}).json["data"]
    assert [change[:2] for change in changes] == [["ä 🦉.txt", 1], ["large.bin", 2]]
    assert client.call_media("mediaSanity", {"local": 2}).json["data"] == "OK"
    assert client.call_media("mediaSanity", {"local": 1}).json["data"] == "mediaSanity"

    reply = client.call_media("downloadFiles", {"files": ["large.bin", "ä 🦉.txt"]})
    assert reply.headers["content-length"] == str(len(reply.body))
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        names = json.loads(archive.read("_meta"))
        files = {names[member]: archive.read(member) for member in names}
    assert files == {"large.bin": bytes(100_000), "ä 🦉.txt": b"owl"}

    removed = client.upload_media(media_zip([["large.bin", None]], {}))
    assert removed.json == {"data": [1, 3], "err": ""}
    assert client.call_media("mediaChanges", {"lastUsn": 2}).json["data"] == [["large.bin", 3, ""]]


def media_zip(entries: list[list[str | None]], members: dict[str, bytes]) -> bytes:
    """Return an upload as the clients in Python and Java make it: compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr("_meta", json.dumps(entries))
    return file.getvalue()
