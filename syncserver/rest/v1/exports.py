"""Exports: packages of decks, the whole collection, texts; made from a private copy.

The lease is held only while the collection is copied, so that neither devices nor other programs
wait for a large export. What could be undone before is forgotten by that.
"""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from anki.collection import (
    Collection,
    DeckIdLimit,
    ExportAnkiPackageOptions,
    ExportLimit,
    NoteIdsLimit,
)
from anki.decks import DeckId
from anki.notes import NoteId
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.collections import atomic_files
from syncserver.collections.folders import PRIVATE_FOLDER_MODE, UserFolder
from syncserver.collections.libanki import LibankiCollection, progress_text, staged_media
from syncserver.collections.libanki_errors import translated_errors
from syncserver.jobs import Job, JobFile
from syncserver.media.lending import lend_files
from syncserver.rest.call import Call
from syncserver.rest.models import Body, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Invalid
from syncserver.rest.v1.common import Id, Ids, deck_meant
from syncserver.rest.v1.jobs import JobDocument, begin, patiently

resource = Resource("jobs")

Format = Literal["apkg", "colpkg", "notes-text", "cards-text"]
PACKAGE: Final = "application/zip"
TEXT: Final = "text/plain; charset=utf-8"


class Export(Body):
    """What to export: all, a deck with those below it, or some notes.

    The members from `html` on are for `notes-text`, the others for packages. A `colpkg` is always
    all of it, with scheduling. `legacy` packages can be read by versions before 2.1.50.
    """

    format: Format
    deck: Id | Annotated[str, Field(min_length=1)] | None = None
    note_ids: Ids | None = None
    scheduling: bool = False
    deck_options: bool = False
    media: bool = True
    legacy: bool = False
    html: bool = True
    tags: bool = True
    deck_column: bool = True
    notetype_column: bool = True
    guid_column: bool = True


@dataclass(frozen=True, slots=True)
class _Workshop:
    """The folder in which one export is made."""

    folder: Path

    @property
    def collection(self) -> Path:
        return self.folder / "collection.anki2"

    @property
    def target(self) -> Path:
        return self.folder / "export"


@resource.post("/v1/exports", scope=Scope.READ, status=202)
def begin_export(call: Call, body: Export) -> Reply[JobDocument]:
    """Make a file of the collection, or of a part of it, as a job."""
    limit = _limit(call, body)
    folder = UserFolder(call.services.settings.users_folder / call.user.folder)
    folder.prepare()
    left_behind = ExitStack()
    path = left_behind.enter_context(atomic_files.temporary_file(folder.temporary))
    workshop = _Workshop(path.with_name(f"{path.name}-export"))
    workshop.folder.mkdir(mode=PRIVATE_FOLDER_MODE)
    left_behind.callback(shutil.rmtree, workshop.folder, ignore_errors=True)

    def work(job: Job) -> None:
        _make(call, body, limit, workshop, job)

    return begin(call, "export", left_behind, work)


def _limit(call: Call, body: Export) -> ExportLimit:
    """Return which part is meant. Raises Invalid."""
    if body.deck is not None and body.note_ids is not None:
        raise Invalid("Name either a deck or notes.")
    if body.format == "colpkg" and (body.deck is not None or body.note_ids is not None):
        raise Invalid("A collection package holds all of the collection.")
    if body.note_ids is not None:
        return NoteIdsLimit([NoteId(one) for one in body.note_ids])
    if body.deck is None:
        return None
    with call.reading() as collection:
        return DeckIdLimit(DeckId(deck_meant(collection, body.deck)["id"]))


def _make(call: Call, body: Export, limit: ExportLimit, workshop: _Workshop, job: Job) -> None:
    patiently(job, lambda: _copy(call, workshop, job))
    collection = LibankiCollection(workshop.collection)
    try:
        if body.media:
            job.progress = lambda: "Collecting media"
            _lend_media(call, collection.objects)
        job.progress = lambda: progress_text(collection.objects)
        with translated_errors():
            _WRITERS[body.format](collection, body, limit, workshop.target)
    finally:
        job.progress = str
        if body.format != "colpkg":
            collection.close()
        _remove_all_but(workshop)
    job.file = JobFile(workshop.target, *_NAMES[body.format])


def _copy(call: Call, workshop: _Workshop, job: Job) -> None:
    """Copy the collection while nobody else uses it. Raises SyncConflict."""
    job.progress = lambda: "Copying the collection"
    with call.services.collections.borrow(call.user.folder) as lease:
        stored = lease.folder.collection
        lease.collection  # noqa: B018 - made if there is none yet
        lease.close_collection()
        atomic_files.copy(stored, workshop.collection)


def _lend_media(call: Call, collection: Collection) -> None:
    """Give libanki the user's media, by second names in the folder where it looks for them."""
    folder, _index = staged_media(collection)
    with call.services.media.owned(call.user.folder) as library:
        lend_files(library, folder)


def _remove_all_but(workshop: _Workshop) -> None:
    for path in workshop.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path != workshop.target:
            path.unlink()


def _write_package(
    collection: LibankiCollection, body: Export, limit: ExportLimit, target: Path
) -> None:
    options = ExportAnkiPackageOptions(
        with_scheduling=body.scheduling,
        with_deck_configs=body.deck_options,
        with_media=body.media,
        legacy=body.legacy,
    )
    collection.objects.export_anki_package(out_path=str(target), options=options, limit=limit)


def _write_collection(
    collection: LibankiCollection, body: Export, limit: ExportLimit, target: Path
) -> None:
    del limit  # a collection is all of it
    collection.pack(target, with_media=body.media, legacy=body.legacy)


def _write_notes(
    collection: LibankiCollection, body: Export, limit: ExportLimit, target: Path
) -> None:
    collection.objects.export_note_csv(
        out_path=str(target),
        limit=limit,
        with_html=body.html,
        with_tags=body.tags,
        with_deck=body.deck_column,
        with_notetype=body.notetype_column,
        with_guid=body.guid_column,
    )


def _write_cards(
    collection: LibankiCollection, body: Export, limit: ExportLimit, target: Path
) -> None:
    collection.objects.export_card_csv(out_path=str(target), limit=limit, with_html=body.html)


_Writer = Callable[[LibankiCollection, Export, ExportLimit, Path], None]
_WRITERS: Final[dict[Format, _Writer]] = {
    "apkg": _write_package,
    "colpkg": _write_collection,
    "notes-text": _write_notes,
    "cards-text": _write_cards,
}
_NAMES: Final[dict[Format, tuple[str, str]]] = {
    "apkg": ("export.apkg", PACKAGE),
    "colpkg": ("export.colpkg", PACKAGE),
    "notes-text": ("notes.txt", TEXT),
    "cards-text": ("cards.txt", TEXT),
}
