"""Tell somebody something now and then: not at each sync, and not so that nobody has seen it.

`meta` is where a message goes, and desktops call it in the background too, where nobody sees the
message. So it is repeated until a sync of the same device begins after it; then that device has
peace for a day.
"""

import threading
import time
from collections import OrderedDict
from typing import Final

PEACE_SECONDS: Final = 86_400.0
REMEMBERED: Final = 4096


class Reminders:
    """What each device was told, and when it was seen; thread-safe, in memory."""

    def __init__(self) -> None:
        # The topic that was told to a device, and since when it counts as seen; None: not yet.
        self._told: OrderedDict[tuple[int, str], float | None] = OrderedDict()
        self._lock = threading.Lock()

    def is_due(self, key_id: int, topic: str) -> bool:
        """Tell whether a device is to be told of a topic, and remember that it is told now."""
        with self._lock:
            seen_at = self._told.get((key_id, topic))
            if seen_at is not None and time.monotonic() - seen_at < PEACE_SECONDS:
                return False
            self._told[key_id, topic] = None
            self._told.move_to_end((key_id, topic))
            while len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        return True

    def seen(self, key_id: int, *topics: str) -> None:
        """Note that a sync of the device has begun: what it was told before was shown."""
        with self._lock:
            for topic in topics:
                if self._told.get((key_id, topic), 0.0) is None:
                    self._told[key_id, topic] = time.monotonic()
