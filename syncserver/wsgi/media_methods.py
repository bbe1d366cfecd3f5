"""The methods of the media sync: what is left when framing and errors are taken out.

Each function takes a call and returns what goes into the reply's `data`, or a zip to send. Bodies
are received before the user's library is owned, so that a slow client never holds a lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from zipstream import ZipStream

from syncserver import events, metrics
from syncserver.accounts.host_keys import Device
from syncserver.errors import BadRequest, BodyTooLarge, SyncServerError
from syncserver.media import changes
from syncserver.media.archive import Limits
from syncserver.media.download import download_files
from syncserver.media.refusal import MediaRefused, upload_too_large
from syncserver.media.upload import apply_upload, received_zip, staged_upload
from syncserver.protocol import messages
from syncserver.protocol.bounded_streams import CountingSource
from syncserver.settings import Settings
from syncserver.sync_record import Outcome
from syncserver.wsgi.call import SMALL_REQUEST, Call

# Names of a thousand files, each of up to 255 bytes that JSON may spell with six characters.
NAMES_REQUEST: Final = 2 * 1024 * 1024
# A file of 100 MiB and some small ones, as clients send them; whoever sends more is hung up on.
MOST_READ_ON: Final = 110 * 1024 * 1024

log = structlog.get_logger()


def begin(call: Call) -> object:
    """Tell the newest usn; old clients use `sk` as their key from here on."""
    device = call.device()
    if call.incoming.framed.version_11:
        call.message(messages.MediaBeginRequest, SMALL_REQUEST)
    elif not call.incoming.framed.client:  # old clients say their version outside of the payload
        raise BadRequest("The client does not say its version.")
    call.check_still_known(device)
    last_usn = call.services.media.last_usn(device.user.folder)
    call.services.media_syncs.begin(call.anybody(device))
    return {"usn": last_usn, "sk": call.incoming.framed.host_key}


def media_changes(call: Call) -> object:
    """List some of the changes that are new to the client."""
    device = call.device()
    request = call.message(messages.MediaChangesRequest, SMALL_REQUEST)
    with call.media(device) as library:
        return changes.media_changes(library.index, request.lastUsn)


def upload_changes(call: Call) -> object:
    """Take the client's additions, replacements and deletions."""
    device = call.device()
    settings = call.services.settings_of(device.user)
    library = call.services.media.library(device.user.folder)
    library.folder.prepare()
    store = call.services.media.store if settings.share_media else None
    body = _zip_parts(call, settings.max_media_zip_bytes)
    tally = call.services.media_syncs.heard(call.anybody(device))
    call.context.tally = tally
    with (
        _refusals_in_journal(call, device),
        _refused_when_sent(call.incoming.source),
        call.while_known(device),
        received_zip(library.folder.user.temporary, body) as zip_file,
        staged_upload(library, zip_file, _limits(settings), store) as staged,
        call.media(device) as owned,
    ):
        result = apply_upload(owned, staged, settings.media_quota)
    tally.received["media"] += result.processed
    metrics.MEDIA_CHANGES_RECEIVED.inc(result.processed)
    log.info(events.MEDIA_UPLOADED, processed=result.processed, last_usn=result.last_usn)
    return [result.processed, result.last_usn]


def download(call: Call) -> ZipStream:
    """Send some of the files that the client asks for."""
    device = call.device()
    request = call.message(messages.DownloadFilesRequest, NAMES_REQUEST)
    with call.media(device) as library:
        archive = download_files(library, request.files)
    count = archive.num_queued() - 1  # the last member is the list of names
    call.context.tally = tally = call.services.media_syncs.heard(call.anybody(device))
    tally.sent["media"] += count
    metrics.MEDIA_FILES_SENT.inc(count)
    return archive


def media_sanity(call: Call) -> object:
    """Compare the number of files."""
    device = call.device()
    request = call.message(messages.MediaSanityRequest, SMALL_REQUEST)
    with call.media(device) as library:
        answer = changes.media_sanity(library.index, request.local)
    if answer == changes.SANE:
        call.services.media_syncs.end(call.anybody(device), Outcome.FINISHED)
    else:
        reason = "the device and the server have different numbers of files"
        call.services.media_syncs.end(call.anybody(device), Outcome.FAILED, reason)
    return answer


@contextmanager
def _refusals_in_journal(call: Call, device: Device) -> Iterator[None]:
    try:
        yield
    except MediaRefused as refusal:
        caller = call.anybody(device)
        call.services.media_syncs.end(caller, Outcome.REFUSED, refusal.public_text)
        raise


def _limits(settings: Settings) -> Limits:
    return Limits(settings.max_media_file_bytes, settings.max_media_zip_bytes)


def _zip_parts(call: Call, limit: int) -> Iterator[bytes]:
    """Yield the uploaded zip; when it is too large, that is said in words, which clients show."""
    try:
        # A zip of files that are not compressed is a little larger than they are.
        yield from call.incoming.parts(limit + NAMES_REQUEST)
    except BodyTooLarge:
        raise upload_too_large(limit) from None


@contextmanager
def _refused_when_sent(source: CountingSource) -> Iterator[None]:
    """Read what is left of a body that is refused: a client that is hung up on does not see why."""
    try:
        yield
    except SyncServerError:
        most = source.bytes_read + MOST_READ_ON
        with suppress(BadRequest):  # it was cut off
            while source.bytes_read < most and source.read():
                pass
        raise


METHODS: Final[dict[str, Callable[[Call], object]]] = {
    "begin": begin,
    "mediaChanges": media_changes,
    "uploadChanges": upload_changes,
    "downloadFiles": download,
    "mediaSanity": media_sanity,
}
