"""The zip files of the media sync, made and read by hand: good ones, and parts for bad ones."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

META = "_meta"
# A change as clients send it: a name and its new content, or None when it was deleted.
Change = tuple[str, bytes | None]


def upload_zip(*changes: Change, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return what a client would send for these changes, in their order."""
    entries = [
        (name, str(number) if content is not None else None)
        for number, (name, content) in enumerate(changes)
    ]
    members = {
        str(number): content for number, (_, content) in enumerate(changes) if content is not None
    }
    return zip_of(members, entries, compression=compression)


def zip_of(
    members: Mapping[str, bytes],
    meta: Sequence[Sequence[str | None]] | bytes | None,
    *,
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    """Return a zip of these members; `meta` is the list of entries, or its bytes, or left out."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if meta is not None:
            archive.writestr(META, meta if isinstance(meta, bytes) else _json(meta))
    return target.getvalue()


def downloaded(body: bytes) -> list[tuple[str, bytes]]:
    """Return the names and contents of a downloaded zip in the order of its members."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        names = json.loads(archive.read(META))
        members = [name for name in archive.namelist() if name != META]
        assert sorted(names) == sorted(members)
        assert all(one.compress_type == zipfile.ZIP_STORED for one in archive.infolist())
        return [(names[member], archive.read(member)) for member in members]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
