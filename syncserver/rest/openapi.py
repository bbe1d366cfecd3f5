"""The OpenAPI 3.1 document, made of what the operations declare."""

import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import TypeAdapter
from pydantic_core import PydanticUndefined

from syncserver import __version__
from syncserver.rest.idempotency import KEY_HEADER
from syncserver.rest.models import Binary, Reply
from syncserver.rest.operations import MOST_ID, Operation
from syncserver.rest.problems import PROBLEMS, TYPE_PREFIX

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]

REF: Final = "#/components/schemas/{model}"
TITLE: Final = "Collections of Anki"
DESCRIPTION: Final = (
    "Programs and web pages use the very collection that a person's devices sync. What a program"
    " changes is on the devices after their next sync, and the other way round."
)
HEADERS: Final[Mapping[str, str]] = {
    "If-Match": "The ETag of the state that is meant; another state is refused with 412.",
    "If-None-Match": "The ETag of what the caller has already; 304 if it still is the present one.",
    KEY_HEADER: "Sent again with the same key, a request is answered again but not done again.",
}
PROBLEM_SCHEMA: Final[Json] = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457); some problems have further members.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "enum": [TYPE_PREFIX + one.name for one in PROBLEMS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
    },
}


def openapi_document(operations: Iterable[Operation], server: str) -> Json:
    """Return the document; `server` is the path before those of the operations."""
    described = list(operations)
    schemas = _Schemas(described)
    paths: dict[str, Json] = {}
    for operation in described:
        paths.setdefault(operation.path, {})[operation.verb.lower()] = _operation(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": server or "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(one.group for one in described)],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM_SCHEMA, **schemas.definitions},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The JSON Schema of every body and every answer; what several use is defined once."""

    def __init__(self, operations: list[Operation]) -> None:
        inputs = [(f"{one.name} body", "validation", one.body) for one in operations if one.body]
        answers = [
            (f"{one.name} answer", "serialization", content_of(one.answer))
            for one in operations
            if not _is_binary(one) and one.status != 204
        ]
        wanted: list[tuple[str, Mode, TypeAdapter[Any]]] = [
            (key, mode, TypeAdapter(kind))  # type: ignore[misc]
            for key, mode, kind in [*inputs, *answers]
        ]
        found, rest = TypeAdapter.json_schemas(wanted, ref_template=REF)
        self._of = {key: schema for (key, _mode), schema in found.items()}
        self.definitions: Json = rest.get("$defs", {})

    def body(self, operation: Operation) -> Json:
        """Return the schema of an operation's body."""
        return self._of[f"{operation.name} body"]

    def answer(self, operation: Operation) -> Json:
        """Return the schema of an operation's answer."""
        return self._of[f"{operation.name} answer"]


def content_of(answer: Any) -> Any:
    """Return what is in an answer: Reply[Note] is a Note with headers."""
    return get_args(answer)[0] if get_origin(answer) is Reply else answer


def _is_binary(operation: Operation) -> bool:
    return content_of(operation.answer) is Binary


def _operation(operation: Operation, schemas: _Schemas) -> Json:
    summary, _, more = cleandoc(operation.handler.__doc__ or "").partition("\n")
    needs = f"Needs a token with the scope {operation.scope.value}." if operation.scope else ""
    parts = [" ".join(more.split()), needs or "Needs no token."]
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.group],
        "summary": summary,
        "description": " ".join(filter(None, parts)),
        "parameters": [*_places(operation), *_query(operation), *_headers(operation)],
        "responses": _responses(operation, schemas),
        "security": [{"token": [operation.scope.value]}] if operation.scope else [],
    }
    if operation.upload:
        described["requestBody"] = {"required": True, "content": {operation.upload: {}}}
    elif operation.body:
        described["requestBody"] = {
            "required": _has_required(operation.body),
            "content": {"application/json": {"schema": schemas.body(operation)}},
        }
    return described


def _has_required(model: Any) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _places(operation: Operation) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _place_schema(kind)}
        for name, kind in operation.places.items()
    ]


def _place_schema(kind: type) -> Json:
    if kind is int:
        return {"type": "integer", "format": "int64", "minimum": 0, "maximum": MOST_ID}
    return {"type": "string", "pattern": "^[^/]+$"}


def _query(operation: Operation) -> list[Json]:
    if operation.query is None:
        return []
    properties = TypeAdapter(operation.query).json_schema()["properties"]
    fields = operation.query.model_fields
    return [
        {
            "name": name,
            "in": "query",
            "required": fields[name].default is PydanticUndefined
            and fields[name].default_factory is None,
            "schema": _without_title(schema),
        }
        for name, schema in properties.items()
    ]


def _headers(operation: Operation) -> list[Json]:
    keys = (KEY_HEADER,) if operation.verb == "POST" and operation.scope else ()
    return [
        {"name": name, "in": "header", "description": HEADERS[name], "schema": {"type": "string"}}
        for name in (*operation.takes, *keys)
    ]


def _responses(operation: Operation, schemas: _Schemas) -> Json:
    answer: Json = {"description": "Done."}
    if _is_binary(operation):
        answer["content"] = {"*/*": {}}
    elif operation.status != 204:
        answer["content"] = {"application/json": {"schema": schemas.answer(operation)}}
    problem = {
        "description": "Refused; the problem says why.",
        "content": {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}},
    }
    unchanged = {"304": {"description": "The caller has it."}}
    return {
        str(operation.status): answer,
        **(unchanged if "If-None-Match" in operation.takes else {}),
        "default": problem,
    }


def _without_title(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name != "title"}


def anchor(name: str) -> str:
    """Return a name as it can stand in an address behind the #."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)
