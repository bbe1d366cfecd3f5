"""What all operations have in common, in order: host, CORS, route, token, arguments, answer, errors."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from webob import Request, Response

from syncserver import events
from syncserver.rest import json_text
from syncserver.rest.access import allow_origin, authenticate, check_host, preflight
from syncserver.rest.arguments import arguments
from syncserver.rest.call import Call
from syncserver.rest.idempotency import KEY_HEADER, RememberedAnswers, check_key, fingerprint
from syncserver.rest.models import Binary, Reply
from syncserver.rest.operations import Operation
from syncserver.rest.problems import Failed, NotFound, Problem, problem_of
from syncserver.rest.routing import Match, Routes
from syncserver.services import Services
from syncserver.wsgi.client_address import TrustedProxies
from syncserver.wsgi.request_chain import RequestContext, View

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
NO_CONTENT: Final = 204
# Answers hold what people wrote: no browser may take one for a page.
SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

log = structlog.get_logger()


class ApiResponse(Response):  # type: ignore[misc]  # webob has no types
    """A response whose Location stays a path: behind a proxy we do not know our own address."""

    @staticmethod
    def _make_location_absolute(environ: Any, value: str) -> str:  # noqa: ARG004 - webob's
        return value


def rest_view(services: Services, proxies: TrustedProxies, operations: Iterable[Operation]) -> View:
    """Return the view of an app that consists of operations."""
    routes = Routes(operations)
    answers = RememberedAnswers()

    def answer(request: Request, context: RequestContext) -> Response:
        path = request.path_info
        if request.method == "OPTIONS":
            return _options(routes, path)
        match = routes.find(request.method, path)
        context.bind(method=match.operation.name)
        context.route = ("api", match.operation.group.replace(" ", "_"))
        return _perform(services, context, request, match, answers)

    return guarded_view(services, proxies, answer)


def guarded_view(
    services: Services,
    proxies: TrustedProxies,
    answer: Callable[[Request, RequestContext], Response],
) -> View:
    """Return a view that checks host and maintenance, answers problems as such, and lets allowed pages read.

    For apps whose paths are not those of `Operation`s, too.
    """

    def view(request: Request, context: RequestContext) -> Response:
        try:
            check_host(services.settings, proxies, request)
            services.maintenance.check()
            response = answer(request, context)
        except Exception as error:
            response = problem_response(_problem(error), context)
        for name, value in SAFE_HEADERS.items():
            response.headers.setdefault(name, value)
        allow_origin(services.settings, request, response)
        return response

    return view


def _perform(
    services: Services,
    context: RequestContext,
    request: Request,
    match: Match,
    answers: RememberedAnswers,
) -> Response:
    """Check the token, read the arguments, call the handler, and make a response of its answer."""
    operation = match.operation
    bearer = None
    if operation.scope is not None:
        bearer = authenticate(services, context, request, operation.scope)
    call = Call(services, context, request, bearer, operation.name)
    given = {**match.places, **arguments(call, operation)}

    def work() -> Response:
        return to_response(operation.handler(call, **given), operation.status)

    key = request.headers.get(KEY_HEADER) if request.method == "POST" and bearer else None
    if key is None:
        return work()
    return answers.once((call.user.name, check_key(key)), fingerprint(request, given), work)


def to_response(content: Any, status: int) -> Response:
    """Return the response for what a handler answered."""
    headers: dict[str, str] = {}
    if isinstance(content, Reply):
        status, headers, content = content.status or status, content.headers, content.content
    if content is None and status == NO_CONTENT:
        response = ApiResponse(status=NO_CONTENT)
    elif isinstance(content, Binary):
        response = ApiResponse(status=status, app_iter=content.parts)
        # As it is: a charset that it does not name would be a guess.
        response.headers["Content-Type"] = content.content_type
        response.content_length = content.length
    else:
        response = ApiResponse(
            status=status, body=json_text.text_of(content), content_type=JSON, charset=None
        )
    response.headers.update(headers)
    return response


def problem_response(problem: Problem, context: RequestContext) -> Response:
    """Return the response for a refusal, whose cause goes into the log."""
    if problem.cause:
        context.bind(cause=problem.cause)
    response = Response(
        status=problem.status,
        body=json_text.text_of(problem.document(context.request_id)),
        content_type=PROBLEM_JSON,
        charset=None,
    )
    response.headers.extend(problem.headers)
    return response


def _problem(error: Exception) -> Problem:
    problem = problem_of(error)
    if problem is None:
        log.error(events.REQUEST_FAILED, exc_info=error)
        return Failed()
    return problem


def _options(routes: Routes, path: str) -> Response:
    verbs = routes.verbs(path)
    if not verbs:
        raise NotFound
    return preflight(verbs)
