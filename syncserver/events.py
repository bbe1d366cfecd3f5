"""Names of the log events, and the set-up of structured logging.

Each request is one `request` event; the others tell what an operator would want to know or count.
The context (request id, address, user, client) is bound once per request by the request chain.
"""

import json
import logging
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Final, TextIO

import structlog

from syncserver import audit

REQUEST: Final = "request"
REQUEST_FAILED: Final = "request_failed"
BODY_MISSING: Final = "body_missing"
BODY_TIMED_OUT: Final = "body_timed_out"
SERVER_STARTED: Final = "server_started"
SERVER_STOPPED: Final = "server_stopped"
VARIABLE_UNKNOWN: Final = "variable_unknown"
TLS_RENEWED: Final = "tls_renewed"
TLS_UNUSABLE: Final = "tls_unusable"
DATABASE_MIGRATED: Final = "database_migrated"
LOGIN: Final = "login"
LOGIN_FAILED: Final = "login_failed"
LOGIN_THROTTLED: Final = "login_throttled"
LIMIT_REACHED: Final = "limit_reached"
LIMIT_NEAR: Final = "limit_near"
MAINTENANCE_STARTED: Final = "maintenance_started"
MAINTENANCE_ENDED: Final = "maintenance_ended"
PASSWORD_REHASHED: Final = "password_rehashed"
USER_ADDED: Final = "user_added"
USER_DELETED: Final = "user_deleted"
USER_PURGED: Final = "user_purged"
PASSWORD_CHANGED: Final = "password_changed"
LIMITS_CHANGED: Final = "limits_changed"
KEY_REVOKED: Final = "key_revoked"
TOKEN_ADDED: Final = "token_added"
TOKEN_REVOKED: Final = "token_revoked"
API_LOGIN: Final = "api_login"
API_CHANGE: Final = "api_change"
JOB_FAILED: Final = "job_failed"
SYNC_STARTED: Final = "sync_started"
SYNC_FINISHED: Final = "sync_finished"
SYNC_ABORTED: Final = "sync_aborted"
SYNC_TAKEN_OVER: Final = "sync_taken_over"
SYNC_TIMED_OUT: Final = "sync_timed_out"
SANITY_CHECK_FAILED: Final = "sanity_check_failed"
COLLECTION_OPENED: Final = "collection_opened"
COLLECTION_CLOSED: Final = "collection_closed"
COLLECTION_DAMAGED: Final = "collection_damaged"
COLLECTION_UPLOADED: Final = "collection_uploaded"
COLLECTION_DOWNLOADED: Final = "collection_downloaded"
COLLECTION_IMPORTED: Final = "collection_imported"
COLLECTION_EDITED: Final = "collection_edited"
UPLOAD_REFUSED: Final = "upload_refused"
ERRAND_FAILED: Final = "errand_failed"
MEDIA_UPLOADED: Final = "media_uploaded"
MEDIA_REFUSED: Final = "media_refused"
MEDIA_FILE_MISSING: Final = "media_file_missing"
MEDIA_UNUSABLE: Final = "media_unusable"
MEDIA_TRASH_EMPTIED: Final = "media_trash_emptied"
COUNTS_WRONG: Final = "counts_wrong"
BACKUP_PINNED: Final = "backup_pinned"
SNAPSHOT_TAKEN: Final = "snapshot_taken"
SNAPSHOT_FAILED: Final = "snapshot_failed"
SNAPSHOT_POSTPONED: Final = "snapshot_postponed"
SNAPSHOT_REMOVED: Final = "snapshot_removed"
COLLECTION_RESTORED: Final = "collection_restored"
OFFSITE_SENT: Final = "offsite_sent"
OFFSITE_FAILED: Final = "offsite_failed"
PACKAGE_IMPORTED: Final = "package_imported"
AUDIT_FAILED: Final = "audit_failed"
GRANIAN_MESSAGE: Final = "granian_message"
HOUSEKEEPING_FAILED: Final = "housekeeping_failed"

# Those that go into the audit trail, whatever `log_level` says. Not what anybody can cause without
# end, such as throttled logins: what led to that is there.
AUDITED: Final = frozenset(
    {
        *(LOGIN, LOGIN_FAILED, API_LOGIN),
        *(USER_ADDED, USER_DELETED, USER_PURGED, PASSWORD_CHANGED, LIMITS_CHANGED),
        *(KEY_REVOKED, TOKEN_ADDED, TOKEN_REVOKED),
        *(COLLECTION_UPLOADED, UPLOAD_REFUSED, BACKUP_PINNED, PACKAGE_IMPORTED),
        *(COLLECTION_RESTORED, COLLECTION_IMPORTED, COLLECTION_EDITED),
    }
)

