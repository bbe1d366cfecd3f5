"""Servers that are no sync servers: what people reach with a wrong address."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time


@contextmanager
def web_server(
    status: int = 200,
    body: str = "",
    headers: Mapping[str, str] | None = None,
    *,
    clock_ahead: float | None = 0.0,
    certificate: Path | None = None,
) -> Iterator[str]:
    """Answer every GET alike, with a clock that is so many seconds ahead; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            if clock_ahead is not None:
                self.send_header("Date", formatdate(time() + clock_ahead, usegmt=True))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments: object) -> None:
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def closing_server() -> Iterator[str]:
    """Accept connections and close them; yield the address without its scheme."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def close_all() -> None:
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=close_all)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextmanager
def silent_server() -> Iterator[str]:
    """Take connections and never answer; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def self_signed_certificate(folder: Path, name: str) -> Path:
    """Return a file with a new certificate for `DNS:name` or `IP:address`, and its key."""
    certificate = folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
            *("-subj", "/CN=test", "-addext", f"subjectAltName={name}"),
            *("-keyout", str(certificate), "-out", str(folder / "public.pem")),
        ],
        check=True,
        capture_output=True,
    )
    with certificate.open("ab") as file:
        file.write((folder / "public.pem").read_bytes())
    return certificate
