"""Errands in several steps, about whole collections: lend copies, edit one, receive another.

The work itself (packing, unpacking, an operator's code) is done by the control script's own
process, in a folder that the server gives it and takes away again. What is put into a collection's
place is checked here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from syncserver import events
from syncserver.collections import restore_points
from syncserver.collections.committed import read_committed_state
from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Lease
from syncserver.collections.libanki import STAGED_MEDIA
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.workshop import COLLECTION_NAME, copy_collection, workshop
from syncserver.errands.errand import ErrandFailed, Talk, in_words
from syncserver.errors import SyncServerError, UploadRefused
from syncserver.media.index import IndexUnusable
from syncserver.media.lending import lend_files
from syncserver.media.moving_in import Arrivals
from syncserver.media.moving_in import move_in as move_media_in
from syncserver.services import Services
from syncserver.sync.collection_file import opened
from syncserver.sync.finish import new_modification_time
from syncserver.sync.full_upload import replace_collection
from syncserver.sync.moving_in import move_in, validated_candidate

MANIFEST_NAME: Final = "media.json"

log = structlog.get_logger()


def lend(services: Services, arguments: Mapping[str, Any]) -> Talk:
    """Lend a copy of the collection of `folder`, and with `media` also the media.

    Tells where the `collection` lies, with the media where libanki looks for them, and how many
    `files` these are. All is gone when the control script has answered. The lease is held only
    while the collection is copied.
    """
    folder = arguments["folder"]
    user = UserFolder(services.settings.users_folder / folder)
    with _explained(), workshop(user) as shop:
        with services.collections.borrow(folder) as lease:
            copy_collection(lease, shop / COLLECTION_NAME)
        copy, files = shop / COLLECTION_NAME, 0
        if arguments["media"]:
            with services.media.owned(folder) as library:
                files = lend_files(library, copy.with_suffix(STAGED_MEDIA))
        yield {"collection": str(copy), "files": files}
    return {}


def edit(services: Services, arguments: Mapping[str, Any]) -> Talk:
    """Lend a copy of the collection of `folder` and hold the lease until the script answers.

    With `commit` in the answer the copy takes the collection's place, which goes to the backups.
    Whatever else happens leaves the collection as it was.
    """
    folder = arguments["folder"]
    with _explained(), services.collections.borrow(folder) as lease, workshop(lease.folder) as shop:
        copy = shop / COLLECTION_NAME
        copy_collection(lease, copy)
        answer = yield {"collection": str(copy)}
        if answer["commit"]:
            _commit(lease, copy, services.settings.backups_keep)
            log.info(events.COLLECTION_EDITED, folder=folder)
    return {"committed": bool(answer["commit"])}


def receive(services: Services, arguments: Mapping[str, Any]) -> Talk:
    """Put a collection and media that the script delivers into the place of those of `folder`.

    Tells where they are to be put (`collection`, `media`, `manifest`). The answer says whether
    the collection's stamps are kept (`keep_stamps`); the manifest lists the media. Whatever fails
    leaves the collection as it was.
    """
    folder = arguments["folder"]
    user = UserFolder(services.settings.users_folder / folder)
    library = services.media.library(folder)
    with _explained(), workshop(user) as shop, library.new_batch() as batch:
        copy, manifest = shop / COLLECTION_NAME, shop / MANIFEST_NAME
        answer = yield {
            "collection": str(copy),
            "media": str(batch.folder),
            "manifest": str(manifest),
        }
        candidate = validated_candidate(copy)
        arrivals = msgspec.json.decode(manifest.read_bytes(), type=Arrivals)
        batch.sync(batch.folder.iterdir())
        store = services.media.store if services.settings.share_media else None
        # The media first: a file that nobody needs is better than one that is missing.
        with services.collections.borrow(folder) as lease:
            with services.media.owned(folder) as owned:
                move_media_in(owned, batch, arrivals, store)
            keep = services.settings.backups_keep
            moved = move_in(lease, candidate, keep, keep_stamps=answer["keep_stamps"])
    log.info(events.COLLECTION_IMPORTED, folder=folder, notes=moved.notes)
    return asdict(moved)


def _commit(lease: Lease, copy: Path, backups_keep: int) -> None:
    try:
        candidate = validated_candidate(copy)
    except UploadRefused as problem:  # whose text is for people at a client
        raise ErrandFailed(f"the changes were dropped: {in_words(problem)}") from problem
    with opened(copy) as collection:
        if read_committed_state(collection).modified == lease.committed.modified:
            # Changed by SQL alone, which sets no time.
            collection.execute("update col set mod = ?", new_modification_time(lease))
    replace_collection(lease, candidate, backups_keep, restore_points.EDIT)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what an operator can do something about into words."""
    try:
        yield
    except CollectionDamaged as problem:
        raise ErrandFailed(f"the collection is damaged: {problem}") from problem
    except IndexUnusable as problem:
        raise ErrandFailed(str(problem)) from problem
    except SyncServerError as problem:
        cause = f" ({problem.cause})" if problem.cause else ""
        raise ErrandFailed(f"{problem.public_text}{cause}") from problem
