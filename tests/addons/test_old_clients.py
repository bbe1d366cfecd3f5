"""The rules of the add-on for old clients: addresses, versions, where old code looks."""

import os
from importlib import import_module

import pytest

from addons.old_clients.pointing import (
    CARDS_VARIABLE,
    MEDIA_VARIABLE,
    AddressForEveryHost,
    completed,
    point_to,
    point_to_ankiweb,
)
from addons.old_clients.versions import needs_this_addon


@pytest.mark.parametrize(
    ("entered", "address"),
    [
        ("http://h/", "http://h/"),
        (" http://h:8080 ", "http://h:8080/"),
        ("https://h/sub", "https://h/sub/"),
        ("http://h//", "http://h/"),
        ("http://h/sync/", "http://h/"),
        ("http://h/sub/msync", "http://h/sub/"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_an_address_is_completed(entered: str, address: str) -> None:
    assert completed(entered) == address


def test_an_address_without_a_beginning_is_explained() -> None:
    with pytest.raises(ValueError, match=r"for example http://192\.168\.1\.20:8080$"):
        completed("192.168.1.20:8080")


@pytest.mark.parametrize("version", ["2.1.0", "2.1.26", "2.1.49", "2.1.56", "2.1.56beta2"])
def test_anki_before_2_1_57_needs_the_add_on(version: str) -> None:
    assert needs_this_addon(version)


@pytest.mark.parametrize("version", ["2.1.57", "2.1.57rc1", "2.1.66", "23.10.1", "25.09.5"])
def test_anki_from_2_1_57_on_does_not_need_it(version: str) -> None:
    assert not needs_this_addon(version)


def test_cards_and_media_have_each_their_address_until_it_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(CARDS_VARIABLE, raising=False)
    monkeypatch.delenv(MEDIA_VARIABLE, raising=False)
    point_to("http://h/sub/")
    assert os.environ[CARDS_VARIABLE] == "http://h/sub/sync/"
    assert os.environ[MEDIA_VARIABLE] == "http://h/sub/msync/"
    point_to_ankiweb()
    assert CARDS_VARIABLE not in os.environ
    assert MEDIA_VARIABLE not in os.environ


def test_the_pattern_of_python_clients_is_replaced_and_brought_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ankiwebs = "https://sync%s.ankiweb.net/"
    # Up to 2.1.26 these modules had it; today's are the same modules without it.
    modules = [import_module(name) for name in ("anki.consts", "anki.sync")]
    for module in modules:
        monkeypatch.setattr(module, "SYNC_BASE", ankiwebs, raising=False)
    point_to("http://first/")
    point_to("http://h/sub/")
    assert [module.SYNC_BASE % "3" for module in modules] == ["http://h/sub/"] * 2
    point_to_ankiweb()
    assert [module.SYNC_BASE for module in modules] == [ankiwebs] * 2


def test_no_host_number_and_no_percent_sign_changes_the_address() -> None:
    assert AddressForEveryHost("http://h/a%20b/") % "3" == "http://h/a%20b/"
