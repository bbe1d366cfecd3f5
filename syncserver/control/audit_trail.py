"""The command about the audit trail: audit."""

from datetime import datetime, timezone
from typing import Annotated, Any, Final

import typer

from syncserver import audit as trail
from syncserver import events
from syncserver.accounts.folder_names import folder_name, normalise_user_name
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    open_installation,
)
from syncserver.control.moments import parse_since
from syncserver.control.output import print_json, print_table

WORDS: Final = {
    events.LOGIN: "logged in",
    events.LOGIN_FAILED: "login failed",
    events.API_LOGIN: "logged in to the API",
    events.USER_ADDED: "user added",
    events.USER_DELETED: "user deleted",
    events.USER_PURGED: "files of the user removed",
    events.PASSWORD_CHANGED: "password changed",
    events.LIMITS_CHANGED: "limits changed",
    events.KEY_REVOKED: "devices logged out",
    events.TOKEN_ADDED: "token made",
    events.TOKEN_REVOKED: "token revoked",
    events.COLLECTION_UPLOADED: "collection replaced by an upload",
    events.UPLOAD_REFUSED: "upload refused",
    events.BACKUP_PINNED: "replaced collection kept for good",
    events.PACKAGE_IMPORTED: "package imported",
    events.COLLECTION_RESTORED: "collection restored",
    events.COLLECTION_IMPORTED: "collection replaced by an import",
    events.COLLECTION_EDITED: "collection edited in the shell",
}
# What has a column of its own, or would only be noise there.
NOT_DETAILS: Final = frozenset(
    {"timestamp", "event", "user", "operator", "device", "address", "request_id", "client"}
)


def audit(
    user_name: Annotated[str, typer.Option("--user", help="Only what is about this user.")] = "",
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="30m, 12h, 7d, 4w or a date such as 2027-01-31.")
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Tell who did what to accounts and collections, the oldest first."""
    installation = open_installation(config)
    earliest = parse_since(since, datetime.now(timezone.utc)) if since else None
    name = normalise_user_name(user_name) if user_name else ""
    found = [
        line
        for line in trail.read(installation.settings.audit_path)
        if _is_about(line, name) and _is_after(line, earliest)
    ]
    if as_json:
        print_json(found)
    else:
        print_table(("when", "what", "user", "by", "from", "details"), [_row(one) for one in found])


def _is_about(line: dict[str, Any], user_name: str) -> bool:
    if not user_name or user_name in (line.get("user"), line.get("collection")):
        return True
    return line.get("folder") == folder_name(user_name)


def _is_after(line: dict[str, Any], earliest: datetime | None) -> bool:
    return earliest is None or _moment(line) >= earliest


def _moment(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])


def _row(line: dict[str, Any]) -> tuple[datetime, str, str, str, str, str]:
    event = line["event"]
    by = line.get("operator") or (f"device {line['device']}" if "device" in line else "")
    details = [f"{key}={value}" for key, value in line.items() if key not in NOT_DETAILS]
    return (
        _moment(line),
        WORDS.get(event, event),
        str(line.get("user", "")),
        str(by),
        str(line.get("address", "")),
        " ".join(details),
    )
