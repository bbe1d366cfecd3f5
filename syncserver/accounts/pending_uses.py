"""Uses of keys, collected in memory and written now and then: a request never waits for that."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Use = TypeVar("Use")


class PendingUses(Generic[Use]):
    """The latest use of each key by its id, until it is written; thread-safe."""

    def __init__(self) -> None:
        self._uses: dict[int, Use] = {}
        self._lock = threading.Lock()

    def note(self, key_id: int, merge: Callable[[Use | None], Use]) -> None:
        """Keep what `merge` makes of the use of this key that was kept before, if any."""
        with self._lock:
            self._uses[key_id] = merge(self._uses.get(key_id))

    def flush(self, write: Callable[[list[tuple[int, Use]]], None]) -> None:
        """Hand everything to `write`, by ascending id; what it raises leaves all for next time."""
        with self._lock:
            uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            # In the order of the ids, so that two processes never wait for each other.
            write(sorted(uses.items(), key=lambda use: use[0]))
        except BaseException:
            with self._lock:
                self._uses = {**uses, **self._uses}
            raise