# Of each line of a traceback below its event in the text format; no event, hence no capitals.
traceback_indent: Final = "  "

# Lines of words that need no quotes: printable ASCII without what logfmt gives a meaning to.
_are_plain = re.compile(r"(?:[!#-<>-\[\]-~]+\n)+").fullmatch
_not_plain = re.compile(r'[ "=\\]')
# Methods of loggers whose level has another name.
_levels = {"exception": "error", "warn": "warning"}

# What is known of the request that is being worked on; `wsgi/request_chain.py` sets it.
request_fields: ContextVar[Mapping[str, object]] = ContextVar("request_fields", default={})  # noqa: B039 - nobody writes to the default


@contextmanager
def saying(**fields: str) -> Iterator[None]:
    """Have the events of the block say this too."""
    token = request_fields.set({**request_fields.get(), **fields})
    try:
        yield
    finally:
        request_fields.reset(token)


def configure_logging(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Send structured events to `stream` (standard error by default).

    `log_format` is `text` (a line of `key=value` per event; columns and colours on a terminal) or
    `json` (one object per line). `level` is a name of the standard library's logging module.
    """
    out = stream if stream is not None else sys.stderr
    least = getattr(logging, level)
    structlog.configure(
        processors=[
            _Selection(least),
            _completed,
            *_renderers(log_format, on_terminal=out.isatty()),
        ],
        # What is audited has to get as far as `_Selection` at every level.
        wrapper_class=structlog.make_filtering_bound_logger(min(least, logging.INFO)),
        logger_factory=lambda *_names: _PatientLogger(file=out),
        cache_logger_on_first_use=False,
    )


class _Selection:
    """Hands what is audited to the audit trail, and drops what the log shall not show."""

    def __init__(self, least: int) -> None:
        self._least = least

    def __call__(
        self, _logger: object, method: str, event: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        """Return the event; raises DropEvent below the least level."""
        name = event["event"]
        if name in AUDITED:
            _audit(name, event)
        if self._least > logging.INFO and getattr(logging, method.upper()) < self._least:
            raise structlog.DropEvent
        return event


def _audit(name: str, event: structlog.types.EventDict) -> None:
    try:
        audit.record(name, {**request_fields.get(), **event})
    except OSError as problem:
        structlog.get_logger().error(AUDIT_FAILED, lost=name, problem=str(problem))


def _completed(
    _logger: object, method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Return the event in the order in which it is shown, with its time, level and request.

    One processor in the place of three of structlog's: each costs every request its call.
    """
    return {
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z",
        "level": _levels.get(method, method),
        "event": event.pop("event"),
        **request_fields.get(),
        **event,
    }


def _renderers(log_format: str, *, on_terminal: bool) -> list[structlog.types.Processor]:
    # The renderers' own tracebacks show the values of variables, passwords and keys among them.
    if log_format == "json":
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [
            structlog.processors.ExceptionRenderer(tracebacks),
            structlog.processors.JSONRenderer(),
        ]
    if on_terminal:
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=plain)]
    return [structlog.processors.format_exc_info, _PlainLines()]


class _PlainLines:
    """Renders an event as one line in logfmt, and a traceback below it.

    That is indented: an error may tell what a client has sent, which shall look like no event.
    Not structlog's own renderer, which took a sixth of the time of the most frequent request.
    """

    def __call__(self, _logger: object, _method: str, event: structlog.types.EventDict) -> str:
        """Return the text of one event."""
        traceback = event.pop("exception", None)
        line = " ".join([f"{key}={word}" for key, word in zip(event, _words(event), strict=True)])
        return f"{line}\n{textwrap.indent(traceback, traceback_indent)}" if traceback else line


def _words(event: structlog.types.EventDict) -> list[str]:
    """Return the values as words: most events hold plain ones only, which one look tells."""
    words = [str(value) for value in event.values()]
    lines = "\n".join([*words, ""])
    if lines.count("\n") == len(words) and _are_plain(lines):
        return words
    return [_word(value) for value in event.values()]


def _word(value: object) -> str:
    """Return a value as one word: what is no plain one is quoted, so that no line can be faked."""
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    if not text.isprintable():
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False) if _not_plain.search(text) or not text else text


class _PatientLogger(structlog.WriteLogger):
    """Writes lines to the log; a full disk or a closed pipe costs lines, but nobody an answer."""

    def msg(self, message: str) -> None:
        """Write one line, if it can be written."""
        with suppress(OSError, ValueError):
            super().msg(message)

    debug = info = warning = error = critical = log = msg
