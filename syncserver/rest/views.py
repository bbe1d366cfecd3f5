"""The views of all APIs, by what they are called in the ini file.

Whoever imports this loads the whole package, and generates what checks the arguments of all calls.
"""

from collections.abc import Callable, Mapping
from typing import Final

from syncserver.rest.ancestor.endpoint import collection_view, list_view
from syncserver.rest.ankiconnect.endpoint import ankiconnect_view
from syncserver.rest.endpoint import rest_view
from syncserver.rest.resources import api_operations
from syncserver.services import Services
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.request_chain import View


def _api_view(services: Services, proxies: TrustedProxies) -> View:
    return rest_view(services, proxies, api_operations())


VIEWS: Final[Mapping[str, Callable[[Services, TrustedProxies], View]]] = {
    "api": _api_view,
    "collection": collection_view,
    "list_collections": list_view,
    "ankiconnect": ankiconnect_view,
}
