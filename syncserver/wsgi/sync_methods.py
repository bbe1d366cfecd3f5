"""The methods of the collection sync: what is left when framing and errors are taken out.

Each function takes a call and returns the message to answer, bytes to answer, or an open file.
Bodies are read before the lease is taken, so that a slow client never holds a lock.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import structlog

from syncserver import events, metrics
from syncserver.collections.folders import UserFolder
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.errors import (
    BodyMissing,
    BodyTooLarge,
    ServerBusy,
    SyncConflict,
    UploadRefused,
)
from syncserver.media.index import IndexUnusable
from syncserver.media.refusal import megabytes
from syncserver.protocol import messages
from syncserver.settings import Settings
from syncserver.sync import (
    bulk_deletion,
    changes,
    chunks,
    finish,
    full_download,
    full_upload,
    graves,
    sanity,
)
from syncserver.sync import meta as meta_step
from syncserver.sync import start as start_step
from syncserver.sync.session import current_session
from syncserver.sync_record import Kind
from syncserver.wsgi import near_limits
from syncserver.wsgi.call import SMALL_REQUEST, Call
from syncserver.wsgi.journaling import in_journal, refusals_in_journal

UPLOAD_ACCEPTED: Final = b"OK"

DAMAGED_TEXT: Final = (
    "Your collection on this server is damaged and cannot be downloaded. Upload it from a device"
    " that has it, or ask whoever runs the server to restore a backup."
)
DAMAGED_REMEDY: Final = (
    "restore a backup of this user (see 'A damaged collection' in docs/operations.md), or let the"
    " user upload from a good device; the damaged file is then kept in backups/. Check the disk."
)

Answer = bytes | BinaryIO | object

log = structlog.get_logger()


Method = Callable[[Call], Answer]


def host_key(call: Call) -> Answer:
    """Exchange a name and a password for a host key."""
    request = call.message(messages.LoginRequest, SMALL_REQUEST)
    client = call.incoming.framed.client
    key = call.services.login.log_in(request.u, request.p, client, call.context.address)
    return {"key": key}


def meta(call: Call) -> Answer:
    """Tell the head of the collection, as committed."""
    device = call.device()
    request = call.message(messages.MetaRequest, SMALL_REQUEST)
    told_to = call.anybody(device)
    call.check_still_known(device)
    folder = device.user.folder
    try:
        committed = call.services.collections.committed(folder, told_to)
    except CollectionDamaged as problem:
        _log_damage(problem)
        holds_nothing = _holds_nothing(_user_folder(call, folder))
        return meta_step.damaged_meta(request, _media_usn(call, folder), empty=holds_nothing)
    media_usn = _media_usn(call, folder)
    return meta_step.meta(request, committed, media_usn, near_limits.warning(call.services, device))


def _log_damage(problem: CollectionDamaged) -> None:
    log.error(events.COLLECTION_DAMAGED, problem=str(problem), remedy=DAMAGED_REMEDY)


def _holds_nothing(folder: UserFolder) -> bool:
    return folder.collection.stat().st_size == 0


def _user_folder(call: Call, folder: str) -> UserFolder:
    return UserFolder(call.services.settings.users_folder / folder)


def _media_usn(call: Call, folder: str) -> int:
    """Return the media's usn, 0 when it cannot be told: that must not keep cards from syncing."""
    try:
        return call.services.media.last_usn(folder)
    except (IndexUnusable, ServerBusy) as problem:
        log.warning(events.MEDIA_UNUSABLE, problem=str(problem))
        return 0


def start(call: Call) -> Answer:
    """Begin a sync."""
    device = call.device()
    caller = call.caller(device)
    request = call.message(messages.StartRequest)
    with (
        refusals_in_journal(call, caller),
        call.lease(device, caller) as lease,
    ):
        if request.graves is not None:
            bulk_deletion.keep_before_start(lease, request.graves, _policy(call))
        answer = start_step.start(lease, caller, request)
        call.context.tally = current_session(lease).tally
    near_limits.note_seen(call.services, device)
    log.info(events.SYNC_STARTED)
    return answer


def apply_graves(call: Call) -> None:
    """Take some of the client's deletions."""
    device = call.device()
    request = call.message(messages.ApplyGravesRequest)
    with call.resumed(device) as lease:
        bulk_deletion.keep_before_more(lease, request.chunk, _policy(call))
        graves.apply_graves(lease.collection, current_session(lease), request.chunk)


def _policy(call: Call) -> bulk_deletion.Policy:
    services = call.services
    limit = services.settings.bulk_deletion_notes
    return bulk_deletion.Policy(limit, services.restore_points.keep_before_deleting)


def apply_changes(call: Call) -> Answer:
    """Exchange what is neither note, card nor review."""
    device = call.device()
    request = call.message(messages.ApplyChangesRequest)
    with call.resumed(device) as lease:
        session = current_session(lease)
        return changes.exchange_changes(lease.collection, session, request.changes)


