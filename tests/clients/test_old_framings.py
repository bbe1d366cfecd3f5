"""Requests of AnkiDroid's own syncer, of Anki 2.0, and of Rust clients of version 10, one by one."""

import gzip
import json

import pytest

from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.form_client import ANKIDROID, FormClient, Python2Client, Rust10Client
from tests.support.forms import content_type, form, payload, text
from tests.support.our_server import OurServer

META = {"v": 10, "cv": ANKIDROID}
META_KEYS = {"mod", "scm", "usn", "ts", "msg", "cont", "hostNum", "empty", "media_usn"}
CLIENTS = [FormClient, Python2Client, Rust10Client]
NOT_A_KEY = "0" * 40


@pytest.fixture(scope="module")
def visitor(request: pytest.FixtureRequest) -> FormClient:
    """A client of an account whose collection stays empty."""
    target = request.getfixturevalue("target")
    if not isinstance(target, OurServer):
        pytest.skip("this is about our own server")
    return FormClient(target.url).login(target.new_account())


def meta_form(*keys: object) -> bytes:
    packed = gzip.compress(json.dumps(META).encode())
    return form(*keys, text("c", "1"), payload(packed))


# Logging in, keys


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_name_and_a_password_give_a_key_that_every_form_of_request_may_use(
    ours: OurServer, account: Account, kind: type[FormClient]
) -> None:
    client = kind(ours.url).login(account)
    assert client.expect("meta", META).keys() == META_KEYS
    assert client.call("hostKey", {"u": account.name, "p": "wrong"}).status == 403


def test_a_reply_is_not_compressed_and_tells_its_length(visitor: FormClient) -> None:
    reply = visitor.call("meta", META)
    assert "anki-original-size" not in reply.headers
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.json["hostNum"] == 0


def test_a_wrong_key_is_told_apart_from_a_missing_one(visitor: FormClient) -> None:
    for name in ("k", "sk"):
        assert visitor.post("sync/meta", meta_form(text(name, NOT_A_KEY))).status == 403
    for keys in ([], [text("k", "")], [text("s", visitor.session_key)]):
        # Proxies that lose the body look like this; 403 would make clients forget their login.
        assert visitor.post("sync/meta", meta_form(*keys)).status == 400


def test_the_media_key_serves_as_a_host_key(visitor: FormClient) -> None:
    assert visitor.post("sync/meta", meta_form(text("sk", visitor.host_key))).status == 200


def test_a_sync_needs_a_session_key_and_full_transfers_do_not(visitor: FormClient) -> None:
    message = json.dumps({"minUsn": 0, "lnewer": True}).encode()
    body = form(text("k", visitor.host_key), text("c", "0"), payload(message))
    assert visitor.post("sync/start", body).status == 400
    assert visitor.download().status == 200


def test_a_request_without_its_body_is_told_apart_from_a_broken_one(
    visitor: FormClient, ours: OurServer
) -> None:
    assert visitor.post("sync/meta", b"").status == 411
    assert visitor.post("msync/mediaChanges", b"").status == 411
    assert "sends it in chunks" in visitor.post("sync/upload", b"").body.decode()
    assert "proxy_http_version" in ours.log()


@pytest.mark.parametrize(
    "kind",
    [None, "multipart/form-data", "application/x-www-form-urlencoded", content_type("other")],
)
def test_a_body_that_is_not_the_form_it_should_be_is_refused(
    visitor: FormClient, kind: str | None
) -> None:
    body = meta_form(text("k", visitor.host_key), text("s", "x"))
    assert visitor.post("sync/meta", body, kind).status == 400


def test_a_payload_that_was_cut_off_is_refused(visitor: FormClient) -> None:
    packed = gzip.compress(json.dumps(META).encode())[:-9]
    body = form(text("k", visitor.host_key), text("c", "1"), payload(packed))
    assert visitor.post("sync/meta", body).status == 400


# Paths and verbs


@pytest.mark.parametrize(
    "path", ["sync/meta", "sync//meta", "/sync/meta", "sync/meta/", "//sync//meta//"]
)
def test_slashes_too_many_are_forgiven_and_never_redirected(visitor: FormClient, path: str) -> None:
    assert visitor.post(path, meta_form(text("k", visitor.host_key))).status == 200


