"""The description of the API is true: every answer is as it says, whatever is sent."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from syncserver.accounts.scopes import Scope
from syncserver.rest.openapi import openapi_document
from syncserver.rest.resources import api_operations
from tests.conftest import NewDevice
from tests.rest.v1.conftest import V1
from tests.support.accounts import Account
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient

DOCUMENT = openapi_document(api_operations(), "/api")
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
EXAMPLES = 15
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
]


@pytest.fixture(scope="module")
def strange_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server of its own, whose log must not tell of mistakes of ours at the end."""
    server = OurServer(tmp_path_factory.mktemp("tried out"))
    yield server
    assert "Traceback" not in server.log()
    server.stop()


@pytest.fixture(scope="module")
def strange_account(strange_server: OurServer) -> Account:
    """Whose collection everything is tried out on."""
    return strange_server.new_account()


@pytest.fixture(scope="module")
def tried_out(strange_server: OurServer, strange_account: Account) -> RestClient:
    """A program with a collection that holds some of everything."""
    server = strange_server
    client = RestClient(server.url, server.new_token(strange_account, Scope.WRITE))
    program = V1(client)
    for front in ("one", "two", "three"):
        program.add_note(front, f"back of {front}", tags=["tag"])
    program.post("decks", {"name": "A::B"})
    program.post("decks/filtered", {"name": "Cram", "searches": [{"search": "two"}]})
    return client


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_is_as_described(
    case: schemathesis.Case, tried_out: RestClient
) -> None:
    case.call_and_validate(
        base_url=f"{tried_out.url}api",
        headers={"Authorization": f"Bearer {tried_out.token}"},
        checks=CHECKS,
    )


def test_a_device_finds_the_collection_sound_after_all_that(
    tried_out: RestClient, strange_account: Account, unused_device: NewDevice
) -> None:
    device = unused_device("newcomer").login(tried_out.url, strange_account)

    device.download()

    assert not device.check_database()
    assert device.col.note_count() == len(V1(tried_out).all_items("notes", limit=1000))


def test_the_document_is_valid_and_served_without_a_token(v1: V1) -> None:
    reply = RestClient(v1.client.url).call("GET", "/api/v1/openapi.json")

    assert reply.json == DOCUMENT
    validate(reply.json)


def test_every_operation_is_in_the_document_once() -> None:
    operations = api_operations()
    names = [operation.name for operation in operations]
    described = [
        operation["operationId"]
        for verbs in DOCUMENT["paths"].values()
        for operation in verbs.values()
    ]

    assert sorted(names) == sorted(described)
    assert len(set(names)) == len(names)
    assert all(
        operation["summary"] for one in DOCUMENT["paths"].values() for operation in one.values()
    )


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("href", "src")]


def test_the_page_for_people_runs_and_loads_nothing(v1: V1) -> None:
    reply = RestClient(v1.client.url).call("GET", "/api/v1/")
    page = _Page()
    page.feed(reply.body.decode())

    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "form", "object"})
    assert all(address.startswith(("#", "/api/v1/")) for address in page.addresses)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    for operation in api_operations():
        assert f'id="{operation.name}"' in reply.body.decode()
