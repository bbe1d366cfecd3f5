"""A device with an old Anki: a process of its own, and the things that people do with it."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.accounts import Account
from tests.support.old_anki import OldAnki, python_with

DRIVER = Path(__file__).with_name("old_client_driver.py")
STOP_TIMEOUT = 30.0


class OldClientError(Exception):
    """What the old client raised: `kind` is "auth", "sync", or the name of another exception."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class OldClient:
    """One installation of an old Anki, logged in to an account."""

    def __init__(self, anki: OldAnki, folder: Path, url: str) -> None:
        """Start it with an empty collection. Raises NotInstallable."""
        folder.mkdir(parents=True)
        self.anki = anki
        self._url = url
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                # Without the folders and options of whoever runs the tests.
                [str(python_with(anki)), "-E", "-s", str(DRIVER), str(folder / "collection.anki2")],
                env={**os.environ, **_endpoints(url)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        self._log = folder / "log"

    def close(self) -> None:
        """Quit Anki."""
        try:
            if self._process.poll() is None:
                self._process.communicate(json.dumps({"do": "close"}) + "\n", timeout=STOP_TIMEOUT)
        finally:
            self._process.kill()
            self._process.wait()

    # Syncing

    def login(self, account: Account) -> "OldClient":
        self._do("login", name=account.name, password=account.password, url=self._url)
        return self

    def use_key(self, key: str) -> None:
        """Go on with another host key than the one that the login gave."""
        self._do("use_key", key=key)

    def sync(self) -> str:
        """Sync as the button does, and return the name of the one-way sync that is needed."""
        required: str = self._do("sync")
        return required

    def upload(self) -> None:
        self._do("upload")

    def download(self) -> None:
        self._do("download")

    def sync_media(self) -> None:
        self._do("sync_media")

    @property
    def media_folder(self) -> Path:
        return Path(self._do("media_folder"))

    # Notes and cards

    def add_note(
        self, *fields: str, notetype: str = "Basic", deck: int = 1, tags: Sequence[str] = ()
    ) -> int:
        note: int = self._do("add_note", fields=fields, notetype=notetype, deck=deck, tags=tags)
        return note

    def edit_note(self, note: int, *fields: str) -> None:
        self._do("edit_note", note=note, fields=fields)

    def delete_note(self, note: int) -> None:
        self._do("delete_note", note=note)

    def tag_note(self, note: int, tag: str) -> None:
        self._do("tag_note", note=note, tag=tag)

    def review(self, note: int, ease: int = 3) -> None:
        """Answer the first card of a note."""
        self._do("review", note=note, ease=ease)

    # Decks, options, notetypes, configuration

    def add_deck(self, name: str) -> int:
        deck: int = self._do("add_deck", name=name)
        return deck

    def rename_deck(self, deck: int, name: str) -> None:
        self._do("rename_deck", deck=deck, name=name)

    def add_options(self, name: str, *, reviews_per_day: int, deck: int) -> int:
        """Add deck options and give them to a deck."""
        options: int = self._do(
            "add_options", name=name, reviews_per_day=reviews_per_day, deck=deck
        )
        return options

    def set_reviews_per_day(self, options: int, count: int) -> None:
        self._do("set_reviews_per_day", options=options, count=count)

    def set_description(self, deck: int, text: str) -> None:
        self._do("set_description", deck=deck, text=text)

    def add_notetype(self, name: str) -> int:
        """Add a notetype like Basic."""
        notetype: int = self._do("add_notetype", name=name)
        return notetype

    def set_question(self, notetype: str, template: str) -> None:
        self._do("set_question", notetype=notetype, template=template)

    def add_field(self, notetype: str, name: str) -> None:
        """Change the schema: the next sync must be a full one."""
        self._do("add_field", notetype=notetype, name=name)

    def set_config(self, key: str, value: object) -> None:
        self._do("set_config", key=key, value=value)

    # Everything

    def contents(self) -> dict[str, Any]:
        """Return what `contents` finds here, as JSON has it: tuples are lists."""
        everything: dict[str, Any] = self._do("contents")
        return everything

    def copy_as_schema_11(self, target: Path) -> None:
        """Write the collection in the form that versions before 2.1.57 leave behind."""
        self._do("copy_as_schema_11", target=str(target))

    def check_database(self) -> str:
        """Return the problems that 'Check database' finds here; an empty text means none."""
        problems: str = self._do("check_database")
        return problems

    def check_media(self) -> list[str]:
        """Return the files that notes refer to and that are not there."""
        missing: list[str] = self._do("check_media")
        return missing

    def _do(self, command: str, **arguments: object) -> Any:
        """Have one command done and return its answer. Raises OldClientError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"do": command, **arguments}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"{self.anki.version} ended during {command}:\n{self._log.read_text('utf-8')}"
        reply = json.loads(line)
        if "error" in reply:
            raise OldClientError(**reply["error"])
        return reply["answer"]


def _endpoints(url: str) -> dict[str, str]:
    """Return where clients of version 10 look for the address of a server of one's own."""
    return {"SYNC_ENDPOINT": f"{url}sync/", "SYNC_ENDPOINT_MEDIA": f"{url}msync/"}
