"""Requests and answers as programs for AnkiConnect know them: versions, keys, multi, origins."""

from datetime import datetime, timedelta, timezone

import pytest

from syncserver.accounts.scopes import Scope
from tests.ankiconnect.conftest import PATH, NewAnki, Program, basic
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient

KEY_NEEDED = "valid api key must be provided"


def test_an_answer_has_a_result_and_no_error(anki: Program) -> None:
    assert anki.answer("version") == {"result": 6, "error": None}


def test_an_error_has_no_result(anki: Program) -> None:
    assert anki.answer("noSuchAction") == {"result": None, "error": "unsupported action"}


@pytest.mark.parametrize("version", [{}, {"version": 4}, {"version": 2}])
def test_old_versions_get_the_bare_result(anki: Program, version: dict[str, int]) -> None:
    assert anki.send({"action": "deckNames", "key": anki.key, **version}).json == ["Default"]


def test_old_versions_get_errors_like_new_ones(anki: Program) -> None:
    reply = anki.send({"action": "noSuchAction", "key": anki.key})
    assert reply.json == {"result": None, "error": "unsupported action"}


def test_version_5_gets_a_result_and_an_error(anki: Program) -> None:
    reply = anki.send({"action": "deckNames", "version": 5, "key": anki.key})
    assert reply.json == {"result": ["Default"], "error": None}


def test_a_program_can_see_that_somebody_is_there(ours: OurServer) -> None:
    reply = RestClient(ours.url).call("GET", PATH)
    assert (reply.status, reply.body) == (200, b"AnkiConnect v.6")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b'{"action": 7}',
        b'{"action": "version", "params": [1]}',
        b'{"action": "\\ud800"}',
    ],
)
def test_what_is_no_request_gets_an_error(anki: Program, body: bytes) -> None:
    answer = anki.send(body).json
    assert answer["result"] is None
    assert answer["error"]


def test_a_parameter_that_an_action_does_not_know_is_an_error(anki: Program) -> None:
    assert "foobar" in anki.error("findCards", query="", foobar=1)


def test_a_parameter_that_is_missing_is_named(anki: Program) -> None:
    assert "cards" in anki.error("cardsInfo")


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_a_valid_key_nothing_is_done(anki: Program, key: str | None) -> None:
    reply = anki.send({"action": "deckNames", "version": 6, "key": key})
    assert reply.json == {"result": None, "error": KEY_NEEDED}


def test_keys_are_in_no_log(anki: Program, ours: OurServer) -> None:
    anki("deckNames")
    wrong = {"action": "deckNames", "key": "a-wrong-key-in-the-log"}
    anki.send(wrong)
    anki.send({**wrong, "key": ["a-wrong-key-in-the-log"]})
    anki.error("multi", actions=wrong)
    assert anki.key not in ours.log()
    assert "a-wrong-key-in-the-log" not in ours.log()


def test_an_expired_key_is_none(ours: OurServer, account: Account) -> None:
    past = datetime.now(timezone.utc) - timedelta(minutes=1)
    program = Program(ours.url, ours.new_token(account, Scope.READ, past))
    assert program.error("deckNames") == KEY_NEEDED


def test_the_token_may_stand_in_the_header(anki: Program) -> None:
    header = {"Authorization": f"Bearer {anki.key}"}
    reply = anki.send({"action": "deckNames", "version": 6}, headers=header)
    assert reply.json["result"] == ["Default"]


def test_a_key_opens_its_users_collection_only(
    ours: OurServer, anki: Program, new_anki: NewAnki
) -> None:
    stranger = new_anki(of=ours.new_account())
    assert stranger("findNotes", query="") == []
    assert len(anki("findNotes", query="")) == 3


@pytest.mark.parametrize(
    ("scope", "action", "params"),
    [
        (Scope.READ, "addNote", {"note": basic("x")}),
        (Scope.READ, "suspend", {"cards": []}),
        (Scope.ADD, "deleteNotes", {"notes": []}),
        (Scope.ADD, "answerCards", {"answers": []}),
        (Scope.REVIEW, "addNote", {"note": basic("x")}),
        (Scope.REVIEW, "deleteDecks", {"decks": [], "cardsToo": True}),
    ],
)
def test_a_narrow_key_does_no_more_than_it_may(
    laptop: Device, new_anki: NewAnki, scope: Scope, action: str, params: dict[str, object]
) -> None:
    assert "scope" in new_anki(scope).error(action, **params)


def test_a_key_for_adding_adds_and_reads(laptop: Device, new_anki: NewAnki) -> None:
    program = new_anki(Scope.ADD)
    note = program("addNote", note=basic("added"))
    assert program("findNotes", query="added") == [note]


# multi


