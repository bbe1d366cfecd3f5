"""/ready: can the server do its work? 200 or 503; who may see the metrics is told why not."""

import json

from webob import Request, Response

from syncserver.errors import MethodNotAllowed
from syncserver.services import Services
from syncserver.wsgi.monitoring.access import Access
from syncserver.wsgi.monitoring.readiness import Readiness
from syncserver.wsgi.request_chain import RequestContext, View


def ready_view(services: Services) -> View:
    """Return the view of /ready."""
    access = Access.of(services.settings)
    readiness = Readiness(services)

    def view(request: Request, context: RequestContext) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Readiness is asked for with GET.")
        context.route = ("pages", "ready")
        findings = readiness.findings()
        document: dict[str, object] = {"ready": findings.is_ready}
        if access.is_allowed(request, context):
            document["checks"] = {
                name: problem or "ok" for name, problem in findings.problems.items()
            }
        response = Response(
            status=200 if findings.is_ready else 503,
            body=json.dumps(document).encode() + b"\n",
            content_type="application/json",
            charset=None,
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    return view
