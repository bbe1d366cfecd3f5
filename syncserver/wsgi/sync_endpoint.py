"""/sync: find the method, read the framing, frame the answer."""

from io import BufferedReader
from typing import Final

import structlog
from msgspec import Struct
from webob import Request, Response

from syncserver import events, metrics
from syncserver.errors import (
    BodyMissing,
    BodyTooLarge,
    MethodNotAllowed,
    NotFound,
    SyncServerError,
    UploadRefused,
)
from syncserver.protocol import messages
from syncserver.protocol.bounded_streams import COMPRESSION_OVERHEAD
from syncserver.protocol.response_framing import FramedReply, frame_bytes, frame_file
from syncserver.services import Services
from syncserver.settings import Settings
from syncserver.sync.meta import refused_meta
from syncserver.wsgi.call import Call
from syncserver.wsgi.framing import FormLimits, read_framing
from syncserver.wsgi.in_words import EXPLAINED, without_words, words
from syncserver.wsgi.request_chain import RequestContext, View
from syncserver.wsgi.sync_methods import (
    METHODS,
    STEPS_OF_A_SYNC,
    Answer,
    Method,
    file_size,
    meta,
    start,
    upload,
    upload_problem,
)

# What every sync asks for. A whole collection, or a password, is no quick matter.
QUICK_PATHS: Final = frozenset(
    f"/{name}"
    for name, method in METHODS.items()
    if method is meta or method is start or method in STEPS_OF_A_SYNC
)

log = structlog.get_logger()


def sync_view(services: Services, page: View) -> View:
    """Return the view of /sync; a browser that opens it is shown `page`."""
    limits = _form_limits(services.settings)

    def view(request: Request, context: RequestContext) -> Response | FramedReply:
        # From the environment: webob would decode the path and encode it again.
        name, verb = request.environ["PATH_INFO"].strip("/"), request.environ["REQUEST_METHOD"]
        if verb == "GET" and not name:
            return page(request, context)
        method = METHODS.get(name)
        if method is None:
            raise NotFound("There is no such sync method here.")
        context.route = ("sync", name)
        if verb != "POST":
            raise MethodNotAllowed("Sync methods are called with POST.")
        return _reply(_Asked(services, context, request, method), limits)

    return view


class _Asked(Struct, frozen=True):
    """Who asked for what."""

    services: Services
    context: RequestContext
    request: Request
    method: Method


def _reply(asked: _Asked, limits: FormLimits) -> FramedReply:
    compressed = False
    try:
        incoming = read_framing(asked.request, asked.context, limits)
        compressed = incoming.framed.version_11
        asked.services.maintenance.check(goes_on=asked.method in STEPS_OF_A_SYNC)
        answer = asked.method(Call(asked.services, asked.context, incoming))
    except EXPLAINED as refusal:
        answer = _in_words(refusal, asked.method)
        asked.context.note_refusal(refusal)
        # Who sends a whole collection sees the words only after that.
        asked.context.heard_bytes = asked.services.settings.max_collection_bytes
    except (UploadRefused, BodyTooLarge, BodyMissing) as problem:
        if asked.method is not upload:
            raise
        answer = _refused(upload_problem(problem, asked.services.settings))
    return _framed(answer, compressed=compressed)


def _refused(refusal: UploadRefused) -> bytes:
    metrics.FULL_UPLOADS["refused"].inc()
    log.warning(events.UPLOAD_REFUSED, reason=refusal.public_text, cause=refusal.cause)
    return refusal.public_text.encode()


def _in_words(refusal: SyncServerError, method: Method) -> Answer:
    """Return the answer that tells people why; raises ServerBusy where there is none."""
    if method is meta:
        return refused_meta(words(refusal))
    if method is upload:
        return words(refusal).encode()
    raise without_words(refusal)


def _form_limits(settings: Settings) -> FormLimits:
    largest = max(settings.max_collection_bytes, settings.max_request_bytes)
    return FormLimits(largest + COMPRESSION_OVERHEAD, settings.data_root)


def _framed(answer: Answer, *, compressed: bool) -> FramedReply:
    if isinstance(answer, BufferedReader):
        return frame_file(answer, file_size(answer), compressed=compressed)
    payload = answer if isinstance(answer, bytes) else messages.encode(answer)
    return frame_bytes(payload, compressed=compressed)
