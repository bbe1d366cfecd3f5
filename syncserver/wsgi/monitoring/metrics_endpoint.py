"""/metrics: everything that is counted, for Prometheus; for others there is nothing here."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from webob import Request, Response

from syncserver.errors import MethodNotAllowed, NotFound, WrongCredentials
from syncserver.services import Services
from syncserver.wsgi.monitoring.access import Access
from syncserver.wsgi.monitoring.gauges import EverythingShown
from syncserver.wsgi.request_chain import RequestContext, View


def metrics_view(services: Services) -> View:
    """Return the view of /metrics."""
    access = Access.of(services.settings)
    registry = CollectorRegistry()
    registry.register(EverythingShown(services))

    def view(request: Request, context: RequestContext) -> Response:
        if not access.is_allowed(request, context):
            _turn_away(request)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Metrics are asked for with GET.")
        context.route = ("pages", "metrics")
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        response = Response(status=200, body=encode(registry), charset=None)
        response.headers["Content-Type"] = content_type
        response.headers["Cache-Control"] = "no-store"
        return response

    return view


def _turn_away(request: Request) -> None:
    """Raise NotFound as for any unknown path; who sends a token learns that it is wrong."""
    if request.headers.get("Authorization"):
        raise WrongCredentials("This token may not read the metrics.", cause="wrong metrics_token")
    raise NotFound(
        "There is nothing here. The address for Anki is on the page at /.",
        cause="not one of metrics_networks",
    )
