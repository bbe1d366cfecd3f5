"""The view of /ankiconnect: one address, requests as the add-on of the desktop takes them.

An answer has the status 200, errors too: programs read the body, and take any other status for a
desktop that does not run.
"""

from typing import Any, Final

from webob import Request, Response

from syncserver.rest.access import preflight
from syncserver.rest.ankiconnect import (
    adding,
    cards,
    decks,
    graphical,
    media,
    miscellaneous,
    notes,
    notetype_changes,
    notetypes,
    packages,
    scheduling,
    statistics,
    tags,
)
from syncserver.rest.ankiconnect.actions import Actions
from syncserver.rest.ankiconnect.dialogue import Dialogue
from syncserver.rest.ankiconnect.miscellaneous import API_VERSION, PERMISSION
from syncserver.rest.arguments import json_body
from syncserver.rest.call import Call
from syncserver.rest.endpoint import guarded_view, to_response
from syncserver.rest.problems import NotFound, WrongMethod
from syncserver.services import Services
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.request_chain import RequestContext, View

OK: Final = 200
VERBS: Final = ("GET", "HEAD", "POST")
# What programs look for to see whether somebody is there.
GREETING: Final = f"AnkiConnect v.{API_VERSION}"
MODULES: Final = (
    *(cards, scheduling, decks, graphical, media, miscellaneous, packages),
    *(notetypes, notetype_changes, notes, adding, tags, statistics),
)


def ankiconnect_view(services: Services, proxies: TrustedProxies) -> View:
    """Return the view of /ankiconnect."""
    actions = all_actions()

    def answer(request: Request, context: RequestContext) -> Response:
        if request.path_info.strip("/"):
            raise NotFound
        context.route = ("ankiconnect", "action")
        if request.method == "OPTIONS":
            return _preflight(request)
        if request.method not in VERBS:
            raise WrongMethod(VERBS)
        if request.method != "POST":
            return Response(text=GREETING, content_type="text/plain", charset="utf-8")
        return _answer(Dialogue(services, context, request, actions))

    return guarded_view(services, proxies, answer)


def all_actions() -> Actions:
    """Return the actions of all modules."""
    actions = Actions()
    for module in MODULES:
        actions.add_all(module.actions)
    return actions


def _answer(dialogue: Dialogue) -> Response:
    asked: Any = None
    try:
        asked = json_body(
            Call(dialogue.services, dialogue.context, dialogue.request, None, "ankiconnect")
        )
    except Exception as error:  # the add-on's form of errors is for these, too
        return to_response(dialogue.failure(error), OK)
    response = to_response(dialogue.answer(asked), OK)
    origin = dialogue.request.headers.get("Origin")
    if origin and isinstance(asked, dict) and asked.get("action") == PERMISSION:
        # Any page may read whether it may use the rest.
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _preflight(request: Request) -> Response:
    response = preflight(["GET", "POST"])
    if request.headers.get("Access-Control-Request-Private-Network"):
        # Browsers ask this before a page of the Internet reaches a server at home.
        response.headers["Access-Control-Allow-Private-Network"] = "true"
    return response