@pytest.mark.parametrize("path", ["msync/begin", "msync//begin", "//msync/begin/", "msync/begin//"])
def test_slashes_too_many_are_forgiven_for_media_in_both_forms_of_begin(
    visitor: FormClient, path: str
) -> None:
    body = form(text("k", visitor.host_key), text("v", ANKIDROID))
    assert visitor.post(path, body).json["data"]["usn"] == 0
    reply = visitor.request("GET", f"{path}?k={visitor.host_key}&v=x")
    assert reply.json["data"]["usn"] == 0


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("POST", "sync/nothing", 404),
        ("POST", "msync/nothing", 404),
        ("POST", "syncmeta", 404),
        ("POST", "nothing/meta", 404),
        ("GET", "sync/meta", 405),
        ("PUT", "sync/meta", 405),
        ("GET", "msync/mediaChanges", 405),
        ("PUT", "msync/begin", 405),
    ],
)
def test_other_paths_and_verbs_are_refused(
    visitor: FormClient, verb: str, path: str, status: int
) -> None:
    body = meta_form(text("k", visitor.host_key))
    reply = visitor.request(verb, path, body, {"Content-Type": content_type()})
    assert reply.status == status


# The beginning of a media sync


@pytest.mark.parametrize("kind", CLIENTS)
def test_begin_gives_a_key_for_the_rest_of_the_media_sync(
    visitor: FormClient, kind: type[FormClient]
) -> None:
    client = kind(visitor.url, visitor.host_key)
    begun = client.begin_media()
    assert begun.status == 200
    assert begun.json["err"] == ""
    client.host_key = begun.json["data"]["sk"]
    assert client.call_media("mediaChanges", {"lastUsn": 0}).json == {"data": [], "err": ""}
    assert client.call_media("mediaSanity", {"local": 0}).json == {"data": "OK", "err": ""}


def test_begin_without_a_version_or_a_key_is_refused(visitor: FormClient) -> None:
    for query in ("", f"k={visitor.host_key}", f"k={visitor.host_key}&v=", "v=x", "k=&v=x"):
        assert visitor.request("GET", f"msync/begin?{query}").status == 400
    for query in (f"k={NOT_A_KEY}&v=x", "k=%ff%fe&v=x"):
        assert visitor.request("GET", f"msync/begin?{query}").status == 403
    key, version = text("k", visitor.host_key), text("v", ANKIDROID)
    assert visitor.post("msync/begin", form(key, payload(b"{}"))).status == 400
    assert visitor.post("msync/begin", form(version, payload(b"{}"))).status == 400
    assert visitor.post("msync/begin", form(text("k", NOT_A_KEY), version)).status == 403


def test_the_log_names_old_clients_without_their_keys(visitor: FormClient, ours: OurServer) -> None:
    assert Rust10Client(visitor.url, visitor.host_key).begin_media().status == 200
    assert visitor.begin_media().status == 200
    log = ours.log()
    assert "anki,2.1.49 (7a232b70),lin" in log
    assert ANKIDROID in log
    assert visitor.host_key not in log


# Versions


@pytest.mark.parametrize("version", [0, 7, 12, 99])
def test_clients_too_old_or_too_new_are_told_so(visitor: FormClient, version: int) -> None:
    assert visitor.call("meta", {**META, "v": version}).status == 501


@pytest.fixture
def stored(laptop: Device, account: Account, ours: OurServer) -> tuple[Device, FormClient]:
    """A device that may change what the server holds, and an old client of the same account."""
    return laptop, FormClient(ours.url).login(account)


def refused_versions(client: FormClient) -> list[int]:
    """Return which versions are not to go on; those get a message for people, others none."""
    answers = {version: client.expect("meta", {**META, "v": version}) for version in (8, 9, 10)}
    for answer in answers.values():
        assert answer["cont"] == (not answer["msg"])
        assert answer["cont"] or "update Anki" in answer["msg"]
    return [version for version, answer in answers.items() if not answer["cont"]]


def test_clients_that_do_not_know_time_zones_are_told_to_update(
    stored: tuple[Device, FormClient],
) -> None:
    laptop, client = stored
    assert isinstance(laptop.col.get_config("creationOffset"), int)
    assert refused_versions(client) == [8, 9]


def test_clients_that_do_not_know_the_second_scheduler_are_told_to_update(
    stored: tuple[Device, FormClient],
) -> None:
    laptop, client = stored
    laptop.db.execute("delete from config where key = 'creationOffset'")
    laptop.upload()
    assert refused_versions(client) == [8]


def test_a_collection_of_the_first_scheduler_is_served_to_all(
    stored: tuple[Device, FormClient],
) -> None:
    laptop, client = stored
    laptop.db.execute("delete from config where key = 'creationOffset'")
    laptop.db.execute("update config set val = cast('1' as blob) where key = 'schedVer'")
    laptop.upload()
    assert refused_versions(client) == []
