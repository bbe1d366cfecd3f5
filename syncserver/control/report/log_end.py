"""The end of the log, field by field: what is known to be harmless is told, all else is not."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from syncserver import events
from syncserver.control.report.masking import GONE, Masker, is_ours
from syncserver.wsgi import media_methods, sync_methods

TAIL_BYTES: Final = 2_000_000
LINES_SHOWN: Final = 60
FAILURES_SHOWN: Final = 5
FRAMES_SHOWN: Final = 12

EVENTS: Final = frozenset(value for name, value in vars(events).items() if name.isupper())
LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical"})
VERBS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# The same person or device can be followed through the lines without being known.
PSEUDONYMS: Final = {"user": "user", "address": "address", "request_id": "request"}
# Sentences of ours, or of libraries.
SENTENCES: Final = frozenset({"cause", "reason", "problem", "text"})
TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?")
NUMBER: Final = re.compile(r"-?\d+(\.\d+)?|true|false|True|False|None|null")
# What clients call themselves; whatever else somebody sends in that place is not told.
CLIENT: Final = re.compile(
    r"((anki|ankidesktop|ankidroid|ankimobile|syncserver-doctor),)?\d[\w.]{0,11}( \([0-9a-f]{1,12}\))?"
    r"(,[0-9a-f]{4,16})?,(lin|linux|mac|macos|win|windows|ios|android|docker|\d)[a-z0-9:.]{0,16}"
)
# All other paths may hold anything.
TOLD_PATHS: Final = frozenset(
    (
        *("/", "/health", "/ready", "/metrics"),
        *(f"/sync/{method}" for method in sync_methods.METHODS),
        *(f"/msync/{method}" for method in media_methods.METHODS),
    )
)
PAIR: Final = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
FRAME: Final = re.compile(r'^ *File "(?P<file>[^"]*)", line (?P<line>\d+), in (?P<name>\w+)')
ERROR_CLASS: Final = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(:|$)")


@dataclass
class Record:
    """One event of the log, with the traceback below it, as it was written."""

    fields: Mapping[str, Any]
    traceback: list[str]


def end_of_log(path: Path, masker: Masker) -> dict[str, Any]:
    """Return the newest lines, how often each event came, and what failed, all of it masked."""
    try:
        records = list(_records(_tail(path)))
    except FileNotFoundError:
        return {"lines": [], "note": "no log file: the service manager has it (journalctl)"}
    except OSError as problem:
        return {"lines": [], "note": f"the log cannot be read: {type(problem).__name__}"}
    failures = [one for one in records if one.fields.get("event") == events.REQUEST_FAILED]
    return {
        "bytes": path.stat().st_size,
        "events": _counted(records, "event", EVENTS),
        "levels": _counted(records, "level", LEVELS),
        "statuses": _counted(records, "status", frozenset(map(str, range(100, 600)))),
        "failures": [_failure(one) for one in failures[-FAILURES_SHOWN:]],
        "problems": [_line(one, masker) for one in _problems(records)],
        "lines": [_line(one, masker) for one in records[-LINES_SHOWN:]],
    }


def _tail(path: Path) -> list[str]:
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - TAIL_BYTES))
        lines = log.read().decode("utf-8", "replace").splitlines()
    # The first one is cut in the middle.
    return lines[1:] if size > TAIL_BYTES else lines


def _records(lines: list[str]) -> Iterator[Record]:
    current: Record | None = None
    for line in lines:
        fields = _fields(line)
        if fields:
            if current is not None:
                yield current
            current = Record(fields, _structured_traceback(fields))
        elif current is not None:
            current.traceback.append(line.removeprefix(events.traceback_indent))
    if current is not None:
        yield current


def _fields(line: str) -> Mapping[str, Any]:
    """Return the fields of a line, in either format of the log; none if it is no event."""
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            return {}
        return found if isinstance(found, dict) and "event" in found else {}
    if not line.startswith("timestamp="):
        return {}
    return {key: _unquoted(value) for key, value in PAIR.findall(line)}


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return GONE


def _structured_traceback(fields: Mapping[str, Any]) -> list[str]:
    """Return a traceback of the JSON format as lines of the text format."""
    stacks = fields.get("exception")
    if not isinstance(stacks, list):
        return []
    return [
        line
        for stack in stacks
        for line in (
            *(
                f'File "{one.get("filename")}", line {one.get("lineno")}, in {one.get("name")}'
                for one in stack.get("frames", ())
            ),
            str(stack.get("exc_type")),
        )
    ]


def _counted(records: list[Record], key: str, known: frozenset[str]) -> dict[str, int]:
    counts = Counter(str(one.fields.get(key)) for one in records)
    return {value: count for value, count in counts.most_common() if value in known}


def _problems(records: list[Record]) -> list[Record]:
    bad = [one for one in records if one.fields.get("level") in ("warning", "error", "critical")]
    return bad[-LINES_SHOWN:]


def _failure(record: Record) -> list[str]:
    """Return where something failed: files of programs, lines, classes; never what it said."""
    told = []
    for line in record.traceback:
        if frame := FRAME.match(line):
            told.append(f"{_shortened(frame['file'])}:{frame['line']} {frame['name']}")
        elif found := ERROR_CLASS.match(line):
            told.append(found["name"].rpartition(".")[2])
    return told[-FRAMES_SHOWN:]


def _shortened(file: str) -> str:
    """Return a program's file from its package on."""
    for package in ("site-packages/", "dist-packages/", "/syncserver/"):
        before, found, after = file.rpartition(package)
        if found and before:
            return f"{package.strip('/')}/{after}" if package == "/syncserver/" else after
    return Path(file).name if file.endswith(".py") else GONE


def _line(record: Record, masker: Masker) -> str:
    pairs = {
        key: _harmless(key, value, masker)
        for key, value in record.fields.items()
        if key != "exception"
    }
    return " ".join(f"{key}={value}" for key, value in pairs.items() if is_ours(key))


def _harmless(key: str, value: object, masker: Masker) -> str:  # noqa: PLR0911 - one for each kind
    """Return a value if it is of a kind that tells nothing about anybody."""
    text = str(value)
    if key in PSEUDONYMS:
        return masker.pseudonym(PSEUDONYMS[key], text)
    if key in SENTENCES:
        return json.dumps(masker.text(text), ensure_ascii=False)
    if key == "path":
        return text if text in TOLD_PATHS else _first_part(text)
    if key in ("client", "client_version"):
        return text if CLIENT.fullmatch(text) and not masker.knows(text) else GONE
    known = {"event": EVENTS, "level": LEVELS, "verb": VERBS}.get(key)
    if known is not None:
        return text if text in known else GONE
    if NUMBER.fullmatch(text) or (key == "timestamp" and TIMESTAMP.fullmatch(text)):
        return GONE if masker.knows(text) else text
    return GONE


def _first_part(path: str) -> str:
    first = path.split("/")[1:2]
    mounted = ("sync", "msync", "api", "collection", "list_collections", "ankiconnect")
    return f"/{first[0]}/{GONE}" if first and first[0] in mounted else GONE
