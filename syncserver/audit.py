"""The audit trail: who did what to accounts and collections, and when, as a line of JSON each.

Which events belong to it says `events.AUDITED`; the server and the control script both write it.
The file is opened for each line, so whoever rotates it need not tell anybody.
"""

import glob
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

PRIVATE_MODE: Final = 0o600
# Rotated files that can be read as they are: audit.log.1, audit.log-20261121.
COMPRESSED: Final = (".gz", ".xz", ".bz2", ".zst")
# What is no line of ours has not both.
ALWAYS_THERE: Final = {"timestamp", "event"}

_trail: Path | None = None


def use(path: Path | None) -> Path | None:
    """Write the trail of this process to `path` from now on, or nowhere; return the former path."""
    global _trail
    former, _trail = _trail, path
    return former


def record(event: str, fields: Mapping[str, object]) -> None:
    """Append one line, in one write, if this process has a trail. Raises OSError."""
    if _trail is None:
        return
    document = {"timestamp": datetime.now(timezone.utc).isoformat(), **fields, "event": event}
    line = json.dumps(document, default=str) + "\n"
    file = _open(_trail)
    try:
        os.write(file, (("\n" if _is_torn(file) else "") + line).encode())
    finally:
        os.close(file)


def _open(trail: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(trail, flags)
    except FileNotFoundError:
        file = os.open(trail, flags | os.O_CREAT, PRIVATE_MODE)
    if os.geteuid() == 0:  # the server goes on with what root has begun
        owner = trail.parent.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


def _is_torn(file: int) -> bool:
    """Tell whether a full disk or a crash, maybe another process's, has left half a line."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of the trail, the oldest first, with those of rotated files before it."""
    named_so = path.parent.glob(f"{glob.escape(path.name)}[.-]*")
    rotated = [one for one in named_so if one.suffix not in COMPRESSED]
    for file in (*sorted(rotated, key=lambda one: one.stat().st_mtime), path):
        if file.exists():
            yield from _lines(file)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                document = json.loads(line)
            except ValueError:
                continue  # torn by a full disk
            if isinstance(document, dict) and document.keys() >= ALWAYS_THERE:
                yield document
