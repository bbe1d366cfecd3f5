"""PasteDeploy's factories: which apps exist, and where a composite mounts them.

    [composite:main]
    use = egg:syncserver#mount
    /sync = sync
    / = pages

The apps of one process share the services of their data root, which start with the first request
if the server has not started them before.
"""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any, Final, Protocol

from syncserver.backups.offsite_sender import OffsiteSender
from syncserver.backups.scheduler import SnapshotScheduler
from syncserver.errands.channel import ErrandListener
from syncserver.services import Services, services_for
from syncserver.settings import Settings, SettingsError, load_options
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.late_view import LateView
from syncserver.wsgi.media_endpoint import media_view
from syncserver.wsgi.pages.setup_page import pages_view, setup_page
from syncserver.wsgi.request_chain import Environ, RequestChain, StartResponse, View
from syncserver.wsgi.stalled_bodies import StalledBodies
from syncserver.wsgi.sync_endpoint import QUICK_PATHS, sync_view

SLASHES: Final = re.compile("/{2,}")
DEFAULT_MOUNTS: Final = (
    *("/sync", "/msync", "/api", "/collection", "/list_collections"),
    *("/ankiconnect", "/"),
)


class WsgiApp(Protocol):
    """Anything that speaks WSGI."""

    def __call__(self, environ: Environ, start_response: StartResponse, /) -> Iterable[bytes]:
        """Answer one request."""
        ...


class PasteLoader(Protocol):
    """What PasteDeploy gives to a composite to load its parts with."""

    def get_app(self, name: str, global_conf: Mapping[str, str]) -> WsgiApp:
        """Load the app of a section."""
        ...


class StartingServices:
    """An app that starts its services with its first request, whichever server runs it."""

    def __init__(self, services: Services, app: WsgiApp) -> None:
        self._services = services
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        self._services.start()
        return self._app(environ, start_response)


