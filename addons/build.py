"""Pack each add-on into dist/<folder>.ankiaddon, the file that people install in Anki.

The same sources give the same bytes: names are sorted, times are fixed, nothing is compressed.
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ADDONS = Path(__file__).parent
LICENSE = ADDONS.parent / "LICENSE"
DEFAULT_OUTPUT = ADDONS.parent / "dist"
SUFFIX = ".ankiaddon"
# What Anki reads; whatever else lies in the folder was left there by somebody's editor or Python.
PACKED_SUFFIXES = {".py", ".json", ".md"}
# Anki keeps there what its user set; a packed one would overwrite it.
NEVER_PACKED = {"meta.json"}
# The oldest time that a zip file can hold.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
READABLE_FILE = 0o100644


def folders() -> list[Path]:
    """Return the folders of the add-ons."""
    return sorted(manifest.parent for manifest in ADDONS.glob("*/manifest.json"))


def build(output: Path = DEFAULT_OUTPUT) -> list[Path]:
    """Write a file for each add-on into a folder, and return their paths."""
    output.mkdir(parents=True, exist_ok=True)
    return [_pack(folder, output / f"{folder.name}{SUFFIX}") for folder in folders()]


def _pack(folder: Path, packed: Path) -> Path:
    # No folder around the files: Anki looks for the manifest at the top.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in _contents(folder):
            entry = zipfile.ZipInfo(path.name, FIXED_TIME)
            entry.external_attr = READABLE_FILE << 16
            entry.create_system = 3  # Unix, wherever this runs
            archive.writestr(entry, path.read_bytes())
    return packed


def _contents(folder: Path) -> Iterator[Path]:
    yield LICENSE
    for path in sorted(folder.iterdir()):
        if path.suffix in PACKED_SUFFIXES and path.name not in NEVER_PACKED:
            yield path


if __name__ == "__main__":
    for built in build():
        sys.stdout.write(f"{built}\n")
