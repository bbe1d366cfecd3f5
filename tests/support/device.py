"""A device of somebody who learns: a real Anki client with a collection of its own.

It calls the `anki` package in the order in which the desktop program does; nothing is simulated.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anki.cards import CardId
from anki.collection import AddNoteRequest, Collection
from anki.dbproxy import DBProxy
from anki.decks import DeckConfigDict, DeckDict, DeckId
from anki.models import NotetypeDict
from anki.notes import Note, NoteId
from anki.scheduler.v3 import CardAnswer, Scheduler
from anki.sync_pb2 import SyncAuth, SyncCollectionResponse

from tests.support.accounts import Account

# What a device was told to do after it compared itself with the server.
NO_CHANGES = SyncCollectionResponse.NO_CHANGES
FULL_SYNC = SyncCollectionResponse.FULL_SYNC
FULL_DOWNLOAD = SyncCollectionResponse.FULL_DOWNLOAD
FULL_UPLOAD = SyncCollectionResponse.FULL_UPLOAD

DEFAULT_DECK = DeckId(1)
# Where tables keep the time of the last change, in seconds.
CHANGE_TIMES = {
    "notes": "mod",
    "cards": "mod",
    "decks": "mtime_secs",
    "deck_config": "mtime_secs",
    "notetypes": "mtime_secs",
}

AGAIN, HARD, GOOD, EASY = CardAnswer.AGAIN, CardAnswer.HARD, CardAnswer.GOOD, CardAnswer.EASY


class Device:
    """One installation of Anki, and the things that people do with it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.col = Collection(str(folder / "collection.anki2"))
        self.auth: SyncAuth | None = None

    @property
    def db(self) -> DBProxy:
        """The tables of the collection."""
        assert self.col.db is not None, "the collection is closed"
        return self.col.db

    def close(self) -> None:
        """Quit Anki."""
        if self.col.db is not None:
            self.col.close()

    # Syncing

    def login(self, url: str, account: Account) -> "Device":
        """Enter the address, the name and the password; the host key is kept."""
        self.auth = self.col.sync_login(account.name, account.password, endpoint=url)
        # The answer holds the key only; the program adds the address that it was set up with.
        self.auth.endpoint = url
        return self

    def sync(self) -> "SyncCollectionResponse.ChangesRequired.ValueType":
        """Sync as the button does, and return which one-way sync is needed instead, if any."""
        assert self.auth is not None, "this device is not logged in"
        answer = self.col.sync_collection(self.auth, sync_media=False)
        assert not answer.server_message, answer.server_message
        # The program drops what it remembers of notetypes after each sync.
        self.col.models._clear_cache()
        return answer.required

    def upload(self) -> None:
        """Replace what the server has with this collection."""
        self._transfer_everything(upload=True)

    def download(self) -> None:
        """Replace this collection with the server's."""
        self._transfer_everything(upload=False)

    def _transfer_everything(self, *, upload: bool) -> None:
        self.col.close_for_full_sync()
        try:
            self.col.full_upload_or_download(auth=self.auth, server_usn=None, upload=upload)
        finally:
            self.col.reopen(after_full_sync=True)

    # Notes

    def add_note(
        self,
        *fields: str,
        notetype: str = "Basic",
        deck: DeckId = DEFAULT_DECK,
        tags: Sequence[str] = (),
    ) -> NoteId:
        """Add one note with its cards."""
        note = self._new_note(notetype, fields, tags)
        with self._alone_in_its_milliseconds(1):
            self.col.add_note(note, deck)
        return note.id

    def add_notes(self, rows: Sequence[Sequence[str]], notetype: str = "Basic") -> list[NoteId]:
        """Add many notes at once, as an import does."""
        notes = [self._new_note(notetype, fields, ()) for fields in rows]
        with self._alone_in_its_milliseconds(len(notes)):
            self.col.add_notes([AddNoteRequest(note, DEFAULT_DECK) for note in notes])
        return [note.id for note in notes]

    def _new_note(self, notetype: str, fields: Sequence[str], tags: Sequence[str]) -> Note:
        note = self.col.new_note(self.notetype(notetype))
        for position, text in enumerate(fields):
            note.fields[position] = text
        note.tags = list(tags)
        return note

    def edit_note(self, note_id: NoteId, *fields: str) -> None:
        """Change the fields of a note from the first one on."""
        note = self.col.get_note(note_id)
        note.fields[: len(fields)] = fields
        self.col.update_note(note)

    def a_minute_later(self) -> None:
        """Make everything that was changed here, and not synced yet, a minute younger.

        Times of changes are whole seconds, and the protocol leaves it to each side which of two
        changes within one second it keeps. People are slower than that, tests are not.
        """
        for table, column in CHANGE_TIMES.items():
            self.db.execute(f"update {table} set {column} = {column} + 60 where usn = -1")

    def fields(self, note_id: NoteId) -> list[str]:
        """Return the fields of a note."""
        return self.col.get_note(note_id).fields

    def has_note(self, note_id: NoteId) -> bool:
        """Tell whether the note exists here."""
        return bool(self.db.scalar("select count() from notes where id = ?", note_id))

    # Cards

    def cards_of(self, note_id: NoteId) -> list[CardId]:
        """Return the cards of a note in the order of its templates."""
        return list(self.col.card_ids_of_note(note_id))

    def review(self, card_id: CardId, rating: "CardAnswer.Rating.ValueType" = GOOD) -> None:
        """Answer a card, as if it had just been shown."""
        card = self.col.get_card(card_id)
        card.start_timer()
        states = self.col._backend.get_scheduling_states(card_id)
        scheduler = self.col.sched
        assert isinstance(scheduler, Scheduler)
        answer = scheduler.build_answer(card=card, states=states, rating=rating)
        with self._alone_in_its_milliseconds(1):
            scheduler.answer_card(answer)

    def reviews_of(self, card_id: CardId) -> list[int]:
        """Return the ratings given to a card, the oldest first."""
        return self.db.list("select ease from revlog where cid = ? order by id", card_id)

    # Decks, options, notetypes

    def add_deck(self, name: str) -> DeckId:
        """Add a normal deck, with the decks above it."""
        with self._alone_in_its_milliseconds(name.count("::") + 1):
            return DeckId(self.col.decks.add_normal_deck_with_name(name).id)

    def deck(self, name: str) -> DeckDict:
        """Return the deck of that name."""
        deck = self.col.decks.by_name(name)
        assert deck is not None, f"no deck is called {name}"
        return deck

    def deck_names(self) -> list[str]:
        """Return the names of all decks."""
        return [deck.name for deck in self.col.decks.all_names_and_ids()]

    def deck_ids(self) -> list[int]:
        """Return the ids of all decks."""
        return [deck.id for deck in self.col.decks.all_names_and_ids()]

    def add_options(self, name: str) -> DeckConfigDict:
        """Add a group of deck options."""
        with self._alone_in_its_milliseconds(1):
            return self.col.decks.add_config(name)

    def add_filtered_deck(self, name: str, search: str) -> DeckId:
        """Add a filtered deck, and move the cards that it finds into it."""
        deck = self.col.sched.get_or_create_filtered_deck(DeckId(0))
        deck.name = name
        del deck.config.search_terms[1:]
        deck.config.search_terms[0].search = search
        with self._alone_in_its_milliseconds(1):
            return DeckId(self.col.sched.add_or_update_filtered_deck(deck).id)

    def notetype(self, name: str) -> NotetypeDict:
        """Return a copy of the notetype of that name."""
        notetype = self.col.models.by_name(name)
        assert notetype is not None, f"no notetype is called {name}"
        return notetype

    def add_notetype(self, name: str, like: str = "Basic") -> NotetypeDict:
        """Add a notetype with the fields and templates of another one."""
        notetype = self.notetype(like)
        notetype.update({"id": 0, "name": name})
        with self._alone_in_its_milliseconds(1):
            self.col.models.add_dict(notetype)
        return self.notetype(name)

    # Everything

    def check_database(self) -> str:
        """Return the problems that 'Check database' finds here; an empty text means none."""
        report, clean = self.col.fix_integrity()
        return "" if clean else report

    @contextmanager
    def _alone_in_its_milliseconds(self, count: int) -> Iterator[None]:
        # Ids are milliseconds, and several made in one of them are counted on from it. People
        # never make things on two devices within a millisecond; tests would, and ids would meet.
        yield
        time.sleep((count + 2) / 1000)
