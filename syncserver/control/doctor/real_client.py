"""A real Anki client in a process of its own: log in, download, sync, sync media; say what happens.

Called with a job as JSON on its input; each step that succeeded is a line of JSON on its output.
It is a process of its own because it must be ended when it takes too long, and because libanki as
a client shares nothing with libanki as a server.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from anki.collection import Collection
from anki.errors import Interrupted, NetworkError, SyncError
from anki.sync_pb2 import SyncAuth, SyncCollectionResponse

MEDIA_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.05
FILE_NAME: Final = "doctor.txt"
FIRST_NOTE: Final = "the doctor's first card"
SECOND_NOTE: Final = "the doctor's second card"


class Failed(Exception):
    """Something went on as it may not."""


class Client:
    """One device, in a folder of its own."""

    def __init__(self, folder: Path, job: dict[str, Any]) -> None:
        folder.mkdir()
        self.col = Collection(str(folder / "collection.anki2"))
        self._job = job
        self._auth = SyncAuth()

    def log_in(self) -> None:
        """Log in with name and password."""
        job = self._job
        self._auth = self.col.sync_login(job["user"], job["password"], endpoint=job["url"])
        self._auth.endpoint = job["url"]

    def sync(self) -> int:
        """Sync, and return which one-way sync is needed instead, if any."""
        answer = self.col.sync_collection(self._auth, sync_media=False)
        return int(answer.required)

    def transfer(self, *, upload: bool) -> None:
        """Replace the server's collection, or this one."""
        self.col.close_for_full_sync()
        try:
            self.col.full_upload_or_download(auth=self._auth, server_usn=None, upload=upload)
        finally:
            self.col.reopen(after_full_sync=True)

    def sync_media(self) -> bool:
        """Sync media for at most `MEDIA_SECONDS`, and tell whether that was enough."""
        self.col.sync_media(self._auth)
        deadline = time.monotonic() + MEDIA_SECONDS
        while self.col.media_sync_status().active:
            if time.monotonic() > deadline:
                self._stop_media()
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _stop_media(self) -> None:
        self.col.abort_media_sync()
        try:
            while self.col.media_sync_status().active:
                time.sleep(POLL_SECONDS)
        except Interrupted:
            pass

    def add_note(self, front: str) -> None:
        """Add a note with one card."""
        notetype = self.col.models.by_name("Basic")
        if notetype is None:
            raise Failed("a new collection has no notetype")
        note = self.col.new_note(notetype)
        note.fields[0] = front
        self.col.add_note(note, self.col.decks.get_current_id())

    def notes(self) -> int:
        """Return how many notes there are."""
        return self.col.note_count()

    def media_folder(self) -> Path:
        """Return where its media lie."""
        return Path(self.col.media.dir())


def visit(job: dict[str, Any], tell: Callable[[str, str], None]) -> None:
    """Sync as somebody's new device does, which changes nothing that the user has."""
    with closing(_new_client(job, "device")) as client:
        client.log_in()
        tell("login", "")
        required = client.sync()
        if required in (SyncCollectionResponse.FULL_DOWNLOAD, SyncCollectionResponse.FULL_SYNC):
            client.transfer(upload=False)
            _expect_no_changes(client.sync())
            tell("sync", f"a new device has downloaded {client.notes()} notes, and synced")
        else:
            tell("sync", "a new device has synced; the account holds no cards yet")
        _tell_media(client, tell)


def try_everything(job: dict[str, Any], tell: Callable[[str, str], None]) -> None:
    """Sync two devices of a scratch account with each other: cards and media, both ways."""
    with closing(_new_client(job, "first")) as first, closing(_new_client(job, "second")) as second:
        first.log_in()
        second.log_in()
        tell("login", "")
        first.add_note(FIRST_NOTE)
        first.sync()
        first.transfer(upload=True)
        second.sync()
        second.transfer(upload=False)
        second.add_note(SECOND_NOTE)
        _expect_no_changes(second.sync())
        _expect_no_changes(first.sync())
        if first.notes() != 2 or second.notes() != 2:
            raise Failed("two devices synced, but do not hold the same cards")
        tell("sync", "two devices of a scratch account uploaded, downloaded and merged")
        _exchange_media(first, second)
        tell("media", "a file went from one device to the other")


def _exchange_media(first: Client, second: Client) -> None:
    first.col.media.write_data(FILE_NAME, b"a file of the doctor's")
    if not first.sync_media() or not second.sync_media():
        raise Failed("syncing one small file took too long")
    if not (second.media_folder() / FILE_NAME).exists():
        raise Failed("a media file did not reach the second device")


def _tell_media(client: Client, tell: Callable[[str, str], None]) -> None:
    complete = client.sync_media()
    files = sum(1 for _ in client.media_folder().iterdir())
    if complete:
        tell("media", f"a new device has all {files} media files")
    else:
        tell("media", f"{files} media files came in {MEDIA_SECONDS:.0f} s; the rest was left out")


def _expect_no_changes(required: int) -> None:
    if required != SyncCollectionResponse.NO_CHANGES:
        raise Failed("after a one-way sync the server asks for another one")


class _Closing(Client):
    """A client that `closing` can close."""

    def close(self) -> None:
        """Quit."""
        if self.col.db is not None:
            self.col.close()


def _new_client(job: dict[str, Any], name: str) -> _Closing:
    return _Closing(Path(job["folder"]) / name, job)


def main() -> None:
    """Do the job on the input; the exit code is 1 when it failed."""
    job = json.load(sys.stdin)

    def tell(step: str, what: str) -> None:
        sys.stdout.write(json.dumps({"step": step, "what": what}) + "\n")
        sys.stdout.flush()

    try:
        (try_everything if job["scratch"] else visit)(job, tell)
    except (SyncError, NetworkError, Failed, Interrupted) as problem:
        # Anki puts invisible marks around what it inserts into sentences.
        text = str(problem).translate({0x2068: None, 0x2069: None})
        sys.stdout.write(json.dumps({"problem": " ".join(text.split())}) + "\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
