"""The report: gathered, masked, and printed as text for an issue or as JSON."""

import getpass
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel
from sqlalchemy import Engine, select

from syncserver.accounts import tables
from syncserver.accounts.database import missing_file, open_database, reading
from syncserver.control.installation import Installation, open_installation
from syncserver.control.output import CommandFailed, print_json, say
from syncserver.control.report.checks import quick_checks
from syncserver.control.report.log_end import end_of_log
from syncserver.control.report.machine import disk, machine, versions
from syncserver.control.report.masking import Masker
from syncserver.control.report.options import changed_options, kinds_of_sources
from syncserver.control.report.sizes import account_counts, stored_sizes
from syncserver.errors import SyncServerError
from syncserver.settings import SettingsError, load_file

MOST_NAMES: Final = 100_000


def print_report(config: Path, *, as_json: bool) -> None:
    """Print what an issue report needs. What cannot be found out is left out, in words."""
    report = gather(config)
    if as_json:
        print_json(report)
        return
    for line in _lines(report):
        say(line)


def gather(config: Path) -> dict[str, Any]:
    """Return the report. Nothing in it names a person, a machine or a secret."""
    report: dict[str, Any] = {"versions": versions(), "machine": machine()}
    try:
        installation = open_installation(config)
        shared, server = load_file(installation.config)
    except (CommandFailed, SettingsError, OSError):
        # Its message quotes what stands in the file.
        return {**report, "configuration": {"problem": "it cannot be used: see ctl.py status"}}
    report["configuration"] = {
        "changed": {**changed_options(shared.options), **changed_options(server.options)},
        "from": kinds_of_sources({**shared.sources, **server.sources}),
    }
    report["disk"] = disk(installation.settings.data_root)
    return {**report, **_of_installation(installation)}


def _of_installation(installation: Installation) -> dict[str, Any]:
    counts, names = _of_accounts(installation)
    masker = Masker([*names, *_own_names(installation)])
    readable = "problem" not in counts
    return {
        "accounts": counts,
        "sizes": stored_sizes(installation.settings.users_folder),
        "checks": quick_checks(installation, accounts_readable=readable),
        "log": end_of_log(installation.log_file, masker),
    }


def _of_accounts(installation: Installation) -> tuple[dict[str, Any], list[str]]:
    """Return counts, and all names, which are needed to take them out."""
    try:
        engine = open_database(installation.settings.accounts_url)
    except SettingsError:  # it quotes what stands in the file
        return {"problem": "database_url cannot be used: see ctl.py check"}, []
    try:
        if missing_file(engine):
            return {"problem": "there is no account database yet"}, []
        return dict(account_counts(engine)), _user_names(engine)
    except SyncServerError as problem:
        return {"problem": type(problem.__cause__ or problem).__name__}, []
    except Exception as problem:  # a report is for what nobody expected
        return {"problem": type(problem).__name__}, []
    finally:
        engine.dispose()


def _user_names(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        rows = connection.execute(select(tables.users.c.name, tables.users.c.folder))
        return [name for row in rows.fetchmany(MOST_NAMES) for name in row]


def _own_names(installation: Installation) -> Iterator[str]:
    """Yield what identifies the machine, its owner and the installation."""
    yield socket.gethostname()
    # In containers a user may have neither a name nor a home.
    with suppress(KeyError, OSError, RuntimeError):
        yield getpass.getuser()
        yield Path.home().name
    for options in (installation.settings, installation.server):
        yield from _texts(options)


def _texts(options: BaseModel) -> Iterator[str]:
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if value == field.get_default() or isinstance(value, bool | int | float):
            continue
        for one in value if isinstance(value, tuple) else (value,):
            yield str(one)
            yield from _parts_of_address(str(one))


def _parts_of_address(text: str) -> Iterable[str]:
    try:
        parts = urlsplit(text)
        found = (parts.hostname, parts.username, parts.password, parts.path.strip("/"))
    except ValueError:
        return ()
    return [part for part in found if part]


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield "This report holds no names, addresses, passwords or keys. Read it before you send it."
    for heading, content in report.items():
        yield ""
        yield f"## {heading}"
        yield ""
        yield from _of_section(content, "")


def _of_section(content: object, indent: str) -> Iterator[str]:
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _of_entry(str(key), value, indent)
    elif isinstance(content, list):
        for one in content:
            if isinstance(one, list):
                yield f"{indent}- {' < '.join(reversed(one))}"
            else:
                yield f"{indent}{one}"


def _of_entry(key: str, value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping | list) and value:
        yield f"{indent}{key}:"
        yield from _of_section(value, f"{indent}    ")
    elif isinstance(value, Mapping | list):
        yield f"{indent}{key}: none"
    else:
        yield f"{indent}{key}: {value}"