class Mount:
    """A composite: hands each request to the app with the longest path that matches.

    Clients ask for `/sync//meta` when their address is configured with a slash too many; slashes
    are collapsed here, because a redirect would turn their POST into a GET.
    """

    def __init__(self, apps: Mapping[str, WsgiApp]) -> None:
        """Mount `apps` at their paths; `/` takes what no other path matches."""
        mounted = ((path.rstrip("/"), app) for path, app in apps.items())
        self._apps = sorted(
            ((prefix, f"{prefix}/", app) for prefix, app in mounted),
            key=lambda mount: len(mount[0]),
            reverse=True,
        )

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO") or "/"
        if "//" in path:
            path = SLASHES.sub("/", path)
        for prefix, below, app in self._apps:
            if path.startswith(below) or path == prefix:
                environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "").rstrip("/") + prefix
                environ["PATH_INFO"] = path[len(prefix) :]
                return app(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is nothing here.\n"]


def make_sync_app(global_conf: Mapping[str, str], **local_conf: str) -> WsgiApp:
    """Make the app of the collection sync, to be mounted at /sync."""
    services, proxies = _shared(global_conf, local_conf)
    page = setup_page(services.settings, proxies, services.maintenance, "/sync")
    return _app(services, proxies, sync_view(services, page), QUICK_PATHS)


def make_media_app(global_conf: Mapping[str, str], **local_conf: str) -> WsgiApp:
    """Make the app of the media sync, to be mounted at /msync."""
    services, proxies = _shared(global_conf, local_conf)
    page = setup_page(services.settings, proxies, services.maintenance, "/msync")
    return _app(services, proxies, media_view(services, page))


def make_rest_app(global_conf: Mapping[str, str], **local_conf: str) -> WsgiApp:
    """Make the app of the REST API, to be mounted at /api."""
    return _api_app("api", global_conf, local_conf)


def make_collection_app(global_conf: Mapping[str, str], **local_conf: str) -> WsgiApp:
    """Make the app of the calls for programs of the ancestor, to be mounted at /collection."""
    return _api_app("collection", global_conf, local_conf)


def make_list_app(global_conf: Mapping[str, str], **local_conf: str) -> WsgiApp:
    """Make the app of the ancestor's list of collections, to be mounted at /list_collections."""
    return _api_app("list_collections", global_conf, local_conf)


def make_ankiconnect_app(global_conf: Mapping[str, str], **local_conf: str) -> WsgiApp:
    """Make the app of AnkiConnect's API, to be mounted at /ankiconnect."""
    return _api_app("ankiconnect", global_conf, local_conf)


def make_pages_app(global_conf: Mapping[str, str], **local_conf: str) -> WsgiApp:
    """Make the app of the set-up page, /health, /ready and /metrics, to be mounted at /."""
    services, proxies = _shared(global_conf, local_conf)
    # Let in however much there is to do: /health tells whether the server lives.
    return StartingServices(services, RequestChain(pages_view(services, proxies), proxies))


def make_root_app(global_conf: Mapping[str, str], **local_conf: str) -> WsgiApp:
    """Make everything at once, mounted at the usual paths, for an ini file of one app."""
    factories = (
        make_sync_app,
        make_media_app,
        make_rest_app,
        make_collection_app,
        make_list_app,
        make_ankiconnect_app,
        make_pages_app,
    )
    return Mount(
        {
            path: make(global_conf, **local_conf)
            for path, make in zip(DEFAULT_MOUNTS, factories, strict=True)
        }
    )


def make_mount(loader: PasteLoader, global_conf: Mapping[str, str], **mounts: str) -> WsgiApp:
    """Make a composite of other sections' apps: each option is a path, its value a section."""
    not_paths = [path for path in mounts if not path.startswith("/")]
    if not_paths:
        raise SettingsError(f"{_file(global_conf)}: {not_paths[0]}: not a path to mount an app at")
    return Mount({path: loader.get_app(name, global_conf) for path, name in mounts.items()})


def _shared(
    global_conf: Mapping[str, str], local_conf: Mapping[str, Any]
) -> tuple[Services, TrustedProxies]:
    if local_conf:
        option = next(iter(local_conf))
        raise SettingsError(f"{_file(global_conf)}: {option}: options belong into [DEFAULT]")
    loaded = load_options(Settings, "DEFAULT", global_conf, file=_file(global_conf))
    services = services_for(loaded.options)
    services.accompany("errands", ErrandListener)
    services.accompany("stalled bodies", StalledBodies)
    services.accompany("snapshots", lambda services: SnapshotScheduler(services.restore_points))
    if services.restore_points.offsite is not None:
        services.accompany("off-site copies", _make_sender)
    return services, TrustedProxies(loaded.options.trusted_proxies)


def _make_sender(services: Services) -> OffsiteSender:
    assert services.restore_points.offsite is not None  # noqa: S101 - asked before
    return OffsiteSender(services.restore_points, services.restore_points.offsite)


def _app(
    services: Services, proxies: TrustedProxies, view: View, quick_paths: Container[str] = ()
) -> WsgiApp:
    chain = RequestChain(view, proxies, services.admission, quick_paths)
    return StartingServices(services, chain)


def _api_app(name: str, global_conf: Mapping[str, str], local_conf: Mapping[str, str]) -> WsgiApp:
    services, proxies = _shared(global_conf, local_conf)
    return _app(services, proxies, LateView(lambda: _api_view(name, services, proxies)))


def _api_view(name: str, services: Services, proxies: TrustedProxies) -> View:
    # Loaded for the first call of a program: a tenth of the time of a start, and memory that a
    # server which only syncs has no use for.
    from syncserver.rest.views import VIEWS  # noqa: PLC0415

    return VIEWS[name](services, proxies)


def _file(global_conf: Mapping[str, str]) -> str:
    return str(global_conf.get("__file__", "configuration"))
