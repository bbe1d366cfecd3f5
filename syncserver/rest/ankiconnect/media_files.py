"""Media files of AnkiConnect's actions: names, contents, where they may come from."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from syncserver.accounts.scopes import Scope
from syncserver.media.names import is_possible_name
from syncserver.rest.ankiconnect.actions import Part
from syncserver.rest.ankiconnect.packages import NO_PATHS, decoded
from syncserver.rest.call import Call
from syncserver.rest.fetch import fetch
from syncserver.rest.media_store import store_bytes
from syncserver.rest.problems import Invalid
from syncserver.settings import Settings

# Characters that some device's file system does not take; clients drop them too.
IMPOSSIBLE: Final = re.compile(r'[\x00-\x1f\[\]<>:"?*^|]')
SLASHES: Final = ("/", "\\")


class Source(Part):
    """A file: its name, and its content in base64 or where to fetch it."""

    filename: str
    data: str | None = None
    path: str | None = None
    url: str | None = None
    skipHash: str | None = None  # noqa: N815 - the add-on's spelling
    deleteExisting: bool | None = None  # noqa: N815


@dataclass(slots=True)
class Allowance:
    """How many bytes a request may still have fetched from elsewhere: they are held in memory."""

    left: int

    def fetch(self, settings: Settings, url: str) -> bytes:
        """Return what a URL has. Raises what `fetch` does."""
        content = fetch(settings, url, min(settings.max_media_file_bytes, self.left))
        self.left -= len(content)
        return content


def allowance_of(call: Call) -> Allowance:
    """Return what one request may have fetched: as much as it may bring itself."""
    return Allowance(call.services.settings.max_request_bytes)


def content_of(call: Call, source: Source, allowance: Allowance) -> bytes | None:
    """Return the content, None if it is the one that `skipHash` (MD5) says to leave out.

    Raises Invalid for paths, wrong data, hosts that are not allowed, and what `fetch` does.
    """
    if source.data is not None:
        content = decoded(source.data)
    elif source.path is not None:
        raise Invalid(f"{NO_PATHS}: send data or a url")
    elif source.url is not None:
        content = allowance.fetch(call.services.settings, source.url)
    else:
        raise Invalid("a file needs data or a url")
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return None if digest == source.skipHash else content


def store(call: Call, source: Source, content: bytes) -> str:
    """Make the content a media file of the user, and return its name.

    An existing file of another content is replaced if the request does not forbid it and the
    token may change what exists; otherwise the new one gets a name of its own.
    """
    name = possible_name(source.filename)
    if source.deleteExisting is False or not call.has(Scope.WRITE):
        name = _free_name(call, name, hashlib.sha1(content, usedforsecurity=False))
    store_bytes(call.services, call.user, name, content)
    return name


def possible_name(name: str) -> str:
    """Return the name as devices can store it. Raises Invalid for a path and for nothing."""
    if any(slash in name for slash in SLASHES):
        raise Invalid("filename: a name is needed, not a path")
    plain = IMPOSSIBLE.sub("", unicodedata.normalize("NFC", name)).rstrip(" .")
    if not is_possible_name(plain):
        raise Invalid("filename: this cannot be the name of a media file")
    return plain


def _free_name(call: Call, name: str, sha1: "hashlib._Hash") -> str:
    """Return `name`, or another one if it is taken by another content."""
    with call.services.media.owned(call.user.folder) as library:
        taken = library.index.entry(name)
    if taken is None or not taken.exists or taken.sha1 == sha1.digest():
        return name
    path = PurePosixPath(name)
    return possible_name(f"{path.stem[:100]}-{sha1.hexdigest()}{path.suffix}")
