"""One collection in the hands of whichever `anki` package the interpreter of this file has.

    python old_client_driver.py COLLECTION

Each line of the input is a command as JSON, {"do": "add_note", "fields": [...]}, and is answered
with one line: {"answer": ...} or {"error": {"kind": ..., "text": ...}}. It does what the desktop
programs of these versions do, in their order. It runs beside packages from 2.1.49 on, and so can
use nothing of this project but `contents`, its neighbour, which knows the `anki` package only.
"""

import copy
import inspect
import json
import os
import shutil
import sys
import time
from typing import Any, TextIO

import anki.lang
from anki.collection import Collection
from anki.errors import SyncError, SyncErrorKind
from anki.sync_pb2 import SyncCollectionResponse
from contents import contents

MEDIA_SYNC_TIMEOUT = 60.0
DEFAULT_DECK = 1


class Driver:
    """The commands; each public method is one."""

    def __init__(self, path: str) -> None:
        self._col = Collection(path)
        self._auth: Any = None
        # Up to 2.1.66 the program itself holds a transaction open, but not while it syncs.
        self._holds_transactions = "trx" in inspect.signature(Collection.save).parameters

    # Syncing

    def login(self, name: str, password: str, url: str) -> str:
        """Return the host key; clients of version 10 have their address from the environment."""
        login = self._col.sync_login
        if "endpoint" in inspect.signature(login).parameters:
            self._auth = login(name, password, endpoint=url)
            self._auth.endpoint = url
        else:
            self._auth = login(name, password)
        return self._auth.hkey

    def use_key(self, key: str) -> None:
        self._auth.hkey = key

    def sync(self) -> str:
        """Return which one-way sync is needed, if any, by the name the package has for it."""
        self._leave_transaction()
        try:
            if "sync_media" in inspect.signature(self._col.sync_collection).parameters:
                answer = self._col.sync_collection(self._auth, sync_media=False)
            else:
                answer = self._col.sync_collection(self._auth)
        finally:
            self._enter_transaction()
        assert not answer.server_message, answer.server_message
        self._col.models._clear_cache()
        return SyncCollectionResponse.ChangesRequired.Name(answer.required)

    def upload(self) -> None:
        self._transfer_everything(upload=True)

    def download(self) -> None:
        self._transfer_everything(upload=False)

    def _transfer_everything(self, *, upload: bool) -> None:
        self._col.close_for_full_sync()
        try:
            if hasattr(self._col, "full_upload_or_download"):
                self._col.full_upload_or_download(auth=self._auth, server_usn=None, upload=upload)
            elif upload:
                self._col.full_upload(self._auth)
            else:
                self._col.full_download(self._auth)
        finally:
            self._col.reopen(after_full_sync=True)

    def sync_media(self) -> None:
        """Return when the media are in step; from 23.10 on that happens in the background."""
        self._col.sync_media(self._auth)
        deadline = time.monotonic() + MEDIA_SYNC_TIMEOUT
        while hasattr(self._col, "media_sync_status") and self._col.media_sync_status().active:
            assert time.monotonic() < deadline, "the media sync does not end"
            time.sleep(0.02)

    def media_folder(self) -> str:
        return self._col.media.dir()

    def _leave_transaction(self) -> None:
        if self._holds_transactions:
            self._col.save(trx=False)

    def _enter_transaction(self) -> None:
        if self._holds_transactions:
            self._col.db.begin()

    # Notes and cards

    def add_note(
        self,
        fields: list[str],
        notetype: str = "Basic",
        deck: int = DEFAULT_DECK,
        tags: tuple[str, ...] = (),
    ) -> int:
        note = self._col.new_note(self._col.models.by_name(notetype))
        note.fields = fields
        note.tags = list(tags)
        self._col.add_note(note, deck)
        return note.id

    def edit_note(self, note: int, fields: list[str]) -> None:
        changed = self._col.get_note(note)
        changed.fields = fields
        self._col.update_note(changed)

    def delete_note(self, note: int) -> None:
        self._col.remove_notes([note])

    def tag_note(self, note: int, tag: str) -> None:
        self._col.tags.bulk_add([note], tag)

    def review(self, note: int, ease: int) -> None:
        """Answer the first card of a note, as if it had just been shown."""
        card = self._col.get_card(self._col.card_ids_of_note(note)[0])
        card.start_timer()
        if hasattr(self._col.sched, "reset"):
            self._col.sched.reset()  # the second scheduler counts its queues here
        self._col.sched.answerCard(card, ease)

    # Decks, options, notetypes, configuration

    def add_deck(self, name: str) -> int:
        return self._col.decks.id(name)

    def rename_deck(self, deck: int, name: str) -> None:
        self._col.decks.rename(deck, name)

    def add_options(self, name: str, reviews_per_day: int, deck: int) -> int:
        """Add deck options and give them to a deck."""
        options = self._col.decks.add_config(name)
        options["rev"]["perDay"] = reviews_per_day
        self._col.decks.update_config(options)
        used_by = self._col.decks.get(deck)
        used_by["conf"] = options["id"]
        self._col.decks.save(used_by)
        return options["id"]

    def set_reviews_per_day(self, options: int, count: int) -> None:
        changed = self._col.decks.get_config(options)
        changed["rev"]["perDay"] = count
        self._col.decks.update_config(changed)

    def set_description(self, deck: int, text: str) -> None:
        changed = self._col.decks.get(deck)
        changed["desc"] = text
        self._col.decks.save(changed)

    def add_notetype(self, name: str) -> int:
        """Add a notetype like Basic."""
        # Old versions hand out the object that they keep.
        notetype = copy.deepcopy(self._col.models.by_name("Basic"))
        notetype.update({"id": 0, "name": name})
        self._col.models.add_dict(notetype)
        return self._col.models.by_name(name)["id"]

    def set_question(self, notetype: str, template: str) -> None:
        """Change the text of a notetype's first template."""
        changed = self._col.models.by_name(notetype)
        changed["tmpls"][0]["qfmt"] = template
        self._col.models.update_dict(changed)

    def add_field(self, notetype: str, name: str) -> None:
        """Change the schema: the next sync must be a full one."""
        changed = self._col.models.by_name(notetype)
        self._col.models.add_field(changed, self._col.models.new_field(name))
        self._col.models.update_dict(changed)

    def set_config(self, key: str, value: Any) -> None:
        self._col.set_config(key, value)

    # Everything

    def contents(self) -> dict[str, Any]:
        return contents(self._col)

    def copy_as_schema_11(self, target: str) -> None:
        """Quit Anki, as which it brings its file back to schema 11, copy the file, start again."""
        path = self._col.path
        self._col.close(downgrade=True)
        shutil.copyfile(path, target)
        self._col = Collection(path)

    def check_database(self) -> str:
        """Return the problems that are found; an empty text means none."""
        report, clean = self._col.fix_integrity()
        return "" if clean else report

    def check_media(self) -> list[str]:
        """Return the files that notes refer to and that are not there."""
        return list(self._col.media.check().missing)

    def close(self) -> None:
        self._col.close()


def answers(driver: Driver, commands: TextIO, replies: TextIO) -> None:
    """Answer commands until there are none left."""
    for line in commands:
        arguments = json.loads(line)
        try:
            reply = {"answer": getattr(driver, arguments.pop("do"))(**arguments)}
        except SyncError as refusal:
            kind = "auth" if refusal.kind == SyncErrorKind.AUTH else "sync"
            reply = {"error": {"kind": kind, "text": str(refusal)}}
        except Exception as problem:
            reply = {"error": {"kind": type(problem).__name__, "text": str(problem)}}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def main() -> None:
    # Old versions print their warnings to the standard output: it gets out of their way.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    anki.lang.set_lang("en")
    answers(Driver(sys.argv[1]), sys.stdin, replies)


if __name__ == "__main__":
    main()
