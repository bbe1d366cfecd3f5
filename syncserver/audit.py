"""The audit trail: who did what to accounts and collections, and when, as a line of JSON each.

Which events belong to it says `events.AUDITED`; the server and the control script both write it.
The file is opened for each line, so whoever rotates it need not tell anybody.
"""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

PRIVATE_MODE: Final = 0o600
# Rotated files that can be read as they are: audit.log.1, audit.log-20261121.
COMPRESSED: Final = (".gz", ".xz", ".bz2", ".zst")

_trail: Path | None = None
# The disk was full in the middle of a line: the next one must not continue it.
_is_torn = False


def use(path: Path | None) -> Path | None:
    """Write the trail of this process to `path` from now on, or nowhere; return the former path."""
    global _trail
    former, _trail = _trail, path
    return former


def record(event: str, fields: Mapping[str, object]) -> None:
    """Append one line, in one write, if this process has a trail. Raises OSError."""
    global _is_torn  # noqa: PLW0603 - the same
    if _trail is None:
        return
    document = {"timestamp": datetime.now(timezone.utc).isoformat(), **fields, "event": event}
    line = ("\n" if _is_torn else "") + json.dumps(document, default=str) + "\n"
    file = os.open(_trail, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_MODE)
    try:
        written = os.write(file, line.encode())
    finally:
        os.close(file)
    _is_torn = 0 < written < len(line)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of the trail, the oldest first, with those of rotated files before it."""
    rotated = [one for one in path.parent.glob(f"{path.name}[.-]*") if one.suffix not in COMPRESSED]
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
            if isinstance(document, dict):
                yield document
