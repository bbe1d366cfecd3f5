"""Media: list, upload, download, delete, and compare with what the notes show."""

from syncserver.accounts.scopes import Scope
from syncserver.media.check import Findings, check_media
from syncserver.media.index import Entry
from syncserver.media.single_files import Empty, Taken, open_file, put_file, remove_file
from syncserver.rest.call import Call
from syncserver.rest.models import Binary, Document, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Invalid, NotFound, ScopeTooNarrow
from syncserver.rest.v1.file_parts import parts_of
from syncserver.rest.v1.media_references import named_media
from syncserver.rest.v1.media_types import media_type, safe_headers
from syncserver.rest.v1.pages import Page, PageQuery, decoded, encoded

resource = Resource("media")


class MediaFile(Document):
    """A media file; `sha1` is what its ETag says, too."""

    name: str
    size: int
    sha1: str
    type: str


class MediaReport(Document):
    """What is not as it should be.

    `missing`: shown by notes, and not there. `unused`: there, and shown by no note; names that
    begin with "_" are for templates and never unused. `damaged`: the bytes on the server's disk
    are lost or other ones; a device that still has the file sends it again after its own check.
    """

    missing: list[str]
    unused: list[str]
    damaged: list[str]


@resource.get("/v1/media")
def list_media(call: Call, query: PageQuery) -> Page[MediaFile]:
    """List the media files by name."""
    with call.services.media.owned(call.user.folder) as library:
        found = library.index.page_of_existing(decoded(query.cursor), query.limit + 1)
    items = [_document(entry) for entry in found[: query.limit]]
    more = len(found) > query.limit
    return Page(items=items, next=encoded(items[-1].name) if more else None)


@resource.get("/v1/media/{name}", takes=("If-None-Match",))
def download_media(call: Call, name: str) -> Reply[Binary]:
    """Return a media file."""
    found = open_file(call.services.media, call.user.folder, name)
    if found is None:
        raise NotFound("There is no media file of this name.")
    entry, file = found
    headers = {"ETag": _etag(entry), **safe_headers(name)}
    if _etag(entry) in (call.request.headers.get("If-None-Match") or ""):
        file.close()
        return Reply(Binary([], media_type(name)), status=304, headers=headers)
    content = Binary(parts_of(file), media_type(name), entry.size)
    return Reply(content, headers=headers)


@resource.put("/v1/media/{name}", scope=Scope.ADD, upload="application/octet-stream")
def upload_media(call: Call, name: str) -> Reply[MediaFile]:
    """Store the body as a media file.

    The name must be in the normal form C of Unicode. To replace another file needs the scope
    write; what is replaced goes to the trash.
    """
    settings = call.services.settings_of(call.user)
    parts = call.body_parts(settings.max_media_file_bytes)
    replace = call.has(Scope.WRITE)
    try:
        entry = put_file(
            call.services.media, settings, call.user.folder, (name, parts), replace=replace
        )
    except Empty:
        raise Invalid("There can be no media files without bytes.") from None
    except Taken:
        raise ScopeTooNarrow(Scope.WRITE.value) from None
    return Reply(_document(entry), headers={"ETag": _etag(entry)})


@resource.delete("/v1/media/{name}")
def remove_media(call: Call, name: str) -> None:
    """Delete a media file on all devices; it stays in the server's trash for some days."""
    if not remove_file(call.services.media, call.user.folder, name):
        raise NotFound("There is no media file of this name.")


@resource.post("/v1/media:check", scope=Scope.READ)
def check_all_media(call: Call) -> MediaReport:
    """Compare the files with what the notes show, and with what the server knows of them."""
    with call.reading() as collection:
        named = named_media(collection)
    with call.services.media.owned(call.user.folder) as library:
        findings = check_media(library)
        names = {entry.name for entry in library.index.existing()}
    return MediaReport(
        missing=sorted(named - names),
        unused=sorted(name for name in names - named if not name.startswith("_")),
        damaged=_damaged(findings),
    )


def _document(entry: Entry) -> MediaFile:
    return MediaFile(
        name=entry.name, size=entry.size, sha1=entry.sha1.hex(), type=media_type(entry.name)
    )


def _etag(entry: Entry) -> str:
    return f'"{entry.sha1.hex()}"'


def _damaged(findings: Findings) -> list[str]:
    return sorted([*findings.missing, *findings.wrong_content])
