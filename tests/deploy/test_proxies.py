"""Real Anki clients through real proxies, each started from the file that `deploy-files` wrote."""

import http.client
import json
import re
import secrets
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from anki.errors import BackendError

from tests.deploy.conftest import PROXIES, Login, StartProxy
from tests.support.accounts import Account
from tests.support.authority import Authority
from tests.support.contents import contents
from tests.support.device import FULL_DOWNLOAD, FULL_UPLOAD, NO_CHANGES, Device
from tests.support.media_device import media_of, refer_to_media, sync_media, write_media
from tests.support.our_server import OurServer
from tests.support.reverse_proxies import ReverseProxy

MEGABYTE = 1_000_000
# Not the address of the proxies, which the server trusts.
CLIENT_ADDRESS = "127.0.0.2"
FORGED_ADDRESS = "203.0.113.9"
FORGED = {
    "X-Forwarded-For": FORGED_ADDRESS,
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Prefix": "/elsewhere",
}
BROWSER = {"Accept": "text/html"}


def add_megabytes(device: Device, megabytes: int) -> None:
    """Add notes that compress to half of their size at best."""
    device.add_notes([(str(one), secrets.token_hex(MEGABYTE // 2)) for one in range(megabytes)])


def connect(proxy: ReverseProxy, authority: Authority) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(
        *("localhost", proxy.port),
        timeout=60,
        context=authority.trusting(),
        source_address=(CLIENT_ADDRESS, 0),
    )


def get(
    proxy: ReverseProxy, authority: Authority, path: str, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, str]:
    with closing(connect(proxy, authority)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read().decode()


def test_devices_sync_both_ways(login: Login) -> None:
    laptop = login("laptop")
    of_laptop = laptop.add_note("from the laptop", "")
    assert laptop.sync() == FULL_UPLOAD
    laptop.upload()
    phone = login("phone")
    assert phone.sync() == FULL_DOWNLOAD
    phone.download()
    assert phone.has_note(of_laptop)

    of_phone = phone.add_note("from the phone", "")
    phone.review(phone.cards_of(of_laptop)[0])
    assert phone.sync() == NO_CHANGES
    laptop.edit_note(of_laptop, "changed on the laptop")
    assert laptop.sync() == NO_CHANGES
    assert phone.sync() == NO_CHANGES

    assert laptop.has_note(of_phone)
    assert contents(laptop.col) == contents(phone.col)


def test_a_large_collection_goes_up_and_down(login: Login) -> None:
    laptop = login("laptop")
    add_megabytes(laptop, 30)
    laptop.upload()
    phone = login("phone")
    phone.download()
    assert contents(phone.col) == contents(laptop.col)


def test_large_media_go_up_and_down(login: Login) -> None:
    laptop = login("laptop")
    write_media(laptop, "lecture.mp3", secrets.token_bytes(22 * MEGABYTE))
    write_media(laptop, "Ünïcode 猫.png", secrets.token_bytes(1000))
    refer_to_media(laptop, media_of(laptop))
    laptop.upload()
    sync_media(laptop)
    phone = login("phone")
    phone.download()
    sync_media(phone)
    assert media_of(phone) == media_of(laptop)
    assert len(media_of(phone)) == 2


def test_a_large_sync_of_changes_passes(login: Login) -> None:
    laptop, phone = login("laptop"), login("phone")
    laptop.upload()
    phone.download()
    add_megabytes(laptop, 5)
    assert laptop.sync() == NO_CHANGES
    assert phone.sync() == NO_CHANGES
    assert contents(phone.col) == contents(laptop.col)


def test_a_collection_that_is_too_large_is_refused_in_words(login: Login) -> None:
    laptop = login("laptop")
    add_megabytes(laptop, 45)
    with pytest.raises(BackendError, match="larger than this server accepts"):
        laptop.upload()


def test_the_server_sees_the_clients_address_and_no_forged_one(
    proxy: ReverseProxy, authority: Authority, served: OurServer
) -> None:
    before = len(served.log())
    with closing(connect(proxy, authority)) as connection:
        header = json.dumps({"v": 11, "k": "", "c": "tests", "s": "abc"})
        body = b"not a compressed body"
        headers = {**FORGED, "anki-sync": header, "Content-Length": str(len(body))}
        connection.request("POST", f"{proxy.path}sync/hostKey", body, headers)
        connection.getresponse().read()
    lines = [line for line in served.log()[before:].splitlines() if "/sync/hostKey" in line]
    assert len(lines) == 1
    assert f"address={CLIENT_ADDRESS} " in lines[0]
    assert FORGED_ADDRESS not in lines[0]


@pytest.mark.parametrize("headers", [{}, FORGED], ids=["honest", "forged"])
def test_the_page_shows_the_public_address(
    proxy: ReverseProxy, authority: Authority, headers: dict[str, str]
) -> None:
    _answer, page = get(proxy, authority, proxy.path, {**BROWSER, **headers})
    assert set(re.findall(r"<code>([^<]*)</code>", page)) == {proxy.url, f"{proxy.url}msync/"}


def test_a_missing_slash_at_the_end_is_added_for_browsers(
    proxy: ReverseProxy, authority: Authority
) -> None:
    answer, _page = get(proxy, authority, proxy.path.rstrip("/"), BROWSER)
    assert answer.status in (301, 302)
    assert urlsplit(answer.headers["Location"]).path == proxy.path


def test_plain_http_is_sent_to_https(proxy: ReverseProxy) -> None:
    with closing(http.client.HTTPConnection("localhost", proxy.http_port, timeout=30)) as plain:
        plain.request("GET", f"{proxy.path}health", headers={"Host": "localhost"})
        answer = plain.getresponse()
    assert answer.status in (301, 302, 308)
    # Caddy leaves out the port that it was told to use in the place of the usual one.
    location = answer.headers["Location"].replace(f":{proxy.port}/", "/")
    assert location == f"https://localhost{proxy.path}health"


@pytest.mark.parametrize("kind", PROXIES)
def test_the_root_of_a_host_serves_as_well(
    kind: str,
    start_proxy: StartProxy,
    authority: Authority,
    request: pytest.FixtureRequest,
    account: Account,
) -> None:
    proxy = start_proxy(kind, "/")
    _answer, page = get(proxy, authority, "/", {**BROWSER, **FORGED})
    assert set(re.findall(r"<code>([^<]*)</code>", page)) == {proxy.url, f"{proxy.url}msync/"}