def chunk(call: Call) -> Answer:
    """Give the client some rows."""
    device = call.device()
    call.incoming.payload(SMALL_REQUEST)
    with call.resumed(device) as lease:
        return chunks.next_chunk(lease.collection, current_session(lease))


def apply_chunk(call: Call) -> None:
    """Take some of the client's rows."""
    device = call.device()
    request = call.message(messages.ApplyChunkRequest)
    with call.resumed(device) as lease:
        chunks.apply_chunk(lease.collection, current_session(lease), request.chunk)


def sanity_check(call: Call) -> Answer:
    """Compare counts; if they differ, the sync is rolled back at once."""
    device = call.device()
    request = call.message(messages.SanityCheckRequest, SMALL_REQUEST)
    with call.resumed(device) as lease:
        result = sanity.sanity_check(lease.collection, current_session(lease), request.client)
        if not result.agrees:
            log.warning(events.SANITY_CHECK_FAILED, answer=messages.encode(result.reply).decode())
            finish.give_up(lease, "the device and the server counted differently")
    return result.reply


def finish_sync(call: Call) -> Answer:
    """Make the sync durable."""
    device = call.device()
    call.incoming.payload(SMALL_REQUEST)
    with call.resumed(device) as lease:
        session = current_session(lease)
        modified = finish.finish(lease)
    tally = session.tally
    log.info(events.SYNC_FINISHED, received=tally.received.total(), sent=tally.sent.total())
    return modified


def abort(call: Call) -> None:
    """Roll the caller's own sync back, if it has one."""
    device = call.device()
    call.incoming.payload(SMALL_REQUEST)
    try:
        with call.resumed(device) as lease:
            finish.abort(lease)
        log.info(events.SYNC_ABORTED)
    except SyncConflict:
        pass


def upload(call: Call) -> Answer:
    """Replace the stored collection by the client's."""
    device = call.device()
    settings = call.services.settings_of(device.user)
    folder = _user_folder(call, device.user.folder)
    caller = call.anybody(device)
    body = call.incoming.parts(settings.max_collection_bytes)
    with (
        in_journal(call, caller, Kind.UPLOAD) as tally,
        _problems_in_words(settings),
        call.while_known(device),
        full_upload.received_collection(folder, body) as candidate,
        call.lease(device, caller) as lease,
    ):
        tally.received["notes"] = candidate.holdings.notes
        full_upload.replace_collection(lease, candidate, settings.backups_keep)
        log.info(events.COLLECTION_UPLOADED, notes=candidate.holdings.notes)
    metrics.FULL_UPLOADS["accepted"].inc()
    return UPLOAD_ACCEPTED


def download(call: Call) -> Answer:
    """Send the stored collection."""
    device = call.device()
    call.incoming.payload(SMALL_REQUEST)
    caller = call.anybody(device)
    with (
        in_journal(call, caller, Kind.DOWNLOAD),
        _damage_said(),
        call.lease(device, caller) as lease,
    ):
        copy = full_download.copy_for_download(lease)
    if call.incoming.framed.version_11:
        return copy
    return full_download.as_schema_11(copy, _user_folder(call, device.user.folder))


@contextmanager
def _damage_said() -> Iterator[None]:
    """Refuse a download of what is damaged; at `meta` people were told why."""
    try:
        yield
    except CollectionDamaged as problem:
        _log_damage(problem)
        raise ServerBusy(DAMAGED_TEXT, cause=str(problem)) from None


def file_size(file: BinaryIO) -> int:
    """Return the size in bytes of an open file."""
    return os.fstat(file.fileno()).st_size


@contextmanager
def _problems_in_words(settings: Settings) -> Iterator[None]:
    try:
        yield
    except (BodyMissing, BodyTooLarge) as problem:
        raise upload_problem(problem, settings) from None


def upload_problem(
    problem: UploadRefused | BodyTooLarge | BodyMissing, settings: Settings
) -> UploadRefused:
    """Say what is wrong with the body of an upload in words, which clients show to people."""
    if isinstance(problem, UploadRefused):
        return problem
    if isinstance(problem, BodyMissing):
        return UploadRefused(problem.public_text, cause=problem.cause)
    return UploadRefused(
        "Your collection is larger than this server accepts"
        f" ({megabytes(settings.max_collection_bytes)})."
        " Please ask whoever runs the server to raise max_collection_bytes.",
        cause=problem.cause,
    )


METHODS: Final[dict[str, Method]] = {
    "hostKey": host_key,
    "meta": meta,
    "start": start,
    "applyGraves": apply_graves,
    "applyChanges": apply_changes,
    "chunk": chunk,
    "applyChunk": apply_chunk,
    "sanityCheck2": sanity_check,
    "finish": finish_sync,
    "abort": abort,
    "upload": upload,
    "download": download,
}

# What only works within a sync that `start` has begun.
STEPS_OF_A_SYNC: Final = frozenset(
    {apply_graves, apply_changes, chunk, apply_chunk, sanity_check, finish_sync, abort}
)
