"""Which address people are told to enter in their clients."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from syncserver.control.addresses import client_url, reaches_this_machine_only
from syncserver.settings import ServerSettings, Settings


def told(host: str, public_url: str = "") -> str:
    """Return the address for a server that listens on port 8080 of `host`."""
    settings = Settings(data_root=Path("/srv"), public_url=public_url)
    return client_url(settings, ServerSettings(host=host))


def test_it_is_the_address_that_the_server_listens_on() -> None:
    assert told("192.168.1.5") == "http://192.168.1.5:8080/"
    assert told("fd00::5") == "http://[fd00::5]:8080/"


def test_the_public_address_comes_first() -> None:
    assert told("127.0.0.1", "https://anki.example.org/") == "https://anki.example.org/"


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_a_server_that_listens_everywhere_has_the_address_of_this_machine(everywhere: str) -> None:
    host = urlsplit(told(everywhere)).hostname
    assert host is not None
    assert not ip_address(host).is_unspecified


def test_a_server_that_only_this_machine_reaches_is_noticed() -> None:
    proxied = Settings(data_root=Path("/srv"), public_url="https://anki.example.org/")
    alone = Settings(data_root=Path("/srv"))
    assert reaches_this_machine_only(alone, ServerSettings())
    assert not reaches_this_machine_only(proxied, ServerSettings())
    assert not reaches_this_machine_only(alone, ServerSettings(host="0.0.0.0"))
