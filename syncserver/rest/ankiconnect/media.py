"""Actions about media files."""

import base64
from fnmatch import fnmatchcase
from typing import Final

from syncserver.accounts.scopes import Scope
from syncserver.media.archive import UploadedChange
from syncserver.media.library import Library
from syncserver.media.upload import Staged, apply_upload
from syncserver.rest.ankiconnect.actions import Actions, Params
from syncserver.rest.ankiconnect.media_files import Source, allowance_of, content_of, store
from syncserver.rest.call import Call

actions: Final = Actions()


class Store(Params, Source):
    """A file to be stored."""


class File(Params):
    """A file by its name."""

    filename: str


class Pattern(Params):
    """Names with * and ? for what is not known of them."""

    pattern: str = "*"


@actions.add("storeMediaFile", scope=Scope.ADD)
def store_media_file(call: Call, params: Store) -> str | None:
    """Store a file, and return the name it got, None if `skipHash` left it out."""
    content = content_of(call, params, allowance_of(call))
    return None if content is None else store(call, params, content)


@actions.add("retrieveMediaFile")
def retrieve_media_file(call: Call, params: File) -> str | bool:
    """Return a file in base64, False if there is none of the name."""
    with call.services.media.owned(call.user.folder) as library:
        entry = library.index.entry(params.filename)
        if entry is None or not entry.exists:
            return False
        content = (library.folder.files / entry.name).read_bytes()
    return base64.b64encode(content).decode()


@actions.add("getMediaFilesNames")
def get_media_files_names(call: Call, params: Pattern) -> list[str]:
    """Return the names of files that fit a pattern."""
    with call.services.media.owned(call.user.folder) as library:
        names = [entry.name for entry in library.index.existing()]
    return sorted(name for name in names if fnmatchcase(name, params.pattern))


@actions.add("deleteMediaFile", scope=Scope.WRITE)
def delete_media_file(call: Call, params: File) -> None:
    """Delete a file; it stays in the trash for a while."""
    with call.services.media.owned(call.user.folder) as library:
        _delete(library, params.filename)


def _delete(library: Library, name: str) -> None:
    with library.new_batch() as batch:
        apply_upload(library, Staged(batch, [UploadedChange(name, None)]), quota=0)
