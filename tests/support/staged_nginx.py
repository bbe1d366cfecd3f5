"""A real nginx in front of a server, configured as well or as badly as a test wants it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.authority import Certificate
from tests.support.processes import free_port
from tests.support.staged_programs import running

CONFIGURATION = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}{ssl};
        {certificate}
        {rules}
    }}
}}
"""
# As docs/operations.md has it.
RIGHT = """
            proxy_http_version 1.1;
            client_max_body_size 400m;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
"""


def passing_on(upstream: str, extra: str = "", *, path: str = "/") -> str:
    """Return a location that passes everything below `path` on; `extra` comes last."""
    return f"location {path} {{ proxy_pass {upstream};{RIGHT}{extra} }}"


@contextmanager
def nginx(folder: Path, rules: str, files: Certificate | None = None) -> Iterator[str]:
    """Run nginx with the rules of one server; yield its address."""
    folder.mkdir()
    port = free_port()
    (folder / "nginx.conf").write_text(_configuration(folder, rules, port, files))
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, folder, port) as url:
        yield url.replace("http", "https") if files else url


def _configuration(folder: Path, rules: str, port: int, files: Certificate | None) -> str:
    return CONFIGURATION.format(
        folder=folder,
        port=port,
        rules=rules,
        # Or its workers, who become nobody, could not enter the folder.
        user="user root;" if os.geteuid() == 0 else "",
        ssl=" ssl" if files else "",
        certificate=(
            f"ssl_certificate {files.certificate}; ssl_certificate_key {files.key};"
            if files
            else ""
        ),
    )
