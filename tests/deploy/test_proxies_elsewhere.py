"""Other ways to put a proxy in front: over a Unix socket; with a certificate that Caddy gets itself."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncserver.deploy.catalogue import KINDS
from syncserver.deploy.deployment import EXAMPLE
from syncserver.settings import ServerSettings
from tests.deploy.conftest import PROXIES
from tests.support.accounts import Account
from tests.support.authority import Authority, Certificate
from tests.support.debian_python import open_folder
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.our_server import OurServer
from tests.support.reverse_proxies import ReverseProxy, deploy_files
from tests.support.unix_relay import unix_relay


class ProxyOfSocket(ReverseProxy):
    """A proxy for a server that is reached through a Unix socket."""

    def __init__(self, unix_socket: Path, *arguments: object) -> None:
        self._socket = unix_socket
        super().__init__(*arguments)  # type: ignore[arg-type]

    def _have_written(self, kind: str, config: Path) -> Path:
        options = EXAMPLE.settings.model_copy(update={"public_url": self.url})
        shown = self._authority.issue()
        certificate = shown.in_one_file() if kind == "haproxy" else shown.certificate
        deployment = replace(
            EXAMPLE,
            settings=options,
            server=ServerSettings(unix_socket=str(self._socket)),
            certificate=str(certificate),
            key=str(shown.key),
            http_port=self.http_port,
        )
        (file,) = KINDS[kind].files
        written = self.folder / file.name.replace("Caddyfile", "site")
        written.write_text(file.text(deployment))
        return written


class CaddysAuthority(Authority):
    """The authority that Caddy makes for names which no public one would sign: localhost."""

    def __init__(self, folder: Path) -> None:
        self.root_file = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    def trusting(
        self, client: Certificate | None = None, version: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        if not self.root_file.exists():
            raise ConnectionError("Caddy has no certificate yet")
        return super().trusting(client, version)


class CaddyByItself(ReverseProxy):
    """Caddy with the file that is written when no certificate is named."""

    def _have_written(self, kind: str, config: Path) -> Path:
        own = self.folder / "public.ini"
        lines = config.read_text().replace("[DEFAULT]", f"[DEFAULT]\npublic_url = {self.url}", 1)
        own.write_text(lines)
        deploy_files(own, kind, "--output", self.folder / "written")
        return self.folder / "written" / "Caddyfile"


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Device]:
    laptop = Device(tmp_path / "laptop")
    yield laptop
    laptop.close()


def assert_it_syncs(device: Device, url: str, account: Account) -> None:
    device.login(url, account)
    device.add_note("one", "")
    assert device.sync() == FULL_UPLOAD
    device.upload()
    device.add_note("two", "")
    assert device.sync() == NO_CHANGES


@pytest.mark.parametrize("path", ["/", "/anki/"])
@pytest.mark.parametrize("kind", PROXIES)
def test_a_proxy_reaches_the_server_through_a_unix_socket(
    kind: str,
    path: str,
    served: OurServer,
    authority: Authority,
    account: Account,
    laptop: Device,
    tmp_path: Path,
) -> None:
    with open_folder("socket") as folder, unix_relay(folder / "http.sock", served.port):
        proxy = ProxyOfSocket(
            folder / "http.sock", kind, tmp_path / "proxy", served.config, authority, path
        )
        try:
            assert_it_syncs(authority.trusted_by(laptop), proxy.url, account)
        finally:
            proxy.stop()


def test_caddy_gets_its_certificate_by_itself(
    served: OurServer, account: Account, laptop: Device, tmp_path: Path
) -> None:
    authority = CaddysAuthority(tmp_path / "proxy")
    caddy = CaddyByItself("caddy", tmp_path / "proxy", served.config, authority, "/anki/")
    try:
        assert_it_syncs(authority.trusted_by(laptop), caddy.url, account)
    finally:
        caddy.stop()
