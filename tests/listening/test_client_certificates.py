"""Clients that must show a certificate of one's own authority: with, without, with a wrong one."""

import ssl

import pytest
from anki.errors import NetworkError

from tests.listening.installed import Installed
from tests.support.authority import Authority
from tests.support.device import Device

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    chosen: ssl.TLSVersion = request.param
    return chosen


def test_whoever_shows_one_of_the_authority_is_let_in_and_nobody_else(
    secure: Installed, authority: Authority, wrong_authority: Authority, version: ssl.TLSVersion
) -> None:
    secure.set(tls_client_ca=authority.root_file)
    secure.must("start")
    good, wrong = authority.issue("laptop"), wrong_authority.issue("laptop")
    assert secure.get(authority.trusting(good, version)).status == 200
    # The refusal may come as an alert, or as a connection that is closed meanwhile.
    with pytest.raises((ssl.SSLError, ConnectionError)):
        secure.get(authority.trusting(None, version))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        secure.get(authority.trusting(wrong, version))


def test_an_optional_one_may_be_missing_but_not_wrong(
    secure: Installed, authority: Authority, wrong_authority: Authority, version: ssl.TLSVersion
) -> None:
    secure.set(tls_client_ca=authority.root_file, tls_client_certificates="optional")
    secure.must("start")
    good, wrong = authority.issue("laptop"), wrong_authority.issue("laptop")
    assert secure.get(authority.trusting(good, version)).status == 200
    assert secure.get(authority.trusting(None, version)).status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        secure.get(authority.trusting(wrong, version))


def test_they_can_be_switched_off(
    secure: Installed, authority: Authority, wrong_authority: Authority
) -> None:
    secure.set(tls_client_ca=authority.root_file, tls_client_certificates="off")
    secure.must("start")
    assert secure.get(authority.trusting(wrong_authority.issue("x"))).status == 200


def test_an_anki_client_has_none_to_show_and_never_gets_to_a_login(
    secure: Installed, authority: Authority, device: Device
) -> None:
    secure.set(tls_client_ca=authority.root_file)
    secure.must("start")
    account = secure.add("anna")
    authority.trusted_by(device)
    with pytest.raises(NetworkError):
        device.login(secure.secure_url, account)
    assert "path=/sync/hostKey" not in secure.log


def test_the_control_script_has_none_either_and_still_knows_that_it_is_well(
    secure: Installed, authority: Authority
) -> None:
    secure.set(tls_client_ca=authority.root_file)
    secure.must("start")
    assert secure.must("status", "--json").json["answering"] is True
