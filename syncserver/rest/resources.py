"""Which resources /api has, in the order of the OpenAPI document."""

from typing import Final

from syncserver.rest import login
from syncserver.rest.operations import Operation, Resource

RESOURCES: Final[tuple[Resource, ...]] = (login.resource,)


def api_operations() -> list[Operation]:
    """Return the operations of all resources."""
    return [operation for resource in RESOURCES for operation in resource.operations]
