"""An installation for each test, certificates for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.listening.installed import Installed
from tests.support.authority import Authority, Certificate
from tests.support.device import Device


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """An installation that is not running."""
    installed = Installed(tmp_path)
    yield installed
    installed.clean_up()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of one's own."""
    return Authority(tmp_path_factory.mktemp("authority") / "ours")


@pytest.fixture(scope="session")
def wrong_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the server has never heard of."""
    return Authority(tmp_path_factory.mktemp("authority") / "wrong")


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Certificate:
    """The certificate of a server on this machine."""
    return authority.issue()


@pytest.fixture
def secure(installed: Installed, certificate: Certificate) -> Installed:
    """An installation that speaks TLS, not running yet."""
    installed.set(tls_certificate=certificate.certificate, tls_key=certificate.key)
    return installed


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    """A device on which Anki was just installed."""
    device = Device(tmp_path / "device")
    yield device
    device.close()
