"""Media: what a program uploads is on the devices, and no file can do anything in a browser."""

from urllib.parse import quote

import pytest

from syncserver.accounts.scopes import Scope
from tests.rest.conftest import NewProgram
from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.media_device import assert_media_agree, media_of, sha1, sync_media, write_media
from tests.support.our_server import OurServer

SCRIPT = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def upload(v1: V1, name: str, content: bytes) -> None:
    reply = v1.call("PUT", f"media/{quote(name)}", content)
    assert reply.status == 200, reply
    assert reply.json["sha1"] == sha1(content)


def test_uploaded_files_are_on_every_device(
    v1: V1, ours: OurServer, account: Account, laptop: Device, phone: Device
) -> None:
    big = bytes(range(256)) * 20_000
    upload(v1, "big.mp3", big)
    upload(v1, "ß 語 🙂 %41.png", b"picture")

    expected = {"big.mp3": sha1(big), "ß 語 🙂 %41.png": sha1(b"picture")}
    sync_media(phone)
    assert media_of(phone) == expected
    assert_media_agree(ours, account, expected, laptop, phone)


def test_files_of_devices_are_downloaded_with_their_type(v1: V1, laptop: Device) -> None:
    write_media(laptop, "sound.mp3", b"a sound")
    sync_media(laptop)

    reply = v1.call("GET", "media/sound.mp3")

    assert (reply.status, reply.body) == (200, b"a sound")
    assert reply.headers["content-type"] == "audio/mpeg"
    assert reply.headers["content-length"] == "7"
    assert reply.headers["content-disposition"].startswith("inline")
    tag = {"If-None-Match": reply.headers["etag"]}
    again = v1.call("GET", "media/sound.mp3", headers=tag)
    assert (again.status, again.body) == (304, b"")
    upload(v1, "sound.mp3", b"another")
    assert v1.call("GET", "media/sound.mp3", headers=tag).body == b"another"


@pytest.mark.parametrize(
    ("name", "kind", "disposition"),
    [
        ("page.html", "application/octet-stream", "attachment"),
        ("code.js", "application/octet-stream", "attachment"),
        ("document.pdf", "application/octet-stream", "attachment"),
        ("no extension", "application/octet-stream", "attachment"),
        ("picture.SVG", "image/svg+xml", "inline"),
    ],
)
def test_no_file_can_do_anything_in_a_browser(
    v1: V1, name: str, kind: str, disposition: str
) -> None:
    upload(v1, name, SCRIPT)

    reply = v1.call("GET", f"media/{quote(name)}")

    assert reply.body == SCRIPT
    assert reply.headers["content-type"] == kind
    assert reply.headers["content-disposition"].startswith(f"{disposition}; filename*=UTF-8''")
    assert reply.headers["x-content-type-options"] == "nosniff"
    policy = reply.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(policy)


def test_deleted_files_are_gone_from_the_devices(v1: V1, laptop: Device) -> None:
    write_media(laptop, "a.png", b"a")
    sync_media(laptop)

    v1.delete("media/a.png")

    sync_media(laptop)
    assert media_of(laptop) == {}
    assert v1.problem("GET", "media/a.png") == "not-found"
    assert v1.problem("DELETE", "media/a.png") == "not-found"


def test_files_are_listed_in_pages_by_name(v1: V1) -> None:
    for name in ("c.png", "a.png", "b.mp3"):
        upload(v1, name, name.encode())

    files = v1.all_items("media", limit=2)

    assert [(one["name"], one["size"]) for one in files] == [
        ("a.png", 5),
        ("b.mp3", 5),
        ("c.png", 5),
    ]
    assert files[1] == {**files[1], "type": "audio/mpeg", "sha1": sha1(b"b.mp3")}


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "%2e%2e",
        "..%2fx",
        "a%2fb",
        "a%00b",
        "x" * 256,
        quote("e\u0301"),
        "%ff",
    ],
)
def test_names_that_are_no_names_of_files_are_refused(
    v1: V1, ours: OurServer, account: Account, name: str
) -> None:
    v1.add_note("x")
    before = sorted(ours.user_folder(account).rglob("*"))

    for verb, body in (("PUT", b"content"), ("GET", None), ("DELETE", None)):
        reply = v1.call(verb, f"media/{name}", body)
        assert reply.status in (400, 404), (verb, reply)

    added = set(ours.user_folder(account).rglob("*")) - set(before)
    assert not [path for path in added if path.is_file() and not path.name.startswith("media.db")]


def test_a_file_without_bytes_is_refused(v1: V1) -> None:
    assert v1.call("PUT", "media/empty.png", b"").status == 422
    assert v1.get("media")["items"] == []


def test_who_may_only_add_replaces_nothing(v1: V1, new_program: NewProgram) -> None:
    adder = V1(new_program(Scope.ADD))
    upload(adder, "a.png", b"first")
    upload(adder, "a.png", b"first")

    assert adder.call("PUT", "media/a.png", b"second").problem == "scope-too-narrow"
    assert V1(new_program(Scope.READ)).call("PUT", "media/b.png", b"x").status == 403
    assert v1.call("GET", "media/a.png").body == b"first"
    upload(v1, "a.png", b"second")
    assert v1.call("GET", "media/a.png").body == b"second"


def test_a_check_tells_what_is_missing_unused_and_damaged(
    v1: V1, ours: OurServer, account: Account, laptop: Device
) -> None:
    v1.add_note(
        '[sound:used.mp3] <img src="pic ture.png"> <img alt=x src=plain.png>',
        "<img src='&amp;odd.png'> <img src='https://example.org/x.png'> [sound:missing.mp3]",
    )
    for name in ("used.mp3", "pic ture.png", "plain.png", "&odd.png", "unused.png", "_font.ttf"):
        upload(v1, name, name.encode())
    (ours.user_folder(account) / "media" / "plain.png").write_bytes(b"damage")

    report = v1.post("media:check")

    assert report == {
        "missing": ["missing.mp3"],
        "unused": ["unused.png"],
        "damaged": ["plain.png"],
    }
    only_small_syncs(laptop)
