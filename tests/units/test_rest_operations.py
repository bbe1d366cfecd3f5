"""Declaring operations, finding them by path and verb, reading their arguments, errors as problems."""

import pytest
import simplejson

from syncserver.accounts.scopes import Scope
from syncserver.collections.libanki_errors import CollectionDamaged, Missing, Rejected
from syncserver.errors import BadRequest, DiskFull, SyncConflict, TooManyRequests, UploadRefused
from syncserver.media.refusal import over_quota
from syncserver.rest import json_text
from syncserver.rest.arguments import validated
from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document, Query
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Invalid, Malformed, NotFound, WrongMethod, problem_of
from syncserver.rest.routing import Routes

resource = Resource("things")


class Thing(Document):
    id: int


class NewThing(Body):
    name: str
    size: int = 1


class Which(Query):
    limit: int = 10


@resource.get("/v1/things")
def list_things(call: Call, query: Which) -> list[Thing]:
    return []


@resource.post("/v1/things", scope=Scope.ADD, status=201)
def add_thing(call: Call, body: NewThing) -> Thing:
    return Thing(id=1)


@resource.get("/v1/things/{thing_id}")
def show_thing(call: Call, thing_id: int) -> Thing:
    return Thing(id=thing_id)


@resource.get("/v1/things/newest")
def newest_thing(call: Call) -> Thing:
    return Thing(id=9)


@resource.get("/v1/named/{name}")
def named_thing(call: Call, name: str) -> Thing:
    return Thing(id=2)


@resource.delete("/v1/things/{thing_id}")
def remove_thing(call: Call, thing_id: int) -> None:
    return None


routes = Routes(resource.operations)


def test_an_operation_knows_what_its_handler_takes_and_answers() -> None:
    listing, adding, showing, *_ = resource.operations
    assert (listing.query, listing.body, listing.scope) == (Which, None, Scope.READ)
    assert (adding.body, adding.scope, adding.status) == (NewThing, Scope.ADD, 201)
    assert (showing.places, showing.answer, showing.name) == (
        {"thing_id": int},
        Thing,
        "show_thing",
    )
    assert resource.operations[-1].status == 204


@pytest.mark.parametrize(
    ("verb", "path", "name", "places"),
    [
        ("GET", "/v1/things", "list_things", {}),
        ("HEAD", "/v1/things", "list_things", {}),
        ("POST", "/v1/things", "add_thing", {}),
        ("GET", "/v1/things/12", "show_thing", {"thing_id": 12}),
        ("GET", "/v1/things/newest", "newest_thing", {}),
        ("DELETE", "/v1/things/12", "remove_thing", {"thing_id": 12}),
        ("GET", "/v1/named/Öl & more", "named_thing", {"name": "Öl & more"}),
    ],
)
def test_a_path_and_a_verb_lead_to_an_operation(
    verb: str, path: str, name: str, places: dict[str, object]
) -> None:
    match = routes.find(verb, path)
    assert (match.operation.name, match.places) == (name, places)


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/v1", "/v1/things/", "/v1/things/x", "/v1/things/-1", "/v1/things/1/2"),
        *("/v1/named/", "/v1/things/9223372036854775808", "/v1/things/" + "9" * 5000),
        *("/v1/things/٣", "/v1/thingsX"),
    ],
)
def test_other_paths_lead_nowhere(path: str) -> None:
    with pytest.raises(NotFound):
        routes.find("GET", path)


def test_a_wrong_verb_is_told_the_right_ones() -> None:
    with pytest.raises(WrongMethod) as raised:
        routes.find("PATCH", "/v1/things/12")
    assert raised.value.headers == [("Allow", "DELETE, GET")]


def test_a_handler_with_an_argument_that_nobody_gives_is_a_mistake() -> None:
    def handler(call: Call, colour: str) -> None: ...

    with pytest.raises(TypeError, match="colour"):
        Resource("broken").get("/v1/broken")(handler)


@pytest.mark.parametrize(
    ("model", "values", "where"),
    [
        (NewThing, {}, "name"),
        (NewThing, {"name": 5}, "name"),
        (NewThing, {"name": "x", "size": "5"}, "size"),
        (NewThing, {"name": "x", "size": True}, "size"),
        (NewThing, {"name": "x", "colour": "red"}, "colour"),
        (NewThing, [], ""),
        (NewThing, None, ""),
        (Which, {"limit": "many"}, "limit"),
    ],
)
def test_wrong_values_are_listed_with_their_places(
    model: type[Body], values: object, where: str
) -> None:
    with pytest.raises(Invalid) as raised:
        validated(model, values)
    assert raised.value.members["errors"][0]["where"] == where


def test_a_query_is_converted_from_text() -> None:
    assert validated(Which, {"limit": "5"}) == Which(limit=5)


# JSON


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b"Infinity", b"\xff", b"[" * 100_000, b"1" * 10_000, b"'a'"]
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        json_text.parse(body)


def test_answers_hold_documents_and_no_nan() -> None:
    text = json_text.text_of({"things": [Thing(id=1)], "rate": float("nan")})
    assert simplejson.loads(text) == {"things": [{"id": 1}], "rate": None}


def test_other_objects_are_no_answers() -> None:
    with pytest.raises(TypeError):
        json_text.text_of({"object": object()})


# Errors


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (BadRequest("cut off"), "malformed"),
        (SyncConflict("busy"), "sync-in-progress"),
        (DiskFull("full"), "busy"),
        (TooManyRequests("later", retry_after_seconds=7), "throttled"),
        (over_quota(1, 2), "too-large"),
        (Missing("gone"), "not-found"),
        (Rejected("wrong"), "invalid"),
    ],
)
def test_errors_of_the_layers_below_are_problems(error: Exception, name: str) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert problem.document("id")["type"] == f"urn:syncserver:problem:{name}"


@pytest.mark.parametrize(
    "error", [CollectionDamaged("disk image is malformed"), KeyError("x"), UploadRefused("no")]
)
def test_what_nobody_foresaw_is_not_told(error: Exception) -> None:
    assert problem_of(error) is None


def test_retry_after_is_kept() -> None:
    problem = problem_of(TooManyRequests("later", retry_after_seconds=7))
    assert problem is not None
    assert problem.headers == [("Retry-After", "7")]
