"""Jobs: how far long work is, and what it has made."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, Literal, TypeVar

import structlog

from syncserver import events
from syncserver.errors import SyncConflict
from syncserver.jobs import Job, TooManyJobs, Work
from syncserver.rest.call import Call
from syncserver.rest.models import Binary, Document, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Conflict, Failed, NotFound, problem_of
from syncserver.rest.v1.file_parts import parts_of
from syncserver.rest.v1.media_types import safe_headers

resource = Resource("jobs")

# Each try waits `api_wait` seconds, by default 20, before it is given up.
MOST_TRIES: Final = 60
TRY_AGAIN_SECONDS: Final = 1.0

Result = TypeVar("Result")

log = structlog.get_logger()


class JobDocument(Document):
    """A job; `progress` is for people.

    When it is done, `result` has the numbers of an import, and `file` is the path of what an
    export has made, which is kept for an hour. `problem` says why it has failed.
    """

    id: str
    kind: Literal["import", "export"]
    state: Literal["waiting", "running", "done", "failed"]
    progress: str
    created_at: str
    result: dict[str, int] | None
    file: str | None
    problem: dict[str, Any] | None


@resource.get("/v1/jobs")
def list_jobs(call: Call) -> list[JobDocument]:
    """List the jobs of the last hour, the oldest first."""
    return [_document(call, job) for job in call.services.jobs.all_of(_owner(call))]


@resource.get("/v1/jobs/{job_id}")
def show_job(call: Call, job_id: str) -> JobDocument:
    """Tell how far a job is."""
    return _document(call, _found(call, job_id))


@resource.delete("/v1/jobs/{job_id}")
def remove_job(call: Call, job_id: str) -> None:
    """Forget a finished job, with the file that it has made."""
    if not call.services.jobs.remove(_found(call, job_id)):
        raise Conflict("The job is not finished.")


@resource.get("/v1/jobs/{job_id}/file")
def download_file(call: Call, job_id: str) -> Reply[Binary]:
    """Return the file that an export has made."""
    made = _found(call, job_id).file
    if made is None:
        raise NotFound("The job has made no file, or has not yet.")
    try:
        file = made.path.open("rb")
    except FileNotFoundError:
        raise NotFound("The file is not kept any more.") from None
    content = Binary(parts_of(file), made.content_type, made.path.stat().st_size)
    return Reply(content, headers=safe_headers(made.name))


def begin(call: Call, kind: str, left_behind: ExitStack, work: Work) -> Reply[JobDocument]:
    """Begin a job of the caller, and return the answer that says where to ask for it.

    `left_behind` are the files that the work needs or makes. Raises Conflict.
    """
    try:
        job = call.services.jobs.start(_owner(call), kind, left_behind, work)
    except TooManyJobs:
        left_behind.close()
        raise Conflict("Too many of your jobs are not finished.") from None
    location = f"{call.request.script_name}/v1/jobs/{job.id}"
    return Reply(_document(call, job), status=202, headers={"Location": location})


def patiently(job: Job, step: Callable[[], Result]) -> Result:
    """Return what `step` returns, begun again while a device's sync goes on for long.

    A step must have changed nothing when it raises SyncConflict, which is raised in the end, too.
    """
    for _ in range(MOST_TRIES - 1):
        try:
            return step()
        except SyncConflict:
            job.progress = lambda: "Waiting for the end of a device's sync"
            time.sleep(TRY_AGAIN_SECONDS)
    return step()


def _owner(call: Call) -> str:
    # Not the name or the folder, which another person may get after this account was deleted.
    return str(call.user.id)


def _found(call: Call, job_id: str) -> Job:
    job = call.services.jobs.find(_owner(call), job_id)
    if job is None:
        raise NotFound("There is no such job.")
    return job


def _document(call: Call, job: Job) -> JobDocument:
    path = f"{call.request.script_name}/v1/jobs/{job.id}/file"
    return JobDocument(
        id=job.id,
        kind="import" if job.kind == "import" else "export",
        state=job.state,
        progress=job.progress(),
        created_at=job.created_at.isoformat(),
        result=job.result,
        file=path if job.file else None,
        problem=_problem(call, job.failure),
    )


def _problem(call: Call, failure: Exception | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    problem = problem_of(failure)
    if problem is None:
        log.error(events.REQUEST_FAILED, exc_info=failure)
        problem = Failed()
    return problem.document(call.context.request_id)
