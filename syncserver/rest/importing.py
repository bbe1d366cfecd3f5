"""Take files in: lists of notes as text, packages of decks, whole collections.

libanki reads the file from disk and looks for media in a folder beside the collection, in which
there are none. So the media that a package would meet by name are put there first, and what is
there afterwards that is new becomes the user's.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from anki.collection import (
    Collection,
    ImportAnkiPackageOptions,
    ImportAnkiPackageRequest,
    ImportCsvRequest,
    ImportLogWithChanges,
)

from syncserver import events
from syncserver.accounts.users import User
from syncserver.collections import atomic_files, restore_points
from syncserver.collections.folders import PRIVATE_FOLDER_MODE, UserFolder
from syncserver.collections.libanki import LibankiCollection, staged_media, unpack_collection
from syncserver.collections.libanki_errors import Rejected
from syncserver.errors import UploadRefused
from syncserver.media.names import is_possible_name
from syncserver.rest.call import Call
from syncserver.rest.media_store import store_files
from syncserver.rest.package_media import NotAPackage, check_size, media_names
from syncserver.rest.problems import FullSyncNeeded, Invalid
from syncserver.sync.collection_file import validated_collection
from syncserver.sync.full_upload import Candidate, replace_collection
from syncserver.sync.sanity import STAMPED_TABLES

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How a text is read; None leaves it to libanki, which looks at the text."""

    notetype_id: int | None = None
    deck_id: int | None = None
    allow_html: bool = True


@dataclass(frozen=True, slots=True)
class Imported:
    """How many notes an import found, and what became of them."""

    found: int
    new: int
    updated: int
    duplicate: int
    conflicting: int

    def document(self) -> dict[str, int]:
        """Return the numbers by their names."""
        return asdict(self)


@contextmanager
def written_file(call: Call, user: User, content: bytes) -> Iterator[Path]:
    """Give a temporary file with this content, on the file system of the user's collection."""
    folder = UserFolder(call.services.settings.users_folder / user.folder)
    folder.prepare()
    with atomic_files.temporary_file(folder.temporary) as path:
        path.write_bytes(content)
        yield path


def import_text(collection: Collection, path: Path, options: TextOptions) -> Imported:
    """Add or update notes from a text with a note in each line (CSV). Raises what libanki does."""
    metadata = collection.get_csv_metadata(str(path), None)
    if options.notetype_id is not None:
        metadata.global_notetype.id = options.notetype_id
    if options.deck_id is not None:
        metadata.deck_id = options.deck_id
    metadata.is_html = options.allow_html
    return _counted(collection.import_csv(ImportCsvRequest(path=str(path), metadata=metadata)))


def import_package(call: Call, user: User, path: Path, *, with_scheduling: bool) -> Imported:
    """Add the notes, decks and media of a deck package (.apkg) to the user's collection.

    Raises Invalid for what is none, and what `Call.changing` and `store_files` do.
    """
    with _package_expected("deck"):
        check_size(path, _most_unpacked(call, user))
        names = media_names(path)
    request = ImportAnkiPackageRequest(
        package_path=str(path), options=ImportAnkiPackageOptions(with_scheduling=with_scheduling)
    )
    call.keep_before(restore_points.IMPORT, user)
    stored = call.services.media.library(user.folder).folder.files
    with call.changing(user) as collection, lent_media(collection, stored, names) as staged:
        imported = _counted(collection.import_anki_package(request))
        # Before the notes are committed: a file that nobody needs is better than one that is
        # missing.
        store_files(call.services, user, staged.new_files())
    log.info(events.PACKAGE_IMPORTED, kind="deck", collection=user.name)
    return imported


