"""Name and connection: which addresses does the host have, and does each of them take calls?"""

import errno
import ipaddress
import socket
import threading
from dataclasses import dataclass
from typing import Any, Final

from syncserver.control.doctor.address import Address
from syncserver.control.doctor.findings import Finding, doubtful, failed, well

LOOKUP_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 5.0
# Hosts with more addresses are large services; the first ones stand for the rest.
MOST_ADDRESSES: Final = 8
NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of the host, as sockets take it."""

    family: int
    sockaddr: Any

    @property
    def ip(self) -> str:
        """The address alone."""
        return str(self.sockaddr[0])


def look_up(address: Address) -> tuple[list[Endpoint], Finding]:
    """Return the host's addresses. Waits at most `LOOKUP_SECONDS`."""
    try:
        endpoints = _resolved(address)
    except TimeoutError:
        return [], failed(
            f"Nobody answered within {LOOKUP_SECONDS:.0f} seconds where “{address.host}” is.",
            "Check this computer's DNS server (/etc/resolv.conf).",
        )
    except (socket.gaierror, UnicodeError) as problem:
        return [], failed(
            f"No computer called “{address.host}” was found ({_reason(problem)}).",
            "Check the spelling; add an A or AAAA record for it, or a line in /etc/hosts.",
        )
    if _is_ip(address.host):
        return endpoints, well(f"{address.host} is an address; no name has to be looked up.")
    return endpoints, well(f"{address.host} is {_listed(endpoints)}.")


def _resolved(address: Address) -> list[Endpoint]:
    """Look the name up in a thread, since nothing else bounds the system's own patience."""
    found: list[Endpoint] = []
    problems: list[Exception] = []

    def ask() -> None:
        try:
            for family, _, _, _, sockaddr in socket.getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM
            ):
                found.append(Endpoint(family, sockaddr))
        except (OSError, UnicodeError) as problem:
            problems.append(problem)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(LOOKUP_SECONDS)
    if problems:
        raise problems[0]
    if thread.is_alive():
        raise TimeoutError
    return found[:MOST_ADDRESSES]


def try_all(address: Address, endpoints: list[Endpoint]) -> tuple[list[Endpoint], Finding]:
    """Connect to each address and return those that work."""
    problems: dict[str, OSError] = {}
    working: list[Endpoint] = []
    for endpoint in endpoints:
        try:
            connect(endpoint, CONNECT_SECONDS).close()
            working.append(endpoint)
        except OSError as problem:
            problems[endpoint.ip] = problem
    if not working:
        return [], _nobody_there(address, problems)
    if problems:
        return working, _some_silent(address, working, problems)
    return working, well(f"Port {address.port} takes connections at {_listed(working)}.")


def connect(endpoint: Endpoint, timeout: float) -> socket.socket:
    """Return a connected socket. Raises OSError."""
    sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(endpoint.sockaddr)
        # Small requests are sent in several pieces, which must not wait for each other.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def _nobody_there(address: Address, problems: dict[str, OSError]) -> Finding:
    what = "; ".join(f"{ip} port {address.port}: {_words(one)}" for ip, one in problems.items())
    if all(isinstance(one, ConnectionRefusedError) for one in problems.values()):
        return failed(
            f"The host is there, but nothing listens ({what}).",
            "Check the port in the address, that the server or proxy runs (ctl.py status), and"
            " that it listens for others: host = 0.0.0.0 in [server:main], not 127.0.0.1.",
        )
    return failed(
        f"No connection can be made ({what}).",
        "Check that the computer is on and in this network, the forwarding of the port in the"
        " router, and the firewall (ufw allow, firewall-cmd --add-port, security groups).",
    )


def _some_silent(
    address: Address, working: list[Endpoint], problems: dict[str, OSError]
) -> Finding:
    silent = "; ".join(f"{ip}: {_words(one)}" for ip, one in problems.items())
    record = "AAAA" if any(":" in ip for ip in problems) else "A"
    return doubtful(
        f"Port {address.port} takes connections at {_listed(working)}, but not at all addresses of"
        f" the name ({silent}): some clients wait, or fail.",
        f"Remove that {record} record of the name, or listen there too.",
        (
            f"nginx: listen [::]:{address.port}; beside listen {address.port};",
            "syncserver: host = :: in [server:main]",
        ),
    )


def _words(problem: OSError) -> str:
    if isinstance(problem, ConnectionRefusedError):
        return "refused"
    if isinstance(problem, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:.0f} seconds"
    if problem.errno in NO_ROUTE:
        return "this computer has no way there"
    return problem.strerror or str(problem)


def _reason(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _listed(endpoints: list[Endpoint]) -> str:
    return ", ".join(dict.fromkeys(endpoint.ip for endpoint in endpoints))
