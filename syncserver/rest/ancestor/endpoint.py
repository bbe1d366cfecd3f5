"""The view of /collection and /list_collections: the ancestor's paths, tokens, JSON in and out."""

import re
from dataclasses import dataclass
from typing import Any, Final

from webob import Request, Response

from syncserver.accounts.scopes import Scope
from syncserver.rest.access import authenticate, preflight
from syncserver.rest.ancestor import cards, decks, files, notes, reports, study
from syncserver.rest.ancestor.handlers import (
    KINDS,
    AncestorRequest,
    Handler,
    Handlers,
    add_plug_ins,
)
from syncserver.rest.arguments import json_body, validated
from syncserver.rest.call import Call
from syncserver.rest.endpoint import guarded_view, to_response
from syncserver.rest.problems import Invalid, NotFound, WrongMethod
from syncserver.services import Services
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.request_chain import RequestContext, View

LIST_PATH: Final = "/list_collections"
# /USER/OPERATION, /USER/KIND/ITEM and /USER/KIND/ITEM/OPERATION, behind /collection.
PATH: Final = re.compile(
    rf"/(?P<user>[^/]+)(?:/(?P<kind>{'|'.join(KINDS)})/(?P<item>[^/]+))?(?:/(?P<name>[^/]+))?"
)
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Path:
    """What a path says."""

    user: str
    kind: str
    item: str
    name: str


def collection_view(services: Services, proxies: TrustedProxies) -> View:
    """Return the view of /collection."""
    handlers = all_handlers()

    def answer(request: Request, context: RequestContext) -> Response:
        path = parse_path(request.path_info)
        handler = handlers.find(path.kind, path.name)
        if request.method == "OPTIONS":
            return preflight(["POST"])
        if request.method != "POST":
            raise WrongMethod(["POST"])
        operation = f"{path.kind}/{path.name}"
        context.bind(method=operation)
        context.route = ("collection", path.kind)
        bearer = authenticate(services, context, request, handler.scope)
        call = Call(services, context, request, bearer, operation)
        return to_response(_perform(call, path, handler), OK)

    return guarded_view(services, proxies, answer)


def list_view(services: Services, proxies: TrustedProxies) -> View:
    """Return the view of /list_collections: the names of all who have a collection."""

    def answer(request: Request, context: RequestContext) -> Response:
        if request.path_info.strip("/"):
            raise NotFound
        if request.method == "OPTIONS":
            return preflight(["GET", "POST"])
        if request.method not in ("GET", "HEAD", "POST"):
            raise WrongMethod(["GET", "POST"])
        context.bind(method="list_collections")
        context.route = ("collection", "list_collections")
        authenticate(services, context, request, Scope.ADMIN)
        return to_response(_collections(services), OK)

    return guarded_view(services, proxies, answer)


def all_handlers() -> Handlers:
    """Return the ancestor's handlers and those of plug-ins."""
    handlers = Handlers()
    for module in (notes, cards, decks, study, reports, files):
        handlers.add_all(module.handlers)
    add_plug_ins(handlers)
    return handlers


def parse_path(path: str) -> Path:
    """Take a path behind /collection apart. Raises NotFound."""
    match = PATH.fullmatch(path)
    if match is None:
        raise NotFound
    kind = match["kind"] or "collection"
    name = match["name"] or ("index" if match["kind"] else "")
    return Path(match["user"], kind, match["item"] or "", name)


def _perform(call: Call, path: Path, handler: Handler) -> Any:
    user = call.named_user(path.user)
    values = json_body(call)
    if values == []:
        values = {}  # what PHP makes of an empty object
    if not isinstance(values, dict):
        raise Invalid("The body is not a JSON object.")
    arguments: dict[str, Any] = {}
    if handler.data is not None:
        arguments["data"] = validated(handler.data, values)
    request = AncestorRequest(call, user, path.item, values)
    if handler.needs == "nothing":
        return handler.function(request, **arguments)
    opened = call.changing(user) if handler.needs == "change" else call.reading(user)
    with opened as collection:
        return handler.function(collection, request, **arguments)


def _collections(services: Services) -> list[str]:
    folder = services.settings.users_folder
    return [
        user.name
        for user in services.users.all_users()
        if (folder / user.folder / "collection.anki2").exists()
    ]
