"""A certificate authority of one's own, and a server's certificate that it has signed."""

import ssl
import subprocess
from pathlib import Path

from tests.support.debian_programs import program
from tests.support.device import Device

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


class OwnAuthority:
    """The files of an authority and of a certificate for this machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.root = folder / "root.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server-key.pem"
        self.combined = folder / "combined.pem"
        self._make()

    def trusted(self) -> ssl.SSLContext:
        """Return a context that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.root))

    def _make(self) -> None:
        root_key = self._folder / "root-key.pem"
        new_key = ("req", "-newkey", "rsa:2048", "-nodes")
        self._openssl(
            *(*new_key, "-x509", "-days", "30", "-subj", "/CN=authority of the tests"),
            *("-addext", "keyUsage=critical,keyCertSign", "-keyout", root_key, "-out", self.root),
        )
        request, extensions = self._folder / "request.pem", self._folder / "extensions"
        extensions.write_text(NAMES)
        self._openssl(*new_key, "-subj", "/CN=localhost", "-keyout", self.key, "-out", request)
        self._openssl(
            *("x509", "-req", "-in", request, "-days", "30", "-extfile", extensions),
            *("-CA", self.root, "-CAkey", root_key, "-CAcreateserial", "-out", self.certificate),
        )
        self.combined.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())

    def _openssl(self, *arguments: str | Path) -> None:
        command = [program("openssl"), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def trust(device: Device, root: Path) -> Device:
    """Make a device trust an authority, as people do in Anki's preferences."""
    assert device.col._backend.set_custom_certificate(root.read_text())
    return device
