"""Fetch a file from another host, if the operator allows that host.

A name must lead to the public network: otherwise whoever owns the name would reach what only the
server can reach. The address that was looked at is the one that is connected to. An operator who
wants files from the server's own network gives the address itself.
"""

import ipaddress
import socket
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

import urllib3

from syncserver.rest.problems import Invalid, TooLarge
from syncserver.settings import Settings

TIMEOUT: Final = urllib3.Timeout(connect=10.0, read=30.0)
BODY_SECONDS: Final = 300.0
PART_BYTES: Final = 64 * 1024
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def fetch(settings: Settings, url: str, limit: int) -> bytes:
    """Return what `url` answers with 200. Redirects are not followed.

    Raises Invalid for a host that is not allowed or an answer that is no file, TooLarge.
    """
    parts = _checked(settings, url)
    address = _address(parts)
    pool = _pool(parts, address)
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    try:
        response = pool.request(
            "GET",
            path,
            headers={"Host": parts.netloc.rpartition("@")[2]},
            redirect=False,
            retries=False,
            preload_content=False,
        )
        with response:
            if response.status != 200:
                raise Invalid(f"The URL answered with status {response.status}.")
            return b"".join(_parts(response, limit))
    except urllib3.exceptions.HTTPError as problem:
        raise Invalid("The URL could not be fetched.", cause=str(problem)) from None
    finally:
        pool.close()


def _checked(settings: Settings, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if not parts.hostname or port is None:
        raise Invalid("This is no http or https URL.")
    usual = port == DEFAULT_PORTS[parts.scheme]
    names = {f"{parts.hostname}:{port}", *([parts.hostname] if usual else [])}
    if names.isdisjoint(settings.import_url_hosts):
        raise Invalid("This server does not fetch files from that host.", cause=f"{names}")
    return parts


def _address(parts: SplitResult) -> str:
    """Return the address to connect to. Raises Invalid for one that no name may lead to."""
    host = str(parts.hostname)
    try:
        return str(ipaddress.ip_address(host))  # the operator has listed the address itself
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as problem:
        raise Invalid("The host of the URL is unknown.", cause=str(problem)) from None
    address = str(found[0][4][0])
    if not ipaddress.ip_address(address).is_global:
        raise Invalid("The host of the URL is not in the public network.", cause=address)
    return address


def _pool(parts: SplitResult, address: str) -> urllib3.HTTPConnectionPool:
    if parts.scheme == "https":
        return urllib3.HTTPSConnectionPool(
            address,
            parts.port,
            timeout=TIMEOUT,
            server_hostname=parts.hostname,
            assert_hostname=parts.hostname,
        )
    return urllib3.HTTPConnectionPool(address, parts.port, timeout=TIMEOUT)


def _parts(response: urllib3.BaseHTTPResponse, limit: int) -> Iterator[bytes]:
    left = limit
    deadline = time.monotonic() + BODY_SECONDS
    # Not more than has come: a host that sends a byte now and then would never fill a part.
    while part := response.read1(PART_BYTES):
        left -= len(part)
        if left < 0:
            raise TooLarge(f"The URL has more than {limit} bytes.")
        if time.monotonic() > deadline:
            raise Invalid(f"The URL was not read within {BODY_SECONDS:.0f} seconds.")
        yield part
