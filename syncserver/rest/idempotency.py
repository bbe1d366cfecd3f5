"""Idempotency-Key: a request that is sent again because its answer was lost is not done again.

Answers are remembered for a day, as many as fit, and until the server ends. Refusals are not: what
was refused has changed nothing and may succeed the next time.
"""

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from webob import Request, Response

from syncserver.rest.problems import Invalid, SameKeyInProgress

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
POSSIBLE_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
DAY_SECONDS: Final = 86_400.0
# Of all users together; an answer to a batch of 20,000 notes has about 1 MB.
MOST_BYTES: Final = 32 * 1024 * 1024
# What one answer costs beside its body.
OVERHEAD_BYTES: Final = 1000

# A user and a key.
Name = tuple[str, str]


@dataclass(slots=True)
class _Remembered:
    fingerprint: str
    until: float
    # None while the request is worked on.
    response: Response | None = None

    @property
    def size(self) -> int:
        return OVERHEAD_BYTES + (len(self.response.body) if self.response else 0)


def check_key(key: str) -> str:
    """Return a key that can be one. Raises Invalid."""
    if not POSSIBLE_KEY.fullmatch(key):
        raise Invalid(f"{KEY_HEADER} takes 1 to 255 visible ASCII characters.")
    return key


def fingerprint(request: Request, arguments: Mapping[str, Any]) -> str:
    """Return what tells this request from another one with the same key."""
    digest = hashlib.sha256(f"{request.method} {request.path_qs}".encode())
    body = arguments.get("body")
    if isinstance(body, BaseModel):
        digest.update(body.model_dump_json().encode())
    return digest.hexdigest()


class RememberedAnswers:
    """The answers to requests with a key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[Name, _Remembered] = OrderedDict()
        self._bytes = 0

    def once(self, name: Name, fingerprint: str, work: Callable[[], Response]) -> Response:
        """Return what `work` answers, or has answered to the first request of this name.

        Raises SameKeyInProgress, Invalid for another request with the same key, what `work` does.
        """
        answered = self._claim(name, fingerprint)
        if answered is not None:
            answered.headers[REPLAYED_HEADER] = "true"
            return answered
        try:
            response = work()
        except BaseException:
            self._forget(name)
            raise
        self._keep(name, response)
        return response

    def _claim(self, name: Name, fingerprint: str) -> Response | None:
        """Return a copy of the answer, None if this request is the first one of its name."""
        now = time.monotonic()
        with self._lock:
            self._drop(now)
            found = self._answers.get(name)
            if found is None:
                self._answers[name] = _Remembered(fingerprint, now + DAY_SECONDS)
                self._bytes += OVERHEAD_BYTES
                return None
        if found.fingerprint != fingerprint:
            raise Invalid(f"This {KEY_HEADER} was sent with another request.")
        if found.response is None:
            raise SameKeyInProgress
        return found.response.copy()

    def _keep(self, name: Name, response: Response) -> None:
        with self._lock:
            kept = self._answers[name]
            kept.response = response.copy()
            self._bytes += len(kept.response.body)

    def _forget(self, name: Name) -> None:
        with self._lock:
            self._bytes -= self._answers.pop(name).size

    def _drop(self, now: float) -> None:
        """Forget the oldest answers that are too old or too many, none that is being made."""
        for name, answer in list(self._answers.items()):
            if answer.until > now and self._bytes <= MOST_BYTES:
                return
            if answer.response is not None:
                self._bytes -= self._answers.pop(name).size
