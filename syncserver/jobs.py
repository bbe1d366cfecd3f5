"""Long work that goes on after its request was answered, and what becomes of it.

One job of a user runs at a time, the others of the same user wait for it; jobs of other users do
not, until as many run as the server allows itself. What a job leaves behind is kept for an hour.
"""

import contextvars
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import structlog

from syncserver import events

KEPT_SECONDS: Final = 3600.0
MOST_UNFINISHED_OF_A_USER: Final = 5
MOST_KEPT_OF_A_USER: Final = 20
MOST_RUNNING: Final = 4

State = Literal["waiting", "running", "done", "failed"]

log = structlog.get_logger()


class TooManyJobs(Exception):
    """The user has as many unfinished jobs as there may be."""


@dataclass(slots=True)
class JobFile:
    """What a job has made: where it lies, and under which name and type it is sent."""

    path: Path
    name: str
    content_type: str


@dataclass(slots=True)
class Job:
    """A job; `progress` tells in words how far it is, `left_behind` removes its files."""

    id: str
    owner: str
    kind: str
    created_at: datetime
    state: State = "waiting"
    progress: Callable[[], str] = str
    result: dict[str, Any] | None = None
    file: JobFile | None = None
    failure: Exception | None = None
    finished: float | None = None
    left_behind: ExitStack = field(default_factory=ExitStack)


Work = Callable[[Job], None]


class Jobs:
    """The jobs of all users, in memory: they end with the server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._running = threading.Semaphore(MOST_RUNNING)

    def start(self, owner: str, kind: str, left_behind: ExitStack, work: Work) -> Job:
        """Begin a job, which owns `left_behind` from now on. Raises TooManyJobs."""
        job = Job(
            id=secrets.token_hex(8),
            owner=owner,
            kind=kind,
            created_at=datetime.now(timezone.utc),
            left_behind=left_behind,
        )
        with self._lock:
            unfinished = [one for one in self._of(owner) if one.finished is None]
            if len(unfinished) >= MOST_UNFINISHED_OF_A_USER:
                raise TooManyJobs
            self._jobs[job.id] = job
            turn = self._turns.setdefault(owner, threading.Lock())
        # With what the log knows of the request that began it.
        run = partial(contextvars.copy_context().run, self._run, job, turn, work)
        threading.Thread(target=run, name=kind, daemon=True).start()
        return job

    def all_of(self, owner: str) -> list[Job]:
        """Return a user's jobs, the oldest first."""
        with self._lock:
            return self._of(owner)

    def find(self, owner: str, job_id: str) -> Job | None:
        """Return a user's job."""
        with self._lock:
            job = self._jobs.get(job_id)
        return job if job is not None and job.owner == owner else None

    def remove(self, job: Job) -> bool:
        """Forget a job with what it has made; False while it is not finished."""
        with self._lock:
            if job.finished is None:
                return False
            self._jobs.pop(job.id, None)
        job.left_behind.close()
        return True

    def tidy(self) -> None:
        """Forget the jobs that have been finished for long, and those that are too many."""
        now = time.monotonic()
        with self._lock:
            owners = {job.owner for job in self._jobs.values()}
            finished = [[one for one in self._of(owner) if one.finished] for owner in owners]
        for jobs in finished:
            beyond = len(jobs) - MOST_KEPT_OF_A_USER
            for number, job in enumerate(jobs):
                if number < beyond or now - (job.finished or now) > KEPT_SECONDS:
                    self.remove(job)

    def _of(self, owner: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.owner == owner]

    def _run(self, job: Job, turn: threading.Lock, work: Work) -> None:
        with turn, self._running:
            job.state = "running"
            try:
                work(job)
                job.state = "done"
            except Exception as failure:
                log.warning(events.JOB_FAILED, kind=job.kind, job=job.id, cause=str(failure))
                job.failure = failure
                job.state = "failed"
            finally:
                job.progress = str
                job.finished = time.monotonic()
