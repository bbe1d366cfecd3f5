"""An installation whose [server:main] a test writes, and requests to it of every kind."""

import http.client
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.control.operator import Operator
from tests.support.authority import Authority, Certificate

TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


class Installed(Operator):
    """An installation, its options, and what it answers."""

    def set(self, **options: object) -> None:
        """Write options of [server:main]; they come before those that are there."""
        lines = "".join(f"{name} = {value}\n" for name, value in options.items())
        kept = [
            line
            for line in self.config.read_text().splitlines()
            if line.partition(" =")[0] not in options
        ]
        text = "\n".join(kept).replace("[server:main]\n", f"[server:main]\n{lines}")
        self.config.write_text(f"{text}\n")

    @property
    def address_file(self) -> Path:
        return self.data_root / "syncserver.address"

    def addresses(self) -> list[str]:
        """Return where it says that it listens."""
        return self.address_file.read_text().splitlines()

    @property
    def secure_url(self) -> str:
        return f"https://localhost:{self.port}/"

    def get(
        self, context: ssl.SSLContext, path: str = "/health", host: str = "localhost"
    ) -> Answer:
        """Ask over TLS."""
        connection = http.client.HTTPSConnection(host, self.port, context=context, timeout=TIMEOUT)
        return ask(connection, "GET", path)


def ask(connection: http.client.HTTPConnection, verb: str, path: str, body: bytes = b"") -> Answer:
    """Send one request and read the answer."""
    try:
        connection.request(verb, path, body or None)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read().decode())
    finally:
        connection.close()


def ask_plainly(
    port: int, verb: str, path: str, host: str = "127.0.0.1", body: bytes = b""
) -> Answer:
    """Ask without TLS."""
    return ask(http.client.HTTPConnection(host, port, timeout=TIMEOUT), verb, path, body)


class UnixConnection(http.client.HTTPConnection):
    """A connection through a socket file."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


def shown_serial(port: int, authority: Authority, client: Certificate | None = None) -> str:
    """Return the serial number of the certificate that the server shows."""
    context = authority.trusting(client)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        shown = secure.getpeercert()
    assert shown
    return str(shown["serialNumber"])
