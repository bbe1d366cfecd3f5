"""From a request to the typed arguments of a handler."""

from typing import Any, get_origin

from pydantic import BaseModel, ValidationError
from webob import Request

from syncserver.rest import json_text
from syncserver.rest.call import Call
from syncserver.rest.operations import Operation
from syncserver.rest.problems import Invalid, Malformed


def arguments(call: Call, operation: Operation) -> dict[str, Any]:
    """Return `body` and `query` as far as the operation takes them.

    Raises Malformed, Invalid, BodyTooLarge.
    """
    found: dict[str, Any] = {}
    if operation.query is not None:
        found["query"] = validated(operation.query, _query_values(call.request, operation.query))
    if operation.body is not None:
        found["body"] = validated(operation.body, json_body(call))
    return found


def json_body(call: Call) -> Any:
    """Return what the body says; an empty one says nothing at all: {}.

    Raises Malformed, BodyTooLarge.
    """
    body = b"".join(call.body_parts(call.services.settings.max_request_bytes))
    return json_text.parse(body) if body.strip() else {}


def validated(model: type[BaseModel], values: Any) -> BaseModel:
    """Return `values` as the model. Raises Invalid, which lists where and why they are not it."""
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        found = [
            {"where": ".".join(map(str, error["loc"])), "what": error["msg"]}
            for error in problem.errors(include_url=False, include_input=False)
        ]
        raise Invalid(_sentence(found), members={"errors": found}) from None


def _sentence(found: list[dict[str, str]]) -> str:
    first = found[0]
    return f"{first['where'] or 'The body'}: {first['what']}"


def _query_values(request: Request, model: type[BaseModel]) -> dict[str, Any]:
    try:
        names = list(request.GET)
        return {name: _query_value(request, model, name) for name in names}
    except UnicodeDecodeError:
        raise Malformed("The query is not UTF-8.") from None


def _query_value(request: Request, model: type[BaseModel], name: str) -> Any:
    """Return the value of a parameter; all of them where the model wants a list."""
    field = next((one for key, one in model.model_fields.items() if name in (key, one.alias)), None)
    values = request.GET.getall(name)
    if field is not None and get_origin(field.annotation) is list:
        return values
    return values[-1]
