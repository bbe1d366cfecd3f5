"""What the tests of /api/v1/ start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.device import NO_CHANGES, Device
from tests.support.rest_client import RestClient, RestReply


@dataclass(frozen=True)
class V1:
    """A program that uses /api/v1/."""

    client: RestClient

    def get(self, path: str, **query: object) -> Any:
        """Ask for something that is there; lists in the query are repeated parameters."""
        question = f"?{urlencode(query, doseq=True)}" if query else ""
        return self.client.ok("GET", f"/api/v1/{path}{question}")

    def post(self, path: str, body: object = None) -> Any:
        return self.client.ok("POST", f"/api/v1/{path}", {} if body is None else body)

    def patch(self, path: str, body: object) -> Any:
        return self.client.ok("PATCH", f"/api/v1/{path}", body)

    def put(self, path: str, body: object) -> Any:
        return self.client.ok("PUT", f"/api/v1/{path}", body)

    def delete(self, path: str) -> None:
        assert self.client.ok("DELETE", f"/api/v1/{path}") is None

    def call(
        self, verb: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> RestReply:
        """Send a request, whatever comes of it."""
        return self.client.call(verb, f"/api/v1/{path}", body, headers=headers)

    def problem(self, verb: str, path: str, body: object = None) -> str:
        """Send a request that must be refused, and return the name of the problem."""
        reply = self.call(verb, path, body)
        assert reply.status >= 400, reply
        return reply.problem

    def all_items(self, path: str, **query: object) -> list[Any]:
        """Go through all pages of a list."""
        items, cursor = [], ""
        while True:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items

    def add_note(self, front: str, back: str = "", **members: object) -> Any:
        """Add a note of the notetype Basic and return it."""
        fields = {"Front": front, "Back": back}
        return self.post("notes", {"notetype": "Basic", "fields": fields, **members})


@pytest.fixture
def v1(program: RestClient) -> V1:
    """A program that may do everything with the account's own collection."""
    return V1(program)


def only_small_syncs(*devices: Device) -> None:
    """Sync the devices, none of which may be told to sync everything."""
    for device in devices:
        assert device.sync() == NO_CHANGES
