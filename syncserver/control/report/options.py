"""The options that are not the default: numbers and choices as they are, of all others only that.

An option that is a text may hold a password, a name or an address, so none is told, whichever it is.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel

SET = "(set)"


def changed_options(options: BaseModel) -> dict[str, Any]:
    """Return the options that differ from their defaults, those that may be secret masked."""
    changed = {}
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if field.is_required() or value != field.get_default():
            changed[name] = _told(name, value, field.annotation)
    return changed


def _told(name: str, value: object, annotation: object) -> object:
    if isinstance(value, bool | int | float):
        return value if isinstance(value, bool) else float(value) if value % 1 else int(value)
    if get_origin(annotation) is Literal:
        return value
    if isinstance(value, tuple | list | set):
        return f"({len(value)} entries)"
    special = {"database_url": _database, "public_url": _address}
    return special.get(name, _is_set)(str(value))


def _database(url: str) -> str:
    """Return the kind of database alone."""
    kind = url.partition(":")[0].partition("+")[0]
    return f"({kind})" if kind in ("sqlite", "postgresql", "mysql", "mariadb") else SET


def _address(url: str) -> str:
    """Return the form of an address: its scheme, and whether it has a port and a path."""
    parts = urlsplit(url)
    port = ":(port)" if ":" in parts.netloc.rpartition("]")[2] else ""
    path = "/(path)" if parts.path.strip("/") else ""
    slash = "/" if parts.path.endswith("/") else " without a slash at its end"
    return f"{'https' if parts.scheme == 'https' else 'http'}://(host){port}{path}{slash}"


def _is_set(value: str) -> str:
    return SET if value else "(empty)"


def kinds_of_sources(sources: Mapping[str, str]) -> dict[str, str]:
    """Return where each option came from: file, environment or secret file, without paths."""
    return {option: _kind(source) for option, source in sources.items()}


def _kind(source: str) -> str:
    if "_FILE=" in source:
        return "secret file"
    return "environment" if source.startswith("SYNCSERVER_") else "ini file"
