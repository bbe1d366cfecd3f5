"""`meta`: tell a client the head of the collection, so that it knows what there is to do.

Answered from the committed state, without the lease: a desktop asks in the background and must
neither wait for a phone's sync nor disturb it.
"""

import time
from typing import Any, Final

from syncserver.collections.committed import CommittedState
from syncserver.errors import ClientTooOld
from syncserver.protocol.messages import MetaRequest

OLDEST_VERSION: Final = 8
NEWEST_VERSION: Final = 11
FIRST_WITH_SCHEDULER_2: Final = 9
FIRST_WITH_TIMEZONES: Final = 10

OLD_SCHEDULER_TEXT: Final = (
    "Your collection uses the second scheduler, which this version of Anki does not know."
    " Please update Anki on this device."
)
OLD_TIMEZONE_TEXT: Final = (
    "Your collection uses the new handling of time zones, which this version of Anki does not"
    " know. Please update Anki on this device."
)
DAMAGED_TEXT: Final = (
    "The copy of your collection on the server is damaged. Nothing on this device is lost."
    " Choose Upload if this device has your newest cards; otherwise sync first with the one that has."
    " Downloading is not possible before that. Or ask whoever runs the server to restore a backup."
)


def meta(
    request: MetaRequest, committed: CommittedState, media_usn: int, message: str = ""
) -> dict[str, Any]:
    """Answer `meta` (section 2.2 of the protocol facts); people are shown the `message`.

    Raises ClientTooOld for versions of the protocol that we do not speak.
    """
    _check_version(request)
    refusal = _refusal(request.v, committed)
    return {
        "mod": committed.modified,
        "scm": committed.schema_modified,
        "usn": committed.usn,
        "ts": int(time.time()),
        "msg": refusal or message,
        "cont": not refusal,
        "hostNum": 0,
        "empty": committed.empty,
        "media_usn": media_usn,
    }


def damaged_meta(request: MetaRequest, media_usn: int, *, empty: bool) -> dict[str, Any]:
    """Answer `meta` for a stored collection that cannot be read, so that a person can upload.

    No device has these times, so each of them asks for a full sync, and its person for a direction.
    Unless the file holds nothing, it does not count as `empty`: a device that holds nothing either
    must not put that in its place. Raises ClientTooOld.
    """
    _check_version(request)
    now = time.time_ns() // 1_000_000
    return {
        "mod": now,
        "scm": now,
        "usn": 0,
        "ts": now // 1000,
        "msg": DAMAGED_TEXT,
        "cont": True,
        "hostNum": 0,
        "empty": empty,
        "media_usn": media_usn,
    }


def _check_version(request: MetaRequest) -> None:
    if not OLDEST_VERSION <= request.v <= NEWEST_VERSION:
        raise ClientTooOld("This server speaks versions 8 to 11 of the sync protocol.")


def refused_meta(text: str) -> dict[str, Any]:
    """Answer `meta` with a text that people see, after which the client stops."""
    return {
        **dict.fromkeys(("mod", "scm", "usn", "hostNum", "media_usn"), 0),
        "ts": int(time.time()),
        "msg": text,
        "cont": False,
        "empty": False,
    }


def _refusal(version: int, committed: CommittedState) -> str:
    if committed.scheduler_version == 2 and version < FIRST_WITH_SCHEDULER_2:
        return OLD_SCHEDULER_TEXT
    if committed.new_timezone and version < FIRST_WITH_TIMEZONES:
        return OLD_TIMEZONE_TEXT
    return ""
