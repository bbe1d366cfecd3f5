"""Imports: packages of decks, whole collections, texts with a note in each line."""

from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from syncserver.collections import atomic_files, restore_points
from syncserver.collections.folders import UserFolder
from syncserver.collections.libanki import progress_text
from syncserver.jobs import Job
from syncserver.rest.call import Call
from syncserver.rest.importing import (
    Imported,
    TextOptions,
    import_package,
    import_text,
    replace_by_package,
)
from syncserver.rest.models import Query, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import FullSyncNeeded
from syncserver.rest.v1.common import deck_meant, notetype_meant
from syncserver.rest.v1.jobs import JobDocument, begin, patiently

resource = Resource("jobs")

Format = Literal["apkg", "colpkg", "text"]


class ImportQuery(Query):
    """What the body is, and what is to be done with it.

    `text` is CSV or the like: how it is separated, and Anki's own headers, are found out by
    looking at it; `notetype` and `deck` (names) are for what it does not say itself. A `colpkg`
    replaces the whole collection, and needs `allow_full_sync`.
    """

    format: Format
    notetype: str = ""
    deck: str = ""
    html: bool = True
    with_scheduling: bool = False
    allow_full_sync: bool = False


@resource.post("/v1/imports", status=202, upload="application/octet-stream")
def begin_import(call: Call, query: ImportQuery) -> Reply[JobDocument]:
    """Import the file that is the body, as a job whose result has the numbers of notes."""
    if query.format == "colpkg" and not query.allow_full_sync:
        raise FullSyncNeeded('A whole collection is replaced only with "allow_full_sync=true".')
    with ExitStack() as left_behind:
        path = _received(call, query, left_behind)

        def work(job: Job) -> None:
            with left_behind_after:
                job.result = patiently(job, lambda: _result(call, query, path, job))

        left_behind_after = left_behind.pop_all()
        return begin(call, "import", left_behind_after, work)


def _received(call: Call, query: ImportQuery, left_behind: ExitStack) -> Path:
    """Write the body to a temporary file. Raises BodyTooLarge, DiskFull."""
    settings = call.services.settings_of(call.user)
    most = settings.max_collection_bytes + settings.max_media_zip_bytes
    limit = settings.max_request_bytes if query.format == "text" else most
    folder = UserFolder(settings.users_folder / call.user.folder)
    folder.prepare()
    path = left_behind.enter_context(atomic_files.temporary_file(folder.temporary))
    atomic_files.write_parts(path, call.body_parts(limit))
    return path


def _result(call: Call, query: ImportQuery, path: Path, job: Job) -> dict[str, int]:
    if query.format == "text":
        return _import_text(call, query, path, job).document()
    if query.format == "apkg":
        job.progress = lambda: "Importing a package"
        imported = import_package(call, call.user, path, with_scheduling=query.with_scheduling)
        return imported.document()
    job.progress = lambda: "Replacing the collection"
    return {"notes": replace_by_package(call, call.user, path, allow_full_sync=True)}


def _import_text(call: Call, query: ImportQuery, path: Path, job: Job) -> Imported:
    call.keep_before(restore_points.IMPORT)
    with call.changing() as collection:
        job.progress = lambda: progress_text(collection)
        notetype = notetype_meant(collection, query.notetype) if query.notetype else None
        deck = deck_meant(collection, query.deck) if query.deck else None
        options = TextOptions(
            notetype_id=notetype["id"] if notetype else None,
            deck_id=deck["id"] if deck else None,
            allow_html=query.html,
        )
        try:
            return import_text(collection, path, options)
        finally:
            job.progress = str