def test_multi_answers_each_action_in_its_own_version(anki: Program) -> None:
    asked = [
        {"action": "deckNames"},
        {"action": "deckNames", "version": 6},
        {"action": "noSuchAction", "params": {"useless": 1}},
        {"action": "noSuchAction", "params": {"useless": 1}, "version": 6},
    ]
    failed = {"result": None, "error": "unsupported action"}
    assert anki("multi", actions=asked) == [
        ["Default"],
        {"result": ["Default"], "error": None},
        failed,
        failed,
    ]


def test_multi_goes_on_after_an_error(anki: Program) -> None:
    asked = [
        {"action": "addNote", "version": 6, "params": {"note": basic("one")}},
        {"action": "addNote", "version": 6, "params": {"note": basic("new")}},
    ]
    first, second = anki("multi", actions=asked)
    assert "duplicate" in first["error"]
    assert anki("findNotes", query="new") == [second["result"]]


def test_multi_may_be_nested(anki: Program) -> None:
    inner = {"action": "multi", "version": 6, "params": {"actions": [{"action": "version"}]}}
    assert anki("multi", actions=[inner]) == [{"result": [6], "error": None}]


def test_multi_is_not_nested_without_end(anki: Program) -> None:
    asked: dict[str, object] = {"action": "version", "version": 6}
    for _ in range(40):
        asked = {"action": "multi", "version": 6, "params": {"actions": [asked]}}
    assert "nested too deeply" in str(anki("multi", actions=[asked]))


def test_an_action_of_multi_may_bring_its_own_key(anki: Program, new_anki: NewAnki) -> None:
    narrow = new_anki(Scope.READ).key
    add = {"action": "addNote", "version": 6, "params": {"note": basic("x")}}
    asked = [{**add, "key": narrow}, {**add, "key": "wrong"}, add]
    refused, unknown, done = anki("multi", actions=asked)
    assert "scope" in refused["error"]
    assert unknown["error"] == KEY_NEEDED
    assert done["error"] is None


def test_multi_does_nothing_without_a_key(anki: Program) -> None:
    asked = {"action": "multi", "version": 6, "params": {"actions": [{"action": "deckNames"}]}}
    assert anki.send(asked).json["result"] == [{"result": None, "error": KEY_NEEDED}]


# Who is there


def test_the_actions_can_be_listed(anki: Program) -> None:
    listed = anki("apiReflect", scopes=["actions", "invalidType"], actions=None)
    assert listed["scopes"] == ["actions"]
    assert {"addNote", "findCards", "multi"} <= set(listed["actions"])
    assert "guiExitAnki" not in listed["actions"]


def test_one_can_ask_which_of_some_actions_exist(anki: Program) -> None:
    asked = {"scopes": ["actions"], "actions": ["apiReflect", "invalidMethod"]}
    assert anki("apiReflect", **asked) == {"scopes": ["actions"], "actions": ["apiReflect"]}


def test_only_actions_can_be_asked_about(anki: Program) -> None:
    assert anki("apiReflect", scopes=["else"]) == {"scopes": []}


def test_the_user_is_the_only_profile(anki: Program, account: Account) -> None:
    assert anki("getProfiles") == [account.name]
    assert anki("getActiveProfile") == account.name
    assert anki("loadProfile", name=account.name) is True
    assert anki("loadProfile", name="somebody else") is False


def test_there_is_nothing_to_sync_or_to_reload(anki: Program) -> None:
    assert anki("sync") is None
    assert anki("reloadCollection") is None


# Origins


def permission(url: str, origin: str) -> tuple[str, str]:
    """Ask as a page does; return what was answered, and who may read it."""
    headers = {"Origin": origin} if origin else {}
    asked = {"action": "requestPermission", "version": 6}
    reply = Program(url, "").send(asked, headers=headers)
    return reply.json["result"]["permission"], reply.headers.get("access-control-allow-origin", "")


def test_a_program_has_permission_and_learns_that_it_needs_a_key(anki: Program) -> None:
    assert permission(anki.url, "") == ("granted", "")
    granted = anki("requestPermission")
    assert granted["requireApiKey"] is True
    assert granted["version"] == 6


def test_a_foreign_page_learns_that_it_has_no_permission(ours: OurServer) -> None:
    origin = "https://foreign.example"
    assert permission(ours.url, origin) == ("denied", origin)


def test_a_foreign_page_cannot_read_the_answer_to_what_is_no_request(ours: OurServer) -> None:
    reply = Program(ours.url, "").send([], headers={"Origin": "https://foreign.example"})
    assert reply.json["error"]
    assert "access-control-allow-origin" not in reply.headers


def test_a_foreign_page_cannot_read_anything_else(anki: Program) -> None:
    asked = {"action": "deckNames", "version": 6, "key": anki.key}
    reply = anki.send(asked, headers={"Origin": "https://foreign.example"})
    assert "access-control-allow-origin" not in reply.headers
