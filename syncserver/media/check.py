"""Compare a user's media with the index: what is missing, stray, of another content or size."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.media.archive import UploadedChange, stage_copy
from syncserver.media.download import forget_missing
from syncserver.media.index import Entry
from syncserver.media.library import Library
from syncserver.media.names import is_possible_name
from syncserver.media.trash_folder import throw_away
from syncserver.media.upload import Staged, apply_upload

PART_SIZE: Final = 1024 * 1024

Progress = Callable[[], None]


@dataclass(slots=True)
class Findings:
    """The names with each kind of problem, and whether the index's totals are wrong."""

    missing: list[str] = field(default_factory=list)
    wrong_content: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)
    wrong_totals: bool = False

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.missing or self.wrong_content or self.stray or self.wrong_totals)


def check_media(library: Library, progress: Progress = lambda: None) -> Findings:
    """Read every file of a user and compare it with the index; calls `progress` for each."""
    findings = Findings()
    known = set()
    for entry in list(library.index.existing()):
        known.add(entry.name)
        _check_entry(library, entry, findings)
        progress()
    findings.stray = sorted(name for name in _names_on_disk(library) if name not in known)
    findings.wrong_totals = library.index.totals() != library.index.counted_totals()
    return findings


def fix_media(library: Library, findings: Findings) -> None:
    """Bring index and files in step again, losing no bytes.

    Entries without their file are forgotten, so that devices which have it send it again. So are
    those whose file has another content: that is damage, and goes to the trash instead of to all
    devices. Strays are taken in as changes that all devices get; empty ones go to the trash, since
    there can be no media files without bytes.
    """
    for name in [*findings.missing, *findings.wrong_content]:
        entry = library.index.entry(name)
        if entry is not None and entry.exists:
            forget_missing(library, entry)
    _take_in(library, findings.stray)
    with library.index.transaction():
        library.index.set_totals(library.index.counted_totals())


def _check_entry(library: Library, entry: Entry, findings: Findings) -> None:
    if not is_possible_name(entry.name):
        findings.missing.append(entry.name)
        return
    path = library.folder.files / entry.name
    try:
        if _sha1(path) != entry.sha1 or path.stat().st_size != entry.size:
            findings.wrong_content.append(entry.name)
    except FileNotFoundError:
        findings.missing.append(entry.name)
    except IsADirectoryError:
        findings.wrong_content.append(entry.name)


def _names_on_disk(library: Library) -> Iterator[str]:
    with os.scandir(library.folder.files) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and is_possible_name(entry.name):
                yield entry.name


def _take_in(library: Library, names: list[str]) -> None:
    with atomic_files.full_disk_is_passing_trouble(), library.new_batch() as batch:
        changes = []
        for number, name in enumerate(names):
            path = library.folder.files / name
            if path.stat().st_size:
                content = stage_copy(path, batch.file(number))
                changes.append(UploadedChange(name, content))
            else:
                throw_away(library.folder, name)
        apply_upload(library, Staged(batch, changes), quota=0)


def _sha1(path: Path) -> bytes:
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(PART_SIZE):
            digest.update(part)
    return digest.digest()
