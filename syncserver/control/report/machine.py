"""What the server runs on: versions, processor, memory, disk."""

import importlib.metadata
import os
import platform
import re
import sqlite3
from pathlib import Path
from typing import Any, Final

from syncserver import __version__

PACKAGE: Final = "syncserver"
MOUNTS: Final = Path("/proc/self/mounts")
OS_RELEASE: Final = Path("/etc/os-release")
CONTAINER_MARKS: Final = (Path("/.dockerenv"), Path("/run/.containerenv"))


def versions() -> dict[str, str]:
    """Return the versions of ours and of what we are built on."""
    return {
        PACKAGE: __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: _version(name) for name in _dependencies()},
    }


def _dependencies() -> list[str]:
    try:
        required = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        required = ["anki", "granian", "sqlalchemy"]
    return sorted({re.split(r"[^A-Za-z0-9_.-]", one)[0].lower() for one in required})


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def machine() -> dict[str, Any]:
    """Return the system, the processors and the memory; not the machine's name."""
    page = os.sysconf("SC_PAGE_SIZE")
    return {
        "system": _system(),
        "kernel": f"{platform.system()} {re.match(r'[0-9.]*', platform.release())[0]}",  # type: ignore[index] # it matches the empty text too
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": page * os.sysconf("SC_PHYS_PAGES"),
        "memory_available_bytes": page * os.sysconf("SC_AVPHYS_PAGES"),
        "container": any(mark.exists() for mark in CONTAINER_MARKS),
    }


def _system() -> str:
    try:
        text = OS_RELEASE.read_text(encoding="utf-8")
    except OSError:
        return platform.system()
    found = dict(re.findall(r'^(ID|VERSION_ID)="?([\w.-]*)"?$', text, re.MULTILINE))
    return f"{found.get('ID', platform.system())} {found.get('VERSION_ID', '')}".strip()


def disk(folder: Path) -> dict[str, Any]:
    """Return the room in a folder's file system, and its kind; without its name."""
    try:
        status = os.statvfs(folder)
    except OSError as problem:
        return {"problem": type(problem).__name__}
    return {
        "file_system": _file_system(folder),
        "bytes": status.f_blocks * status.f_frsize,
        "free_bytes": status.f_bavail * status.f_frsize,
        "free_inodes": status.f_favail,
    }


def _file_system(folder: Path) -> str:
    """Return the kind of file system, such as ext4 or nfs4: SQLite does not get on with some."""
    try:
        lines = [line.split() for line in MOUNTS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return "unknown"
    path = folder.resolve()
    holding = [(mount, kind) for _, mount, kind, *_ in lines if path.is_relative_to(mount)]
    return max(holding, key=lambda one: len(one[0]))[1] if holding else "unknown"
