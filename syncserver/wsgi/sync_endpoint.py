"""/sync: find the method, read the framing, frame the answer."""

from contextlib import nullcontext
from io import BufferedReader

import structlog
from webob import Request, Response

from syncserver import events, metrics
from syncserver.errors import MethodNotAllowed, NotFound, SyncServerError, UploadRefused
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
    problems_in_words,
    upload,
)

log = structlog.get_logger()


def sync_view(services: Services, page: View) -> View:
    """Return the view of /sync; a browser that opens it is shown `page`."""

    def view(request: Request, context: RequestContext) -> Response:
        name = request.path_info.strip("/")
        if request.method == "GET" and not name:
            return page(request, context)
        method = METHODS.get(name)
        if method is None:
            raise NotFound("There is no such sync method here.")
        context.route = ("sync", name)
        if request.method != "POST":
            raise MethodNotAllowed("Sync methods are called with POST.")
        return _answer(services, context, request, method)

    return view


def _answer(
    services: Services, context: RequestContext, request: Request, method: Method
) -> Response:
    compressed = False
    try:
        with problems_in_words(services.settings) if method is upload else nullcontext():
            incoming = read_framing(request, context, _form_limits(services.settings))
            compressed = incoming.framed.version_11
            services.maintenance.check(goes_on=method in STEPS_OF_A_SYNC)
            answer = method(Call(services, context, incoming))
    except EXPLAINED as refusal:
        answer = _in_words(refusal, method)
        context.note_refusal(refusal)
        # Who sends a whole collection sees the words only after that.
        context.heard_bytes = services.settings.max_collection_bytes
    except UploadRefused as refusal:
        metrics.FULL_UPLOADS["refused"].inc()
        log.warning(events.UPLOAD_REFUSED, reason=refusal.public_text, cause=refusal.cause)
        answer = refusal.public_text.encode()
    return to_response(_framed(answer, compressed=compressed))


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


def to_response(framed: FramedReply) -> Response:
    """Return the response of a framed reply."""
    parts = [framed.body] if isinstance(framed.body, bytes) else framed.body
    return Response(status=200, headerlist=framed.headers, app_iter=parts)


def _framed(answer: Answer, *, compressed: bool) -> FramedReply:
    if isinstance(answer, BufferedReader):
        return frame_file(answer, file_size(answer), compressed=compressed)
    payload = answer if isinstance(answer, bytes) else messages.encode(answer)
    return frame_bytes(payload, compressed=compressed)