def replace_by_package(call: Call, user: User, path: Path, *, allow_full_sync: bool) -> int:
    """Replace the user's collection by a collection package (.colpkg); return how many notes.

    The replaced one goes to the backups, as with an upload. Raises FullSyncNeeded, Invalid.
    """
    if not allow_full_sync:
        raise FullSyncNeeded('A whole collection is replaced only with "allow_full_sync": true.')
    with _package_expected("collection"):
        check_size(path, _most_unpacked(call, user))
    folder = UserFolder(call.services.settings.users_folder / user.folder)
    media = folder.temporary / f"{path.name}-media"
    media.mkdir(mode=PRIVATE_FOLDER_MODE)
    try:
        candidate = _unpacked(path, path.with_suffix(".unpacked"), media)
        store_files(call.services, user, _files_in(media))
        with call.services.collections.borrow(user.folder) as lease:
            replace_collection(
                lease, candidate, call.services.settings.backups_keep, restore_points.IMPORT
            )
    finally:
        shutil.rmtree(media)
        media.with_suffix(".db").unlink(missing_ok=True)
        path.with_suffix(".unpacked").unlink(missing_ok=True)
    notes = candidate.holdings.notes
    log.info(events.COLLECTION_UPLOADED, notes=notes, collection=user.name)
    log.info(events.API_CHANGE, operation=call.operation, collection=user.name)
    log.info(events.PACKAGE_IMPORTED, kind="collection", collection=user.name)
    return notes


def _most_unpacked(call: Call, user: User) -> int:
    settings = call.services.settings_of(user)
    return settings.max_collection_bytes + settings.max_media_zip_bytes


@contextmanager
def _package_expected(kind: str) -> Iterator[None]:
    try:
        yield
    except NotAPackage as problem:
        raise Invalid(f"This is not a {kind} package.", cause=str(problem)) from None


def _unpacked(path: Path, target: Path, media: Path) -> Candidate:
    try:
        unpack_collection(path, target, media)
        _stamp_as_new(target)
        return Candidate(target, validated_collection(target))
    except Rejected as problem:
        raise Invalid("This is not a collection package.", cause=str(problem)) from None
    except UploadRefused as refusal:
        raise Invalid(refusal.public_text, cause=refusal.cause) from None


def _stamp_as_new(path: Path) -> None:
    """Leave nothing that waits for an upload, which a client does before it uploads everything."""
    collection = LibankiCollection(path)
    try:
        for table in STAMPED_TABLES:
            collection.execute(f"update {table} set usn = 0 where usn < 0")
        collection.execute("delete from graves")
        collection.execute("update col set usn = max(usn, 0)")
    finally:
        collection.close()


@dataclass(frozen=True, slots=True)
class LentMedia:
    """The folder in which libanki looks for media, and which of them were the user's before."""

    folder: Path
    before: frozenset[str]

    def new_files(self) -> dict[str, Path]:
        """Return what libanki has put into the folder."""
        found = _files_in(self.folder)
        return {name: path for name, path in found.items() if name not in self.before}


@contextmanager
def lent_media(collection: Collection, stored: Path, names: list[str]) -> Iterator[LentMedia]:
    """Give libanki the user's media of these names, and nothing of the folder afterwards."""
    folder, index = staged_media(collection)
    shutil.rmtree(folder, ignore_errors=True)
    index.unlink(missing_ok=True)
    folder.mkdir(mode=PRIVATE_FOLDER_MODE)
    try:
        present = [name for name in names if is_possible_name(name) and (stored / name).exists()]
        for name in present:
            atomic_files.lend(stored / name, folder / name)
        yield LentMedia(folder, frozenset(present))
    finally:
        shutil.rmtree(folder)
        index.unlink(missing_ok=True)


def _files_in(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir() if path.is_file()}


def _counted(log_of_import: ImportLogWithChanges) -> Imported:
    found = log_of_import.log
    return Imported(
        found=found.found_notes,
        new=len(found.new),
        updated=len(found.updated),
        duplicate=len(found.duplicate) + len(found.first_field_match),
        conflicting=len(found.conflicting),
    )
