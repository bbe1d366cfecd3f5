"""Add files that are on the server's disk already, as an import or the API brings them."""

from collections.abc import Mapping
from pathlib import Path

from syncserver.media.archive import UploadedChange, stage_copy
from syncserver.media.library import Libraries
from syncserver.media.names import check_name
from syncserver.media.refusal import file_too_large
from syncserver.media.upload import Staged, apply_upload
from syncserver.settings import Settings


def add_files(
    libraries: Libraries, settings: Settings, folder: str, files: Mapping[str, Path]
) -> None:
    """Make the contents of `files` (name, source) media of the user with this folder, durably.

    What has one of the names already is replaced. Raises BadRequest for an impossible name,
    MediaRefused for what is too large, ServerBusy, DiskFull.
    """
    if not files:
        return
    for name, source in files.items():
        check_name(name)
        if source.stat().st_size > settings.max_media_file_bytes:
            raise file_too_large(name, settings.max_media_file_bytes)
    library = libraries.library(folder)
    with library.new_batch() as batch:
        changes = [
            UploadedChange(name, stage_copy(source, batch.file(number)))
            for number, (name, source) in enumerate(files.items())
        ]
        batch.sync(change.content.path for change in changes if change.content)
        store = libraries.store if settings.share_media else None
        with libraries.owned(folder) as owned:
            apply_upload(owned, Staged(batch, changes, store), settings.media_quota)
