"""Moments in the past, as operators type them."""

import re
from datetime import datetime, timedelta, timezone
from typing import Final

from syncserver.control.output import WRONG_USAGE, CommandFailed

DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
MINUTES: Final = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def parse_since(text: str, now: datetime) -> datetime:
    """Return the moment that `text` names: so long ago, a day, or an ISO 8601 time; UTC is meant.

    Raises CommandFailed when it is none of them.
    """
    duration = DURATION.fullmatch(text)
    try:
        if duration:
            return now - timedelta(minutes=int(duration[1]) * MINUTES[duration[2]])
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise CommandFailed(
            f"{text!r} is neither a time such as 30m, 12h, 7d or 4w nor a date such as 2027-01-31",
            WRONG_USAGE,
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
