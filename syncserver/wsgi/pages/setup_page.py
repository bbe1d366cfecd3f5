"""The page at `/`: which address to enter in which client, and where."""

from html import escape
from typing import Final

from webob import Request, Response

from syncserver import __version__
from syncserver.errors import MethodNotAllowed, NotFound
from syncserver.maintenance import Maintenance
from syncserver.services import Services
from syncserver.settings import Settings
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.health_endpoint import health_view
from syncserver.wsgi.monitoring.metrics_endpoint import metrics_view
from syncserver.wsgi.monitoring.ready_endpoint import ready_view
from syncserver.wsgi.request_chain import RequestContext, View

# A page of ours never runs scripts and never loads anything.
CONTENT_SECURITY_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"

TEMPLATE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }}
code {{ background: #eee; color: #111; padding: .15rem .35rem; border-radius: .25rem; user-select: all; }}
</style>
</head>
<body>
<h1>{name}</h1>{notice}
<p>This is an Anki sync server (syncserver {version}). Enter its address in Anki on each of your
devices, then sync with the name and password that you got from whoever runs this server.</p>
<p>The address is <code>{url}</code></p>
<h2>Anki on a computer (2.1.57 or newer; older versions need the add-on for old clients)</h2>
<ol>
<li>Tools → Preferences → Syncing (Anki → Preferences on a Mac).</li>
<li>Self-hosted sync server: <code>{url}</code></li>
<li>Close the preferences, click Sync, enter your name and password.</li>
</ol>
<h2>AnkiDroid</h2>
<ol>
<li>Settings → Sync → Custom sync server.</li>
<li>Sync url: <code>{url}</code> In versions that ask for two addresses, the media sync url is
<code>{url}msync/</code></li>
<li>Settings → Sync → AnkiWeb account: enter your name and password here, then sync.</li>
</ol>
<h2>AnkiMobile (iPhone, iPad)</h2>
<ol>
<li>Settings → Syncing → Custom sync server: <code>{url}</code></li>
<li>Tap Synchronize, enter your name and password.</li>
</ol>
</body>
</html>
"""


def setup_page(
    settings: Settings, proxies: TrustedProxies, maintenance: Maintenance, mounted_at: str = ""
) -> View:
    """Return the view of the set-up page for an app that is mounted at `mounted_at`."""

    def view(request: Request, _context: RequestContext) -> Response:
        url = _with_slash(settings.public_url) or proxies.base_url(request, mounted_at)
        html = TEMPLATE.format(
            name=escape(settings.server_name),
            version=escape(__version__),
            url=escape(url),
            notice=_notice(maintenance),
        )
        response = Response(status=200, text=html, content_type="text/html", charset="utf-8")
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Vary"] = "Accept"
        return response

    return view


def pages_view(services: Services, proxies: TrustedProxies) -> View:
    """Return the view of all that is no method: the page, /health, /ready and /metrics."""
    page = setup_page(services.settings, proxies, services.maintenance)
    looking_in = {"/metrics": metrics_view(services), "/ready": ready_view(services)}

    def view(request: Request, context: RequestContext) -> Response:
        path = request.path_info.rstrip("/")
        if path == "/health":
            context.route = ("pages", "health")
            return health_view(request, context)
        if path in looking_in:
            return looking_in[path](request, context)
        if path:
            raise NotFound("There is nothing here. The address for Anki is on the page at /.")
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("This page is for browsers.")
        context.route = ("pages", "page")
        if not _wants_html(request):
            return _version()
        return page(request, context)

    return view


def _notice(maintenance: Maintenance) -> str:
    """Return what the page says of maintenance; nothing when there is none."""
    notice = maintenance.notice()
    if notice is None:
        return ""
    until = f" (until {notice.until:%Y-%m-%d %H:%M} UTC)" if notice.until else ""
    return f'\n<p role="alert"><strong>Maintenance{until}:</strong> {escape(notice.message)}</p>'


def _wants_html(request: Request) -> bool:
    """Tell whether a browser asks: each names HTML, and programs name nothing or all types."""
    return "html" in request.headers.get("Accept", "")


def _version() -> Response:
    """Answer a program as the ancestor did: with the name and the version."""
    text = f"syncserver {__version__}"
    response = Response(status=200, text=text, content_type="text/plain", charset="utf-8")
    response.headers["Vary"] = "Accept"
    return response


def _with_slash(url: str) -> str:
    return url if not url or url.endswith("/") else f"{url}/"
