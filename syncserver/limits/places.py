"""So many at once, for each key."""

import threading
from collections.abc import Hashable


class Places:
    """At most `limit` holders of places at once for each key, 0 for no limit; thread-safe."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken: dict[Hashable, int] = {}
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> bool:
        """Take a place, which `give_back` gives back; False when there is none. Never waits."""
        with self._lock:
            taken = self._taken.get(key, 0)
            if taken >= self.limit > 0:
                return False
            self._taken[key] = taken + 1
        return True

    def give_back(self, key: Hashable) -> None:
        """Give one place back."""
        with self._lock:
            left = self._taken[key] - 1
            if left:
                self._taken[key] = left
            else:
                del self._taken[key]
