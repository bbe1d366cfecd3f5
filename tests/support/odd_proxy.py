"""A forwarding proxy, as a program, that does to requests and answers what bad ones do.

Run as a process: `odd_proxy.py FAULT UPSTREAM_PORT`; it prints its own port.

    drops-chunks      knows Content-Length only, as proxies of the time of HTTP/1.0 do
    holds-answers     reads each answer to its end before it passes it on
    compresses        compresses answers that nobody asked it to compress
    hangs-up          ends the connection when a body has more than a million bytes
    waits-for-length  waits for the end of the connection when no Content-Length is told
    cuts-answers      passes the first half of each answer on, as if that were all
"""

import gzip
import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULTS = (
    *("drops-chunks", "holds-answers", "compresses"),
    *("hangs-up", "waits-for-length", "cuts-answers"),
)
# What belongs to one connection only, and what this proxy says itself.
NOT_PASSED_ON = {"connection", "transfer-encoding", "content-length", "server", "date"}
TOO_LARGE = 1_000_000


class Handler(BaseHTTPRequestHandler):
    """Forwards one request."""

    protocol_version = "HTTP/1.1"
    fault = ""
    upstream = 0

    def do_GET(self) -> None:
        self._forward(b"")

    def do_POST(self) -> None:
        self._forward(self._body())

    def log_message(self, *_arguments: object) -> None:
        """Keep the output of the tests clean."""

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.fault == "drops-chunks":
            self.close_connection = True
            return b""
        if self.fault == "waits-for-length":
            return self.rfile.read()
        return b"".join(self._chunks())

    def _chunks(self) -> Iterator[bytes]:
        total = 0
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
            total += size
            if self.fault == "hangs-up" and total > TOO_LARGE:
                raise ConnectionError("too large for this proxy")
        self.rfile.readline()

    def _forward(self, body: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in NOT_PASSED_ON}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        if self.fault == "compresses":
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        if self.fault == "cuts-answers" and answer.status == HTTPStatus.OK:
            content = content[: len(content) // 2]
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()


@contextmanager
def odd_proxy(fault: str, upstream_port: int) -> Iterator[str]:
    """Run the proxy as a process; yield its address."""
    assert fault in FAULTS
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), fault, str(upstream_port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.communicate(timeout=10)


def main() -> None:
    Handler.fault, Handler.upstream = sys.argv[1], int(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
