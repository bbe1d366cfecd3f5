"""/health: is the process up and serving?"""

from webob import Request, Response

from syncserver.errors import MethodNotAllowed
from syncserver.wsgi.request_chain import RequestContext


def health_view(request: Request, _context: RequestContext) -> Response:
    """Answer 200 with an empty body, as the official server does."""
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("Health is asked for with GET.")
    return Response(status=200, body=b"", content_type="text/plain")
