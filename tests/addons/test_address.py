"""What the window says about an address before anybody is asked."""

import pytest

from addons.self_hosted_server.address import read_address


@pytest.mark.parametrize(
    ("entered", "url"),
    [
        ("http://192.168.1.20:8080", "http://192.168.1.20:8080/"),
        (" https://anki.example.com/ ", "https://anki.example.com/"),
        ("https://example.com/anki/", "https://example.com/anki/"),
        ("HTTP://server/", "HTTP://server/"),
        ("http://[fe80::1]:8080/", "http://[fe80::1]:8080/"),
    ],
)
def test_an_address_that_can_be_one_is_taken(entered: str, url: str) -> None:
    address = read_address(entered)
    assert (address.url, address.problem) == (url, None)


@pytest.mark.parametrize(
    ("entered", "what", "better"),
    [
        ("", "No address was entered", ""),
        ("http://my server/", "a space inside", ""),
        ("192.168.1.20:8080", "The beginning", "http://192.168.1.20:8080"),
        ("myserver:8080/", "The beginning", "http://myserver:8080/"),
        ("//server.local/", "The beginning", "http://server.local/"),
        ("anki.example.com", "The beginning", "https://anki.example.com"),
        ("htp://server/", "which Anki does not know", "http://server/"),
        ("https:server/", "which Anki does not know", "https://server/"),
        ("ftp://", "which Anki does not know", ""),
        ("http://server:x/", "The port", ""),
        ("http://server:99999/", "The port", ""),
        ("http://[::1/", "The port", ""),
        ("http:///", "names no server", ""),
        ("http://server:0/", "names no server", ""),
        ("http://me:secret@server/", "name or password", "http://server/"),
        ("http://0.0.0.0:8080/", "listen everywhere", "http://127.0.0.1:8080/"),
        ("https://sync.ankiweb.net/", "This is AnkiWeb", ""),
        ("http://server/?a=b", "begins with ? or #", "http://server/"),
        ("http://server/anki#top", "begins with ? or #", "http://server/anki/"),
        ("http://server/sync/", "ends in “sync”", "http://server/"),
        ("http://server/sub/msync", "ends in “msync”", "http://server/sub/"),
        ("http://server/anki", "The slash at the end", "http://server/anki/"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_with_what_was_meant(
    entered: str, what: str, better: str
) -> None:
    address = read_address(entered)
    assert address.url == ""
    assert address.problem is not None
    assert what in address.problem.what
    assert address.problem.better_address == better


@pytest.mark.parametrize("entered", ["192.168.1.20", "htp://server/", "http://server/anki"])
def test_what_is_proposed_is_taken(entered: str) -> None:
    problem = read_address(entered).problem
    assert problem is not None
    assert read_address(problem.better_address).problem is None
