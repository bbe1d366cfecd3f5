"""/msync: find the method, read the framing, frame the answer."""

import io

import structlog
from webob import Request, Response
from zipstream import ZipStream

from syncserver import events
from syncserver.errors import MethodNotAllowed, NotFound
from syncserver.media.refusal import MediaRefused
from syncserver.protocol import messages
from syncserver.protocol.bounded_streams import CountingSource
from syncserver.protocol.multipart_framing import query_framing
from syncserver.protocol.response_framing import FramedReply, frame_bytes, frame_parts
from syncserver.services import Services
from syncserver.wsgi.call import Call
from syncserver.wsgi.framing import FormLimits, Incoming, read_framing
from syncserver.wsgi.in_words import EXPLAINED, without_words, words
from syncserver.wsgi.media_methods import METHODS, MOST_READ_ON, NAMES_REQUEST
from syncserver.wsgi.request_chain import RequestContext, View

log = structlog.get_logger()


def media_view(services: Services, page: View) -> View:
    """Return the view of /msync; a browser that opens it is shown `page`."""

    def view(request: Request, context: RequestContext) -> Response | FramedReply:
        name = request.path_info.strip("/")
        if request.method == "GET" and not name:
            return page(request, context)
        if name not in METHODS:
            raise NotFound("There is no such media method here.")
        context.route = ("media", name)
        incoming = _incoming(services, request, context, name)
        answer = _answer(Call(services, context, incoming), name)
        return _framed(answer, compressed=incoming.framed.version_11)

    return view


def _incoming(services: Services, request: Request, context: RequestContext, name: str) -> Incoming:
    if request.method == "GET" and name == "begin":
        # Rust clients of version 10 begin with a query instead of a form.
        framed = query_framing(request.query_string)
        context.bind(client=framed.client)
        return Incoming(framed, CountingSource(io.BytesIO()))
    if request.method != "POST":
        raise MethodNotAllowed("Media methods are called with POST.")
    settings = services.settings
    limits = FormLimits(settings.max_media_zip_bytes + NAMES_REQUEST, settings.data_root)
    return read_framing(request, context, limits)


def _answer(call: Call, name: str) -> object:
    """Return a zip, or the answer in the wrapping that all other media methods have."""
    try:
        call.services.maintenance.check()
        answer = METHODS[name](call)
    except EXPLAINED as refusal:
        if name == "downloadFiles":  # its answer is a zip
            raise without_words(refusal) from None
        call.context.note_refusal(refusal)
        call.context.heard_bytes = MOST_READ_ON  # the words are seen only after that
        return {"data": None, "err": words(refusal)}
    except MediaRefused as refusal:
        log.warning(events.MEDIA_REFUSED, reason=refusal.public_text, cause=refusal.cause)
        return {"data": None, "err": refusal.public_text}
    return answer if isinstance(answer, ZipStream) else {"data": answer, "err": ""}


def _framed(answer: object, *, compressed: bool) -> FramedReply:
    if isinstance(answer, ZipStream):
        return frame_parts(iter(answer), len(answer), compressed=compressed)
    return frame_bytes(messages.encode(answer), compressed=compressed)
