"""Pure rules: tags, addresses behind proxies, what a collection would lose."""

from ipaddress import ip_network

import pytest
from webob import Request

from syncserver.sync.collection_file import Holdings
from syncserver.sync.tags import normal_tag_name, note_tags
from syncserver.wsgi.client_address import TrustedProxies


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("verb", "verb"),
        ("a::b", "a::b"),
        ("a::::b", "a::blank::b"),
        ("::", "blank::blank"),
        ("", "blank"),
        ("two words", "twowords"),
        ("wide\u3000space", "widespace"),
        ("control\x07\x85", "control"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_a_tag_in_the_list_has_its_normal_form(sent: str, stored: str) -> None:
    assert normal_tag_name(sent) == stored


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("", ""),
        ("   ", ""),
        ("b a b", " b a b "),
        ("a\u3000b", " a b "),
        (" e\u0301 ", " e\u0301 "),
    ],
)
def test_the_tags_of_a_note_are_split_and_joined_but_not_sorted(sent: str, stored: str) -> None:
    assert note_tags(sent) == stored


PROXIES = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("::1/128")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.1.1.1", "203.0.113.9", "203.0.113.9"),
        ("10.1.1.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.1.1.1", "203.0.113.9, 10.2.2.2", "203.0.113.9"),
        ("::1", "2001:db8:0:0::1", "2001:db8::1"),
        ("10.1.1.1", "rubbish", "rubbish"),
        ("", "203.0.113.9", "203.0.113.9"),  # through a Unix socket
        ("", "", "unix"),
        ("::ffff:10.0.0.7", "203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.5", "1.1.1.1", "203.0.113.5"),
    ],
)
def test_the_client_is_the_last_address_that_is_not_a_trusted_proxys(
    peer: str, forwarded: str, client: str
) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = Request.blank("/", headers=headers, environ={"REMOTE_ADDR": peer})
    assert PROXIES.client_address(request) == client


def test_a_forged_address_cannot_fill_the_log() -> None:
    request = Request.blank(
        "/", headers={"X-Forwarded-For": "x" * 5000}, environ={"REMOTE_ADDR": "10.0.0.1"}
    )
    assert len(PROXIES.client_address(request)) < 50


@pytest.mark.parametrize(
    ("stored", "uploaded", "lost"),
    [
        (Holdings(10, 100), Holdings(10, 100), False),
        (Holdings(10, 100), Holdings(11, 101), False),
        (Holdings(10, 100), Holdings(9, 200), True),
        (Holdings(10, 100), Holdings(20, 99), True),
    ],
)
def test_fewer_notes_or_older_reviews_are_a_loss(
    stored: Holdings, uploaded: Holdings, lost: bool
) -> None:
    assert stored.exceed(uploaded) is lost
