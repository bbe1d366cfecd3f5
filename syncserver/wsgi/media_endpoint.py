"""/msync: says in so many words that this version of the server does not sync media yet.

`meta` reports a media usn of 0, so that a client without media of its own does not ask.
"""

from webob import Request, Response

from syncserver.errors import MethodNotAllowed, ServerBusy
from syncserver.wsgi.request_chain import RequestContext, View


def media_view(page: View) -> View:
    """Return the view of /msync; a browser that opens it is shown `page`."""

    def view(request: Request, context: RequestContext) -> Response:
        if request.method == "GET" and not request.path_info.strip("/"):
            return page(request, context)
        if request.method != "POST":
            raise MethodNotAllowed("Media methods are called with POST.")
        # 503 is the only answer that neither logs a desktop out nor blames its database.
        raise ServerBusy("This server does not sync media yet.", retry_after_seconds=3600)

    return view
