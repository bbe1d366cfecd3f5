"""So many requests within a while, for each key: a moving window that needs one number.

The number is the moment at which all that a key has used is made good again. It moves on by
window / limit with each request, and may never be further away than the window. So a burst of
`limit` is let through, and from then on as many as come back into the window. The memory does not
grow with the limit, as a list of times would, and no thread cleans up.
"""

import threading
from collections.abc import Hashable
from typing import Final

# So many keys are kept before those are dropped that have nothing to make good.
KEYS_BEFORE_CLEANING: Final = 4096


class Rate:
    """At most `limit` uses of a key within `window_seconds`, 0 for no limit; thread-safe."""

    def __init__(self, limit: int, window_seconds: float) -> None:
        self._window = window_seconds
        self._step = self._step_of(limit)
        self._made_good_at: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def use(self, key: Hashable, now: float, own_limit: int | None = None) -> float:
        """Count a use at `now` and return 0, or return the seconds until the next one is allowed.

        Times are those of time.monotonic(); `own_limit` is the key's in the place of everybody's.
        """
        step = self._step if own_limit is None else self._step_of(own_limit)
        if not step:
            return 0.0
        with self._lock:
            made_good_at = max(self._made_good_at.get(key, now), now) + step
            too_far = made_good_at - now - self._window
            if too_far > 0:
                return too_far
            self._made_good_at[key] = made_good_at
            if len(self._made_good_at) > KEYS_BEFORE_CLEANING:
                self._drop_what_is_made_good(now)
        return 0.0

    def _step_of(self, limit: int) -> float:
        return self._window / limit if limit else 0.0

    def _drop_what_is_made_good(self, now: float) -> None:
        self._made_good_at = {key: at for key, at in self._made_good_at.items() if at > now}
