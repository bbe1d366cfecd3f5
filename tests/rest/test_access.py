"""Who may call the API: logins, tokens, scopes, hosts, origins."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from syncserver.accounts.scopes import Scope
from tests.rest.conftest import NewProgram
from tests.support.accounts import Account
from tests.support.faults_connection import HandMadeRequest
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient, RestReply

ACCESS = "/api/v1/access"


def log_in(server: OurServer, name: str, password: str, **more: str) -> RestReply:
    body = {"name": name, "password": password, **more}
    return RestClient(server.url).call("POST", "/api/v1/login", body)


def refused_within_a_second(program: RestClient) -> bool:
    """Call all the time, as a busy program does, until the token is refused."""
    changed_at = time.monotonic()
    while program.call("GET", ACCESS).status == 200:
        if time.monotonic() - changed_at > 1:
            return False
    return True


# Logins


def test_a_login_gives_a_token_that_works_for_a_while(ours: OurServer, account: Account) -> None:
    issued = log_in(ours, account.name, account.password, scope="read").json
    access = RestClient(ours.url, issued["token"]).ok("GET", ACCESS)

    assert access == {"user": account.name, "scope": "read", "expires_at": issued["expires_at"]}
    left = datetime.fromisoformat(issued["expires_at"]) - datetime.now(timezone.utc)
    assert timedelta(hours=11) < left <= timedelta(hours=12)


@pytest.mark.parametrize("name", ["known", "unknown"])
def test_a_wrong_login_is_refused_in_the_same_words(
    ours: OurServer, account: Account, name: str
) -> None:
    reply = log_in(ours, account.name if name == "known" else "nobody", "wrong")
    assert (reply.status, reply.problem) == (401, "wrong-password")
    assert reply.json["detail"] == "Wrong name or password."
    assert reply.headers["www-authenticate"].startswith("Bearer")


def test_no_login_gives_the_scope_admin(ours: OurServer, account: Account) -> None:
    reply = log_in(ours, account.name, account.password, scope="admin")
    assert (reply.status, reply.problem) == (422, "invalid")
    assert reply.json["errors"][0]["where"] == "scope"


def test_a_token_is_no_way_to_another_token(ours: OurServer, program: RestClient) -> None:
    body = {"name": "anybody", "password": program.token}
    assert program.call("POST", "/api/v1/login", body).status == 401
    assert program.call("POST", "/api/v1/login", {}).status == 422


def test_guessing_through_the_api_is_slowed_down_as_in_clients(
    ours: OurServer, account: Account
) -> None:
    statuses = [log_in(ours, account.name, "wrong").status for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    reply = log_in(ours, account.name, account.password)
    assert (reply.status, reply.problem) == (429, "throttled")
    assert 0 < int(reply.headers["retry-after"]) <= 300


def test_a_new_password_ends_logins_but_not_the_operators_tokens(
    ours: OurServer, account: Account, program: RestClient
) -> None:
    of_login = RestClient(ours.url, log_in(ours, account.name, account.password).json["token"])
    assert of_login.ok("GET", ACCESS)

    ours.control("passwd", account.name, "--password-stdin", stdin="another\n")

    assert refused_within_a_second(of_login)
    assert program.ok("GET", ACCESS)


# Tokens


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpzZWNyZXQ=", "Bearer syncserver_" + "x" * 43, "é"],
)
def test_without_a_valid_token_nothing_is_answered(ours: OurServer, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    reply = RestClient(ours.url).call("GET", ACCESS, headers=headers)
    assert (reply.status, reply.problem) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"].startswith("Bearer")


def test_a_revoked_token_is_refused_within_a_second(
    ours: OurServer, account: Account, program: RestClient
) -> None:
    assert program.ok("GET", ACCESS)
    [token] = json.loads(ours.control("token", "ls", account.name, "--json"))
    ours.control("token", "revoke", account.name, str(token["id"]))
    assert refused_within_a_second(program)
    assert _tokens(ours, account) == []


def _tokens(ours: OurServer, account: Account) -> list[str]:
    return ours.control("token", "ls", account.name).splitlines()[1:]


@pytest.mark.parametrize("what", ["token", "user"])
def test_a_body_that_ends_after_the_token_did_changes_nothing(
    what: str, ours: OurServer, account: Account, program: RestClient
) -> None:
    [token] = json.loads(ours.control("token", "ls", account.name, "--json"))
    body = json.dumps({"name": "made too late"}).encode()
    with HandMadeRequest(ours.port) as request:
        headers = {"authorization": f"Bearer {program.token}", "content-length": str(len(body))}
        request.head("/api/v1/decks", {**headers, "content-type": "application/json"})
        request.send(body[:5])
        time.sleep(0.3)  # so that the token has been looked at
        if what == "token":
            ours.control("token", "revoke", account.name, str(token["id"]))
        else:
            ours.control("deluser", account.name, "--yes")
        assert refused_within_a_second(program)
        request.send(body[5:])
        status, _, _ = request.answer()
    assert status == 401
    assert list((ours.data_root / "users").glob(f"{account.name}*")) == []


def test_the_token_of_a_deleted_user_is_refused_within_a_second(
    ours: OurServer, account: Account, program: RestClient
) -> None:
    assert program.ok("GET", ACCESS)
    ours.control("deluser", account.name, "--yes")
    assert refused_within_a_second(program)


def test_a_token_ends_at_its_time(ours: OurServer, account: Account) -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=2)
    program = RestClient(ours.url, ours.new_token(account, Scope.READ, soon))
    assert program.ok("GET", ACCESS)["expires_at"] == soon.isoformat()
    while datetime.now(timezone.utc) < soon:
        time.sleep(0.05)
    assert program.call("GET", ACCESS).problem == "unauthenticated"


# Scopes


@pytest.mark.parametrize(
    ("operation", "data", "allowed"),
    [
        ("find_notes", {}, "read review add write admin"),
        ("next_card", {}, "review write admin"),
        ("suspend_cards", {"ids": []}, "review write admin"),
        ("add_note", {"model": "Basic", "fields": {"Front": "x"}}, "add write admin"),
        ("deck/1/set_update_conf", {}, "write admin"),
        ("import_file", {"filetype": "csv", "data": "a,b"}, "write admin"),
    ],
)
def test_a_token_may_do_what_its_scope_says_and_nothing_else(
    new_program: NewProgram, account: Account, operation: str, data: object, allowed: str
) -> None:
    for scope in Scope:
        reply = new_program(scope).call("POST", f"/collection/{account.name}/{operation}", data)
        if scope.value in allowed.split():
            assert reply.status == 200, (scope, reply)
        else:
            assert (reply.status, reply.problem) == (403, "scope-too-narrow"), (scope, reply)
            assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]


# Names and origins


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server that is picky about hosts and lets one page in."""
    options = {
        "allowed_hosts": "anki.example.org, 127.0.0.1",
        "cors_origins": "https://cards.example.org",
    }
    server = OurServer(tmp_path_factory.mktemp("strict"), options)
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("anki.example.org", 401),
        ("ANKI.example.org:8080", 401),
        ("127.0.0.1", 401),
        ("evil.example.org", 421),
        ("anki.example.org.evil.org", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/access", "/list_collections"])
def test_only_the_servers_own_names_are_answered(
    strict: OurServer, path: str, host: str, status: int
) -> None:
    assert RestClient(strict.url).call("GET", path, headers={"Host": host}).status == status


def test_syncing_does_not_depend_on_the_name(strict: OurServer) -> None:
    headers = {"Host": "evil.example.org"}
    assert RestClient(strict.url).call("GET", "/sync/", headers=headers).status == 200


def test_a_trusted_proxy_says_the_name(strict: OurServer) -> None:
    headers = {"Host": "inner", "X-Forwarded-Host": "anki.example.org"}
    assert RestClient(strict.url).call("GET", ACCESS, headers=headers).status == 401


def test_a_page_of_an_allowed_origin_may_read_answers_and_refusals(strict: OurServer) -> None:
    account = strict.new_account()
    program = RestClient(strict.url, strict.new_token(account))
    origin = {"Origin": "https://cards.example.org"}
    for reply in (
        program.call("GET", ACCESS, headers=origin),
        program.call("GET", "/api/v1/nothing", headers=origin),
        RestClient(strict.url).call(
            "POST", f"/collection/{account.name}/find_notes", headers=origin
        ),
    ):
        assert reply.headers["access-control-allow-origin"] == "https://cards.example.org"
        assert reply.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", ""])
def test_no_other_page_may(strict: OurServer, origin: str) -> None:
    reply = RestClient(strict.url).call("GET", ACCESS, headers={"Origin": origin})
    assert "access-control-allow-origin" not in reply.headers


def test_a_browser_may_ask_before_it_sends_a_token(strict: OurServer) -> None:
    headers = {
        "Origin": "https://cards.example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for path in ("/api/v1/login", "/collection/anybody/find_notes", "/list_collections"):
        reply = RestClient(strict.url).call("OPTIONS", path, headers=headers)
        assert reply.status == 204
        assert "POST" in reply.headers["access-control-allow-methods"]
        assert "Authorization" in reply.headers["access-control-allow-headers"]
        assert reply.headers["access-control-allow-origin"] == "https://cards.example.org"
    assert RestClient(strict.url).call("OPTIONS", "/api/v1/nothing").status == 404


def test_by_default_no_page_of_another_origin_may_read(ours: OurServer) -> None:
    headers = {"Origin": "https://cards.example.org"}
    reply = RestClient(ours.url).call("GET", ACCESS, headers=headers)
    assert "access-control-allow-origin" not in reply.headers


# Paths, verbs and the log


def test_unknown_paths_and_verbs_are_problems(ours: OurServer) -> None:
    client = RestClient(ours.url)
    assert client.call("GET", "/api/v1/nothing").problem == "not-found"
    assert client.call("GET", "/api").problem == "not-found"
    wrong = client.call("DELETE", "/api/v1/login")
    assert (wrong.problem, wrong.headers["allow"]) == ("wrong-method", "POST")


def test_head_is_answered_without_a_body(program: RestClient) -> None:
    reply = program.call("HEAD", ACCESS)
    assert (reply.status, reply.body) == (200, b"")


def test_a_query_that_nobody_declared_is_left_alone(program: RestClient) -> None:
    assert program.call("GET", f"{ACCESS}?x=%ff").status == 200


def test_changes_are_in_the_log_and_tokens_and_contents_are_not(
    ours: OurServer, program: RestClient, account: Account
) -> None:
    fields = {"Front": "something private", "Back": ""}
    data = {"model": "Basic", "fields": fields}
    program.collection(account.name, "add_note", data)

    lines = [line for line in ours.log().splitlines() if account.name in line]
    assert any("api_change" in line and "collection/add_note" in line for line in lines)
    assert program.token not in ours.log()
    assert "something private" not in ours.log()


def test_the_last_use_of_a_token_is_listed_after_the_server_has_ended(tmp_path: Path) -> None:
    server = OurServer(tmp_path)
    account = server.new_account()
    RestClient(server.url, server.new_token(account, Scope.READ)).ok("GET", ACCESS)
    server.stop()
    [line] = _tokens(server, account)
    assert "127.0.0.1" in line
    assert line.count("never") == 1  # the end; not the last use
