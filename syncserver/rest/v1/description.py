"""What the API says of itself: OpenAPI for programs, a page for people."""

from collections.abc import Callable
from functools import cache
from typing import Any

from syncserver.rest.call import Call
from syncserver.rest.models import Binary, Reply
from syncserver.rest.openapi import openapi_document
from syncserver.rest.openapi_page import CONTENT_SECURITY_POLICY, page_of
from syncserver.rest.operations import Operation, Resource


def description(operations: Callable[[], list[Operation]]) -> Resource:
    """Return the resource that describes operations, its own among them."""
    resource = Resource("description")

    @cache
    def document(server: str) -> dict[str, Any]:
        return openapi_document(operations(), server)

    @resource.get("/v1/openapi.json", scope=None)
    def show_openapi(call: Call) -> dict[str, Any]:
        """Return the OpenAPI document of this API."""
        return document(call.request.script_name)

    @resource.get("/v1/", scope=None)
    def show_page(call: Call) -> Reply[Binary]:
        """Return the OpenAPI document as a page for people."""
        page = page_of(document(call.request.script_name)).encode()
        return Reply(
            Binary([page], "text/html; charset=utf-8", len(page)),
            headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
        )

    return resource
