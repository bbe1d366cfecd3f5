"""The sockets that the server listens on: IPv4, IPv6, a Unix socket, one or several at once.

The supervisor opens them and accepts nothing itself. So connections wait, and are not refused,
while a worker that died is replaced.
"""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.settings import ServerSettings, Settings

# Connections that the kernel holds while all threads work; Linux cuts it at net.core.somaxconn.
BACKLOG: Final = 2048
ALL_IPV6: Final = "::"
# Each connection inherits these. After a minute of silence the system asks, and after four questions
# without an answer, 15 seconds apart, the connection is broken, and so is one that has not taken our
# answer for two minutes: a phone that lost its network says no goodbye.
CONNECTION_OPTIONS: Final = (
    # The small answers of a sync go out at once.
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 120_000),
)
UNIX_PREFIX: Final = "unix:"
USUAL_PORTS: Final = {"http": 80, "https": 443}
PROBE_SECONDS: Final = 1.0


class CannotServe(Exception):
    """Something outside of the configuration keeps the server from starting."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The open sockets: those that serve, and those of the plain port that redirects."""

    serving: tuple[socket.socket, ...]
    redirecting: tuple[socket.socket, ...]

    def close(self) -> None:
        """Listen no more in this process."""
        for one in (*self.serving, *self.redirecting):
            one.close()

    def urls(self, *, tls: bool) -> list[str]:
        """Return where it serves, with the real ports: `http://…/`, `https://…/`, `unix:…`."""
        return [_url(one, "https" if tls else "http") for one in self.serving]

    @property
    def port(self) -> int:
        """The real TCP port, 0 if there is none."""
        return next((int(one.getsockname()[1]) for one in self.serving if not is_unix(one)), 0)


@contextmanager
def listening(settings: Settings, options: ServerSettings) -> Iterator[Listening]:
    """Listen wherever the options say; afterwards no socket and no socket file is left.

    Raises CannotServe, with a sentence that names what cannot be had.
    """
    with ExitStack() as stack:
        serving = _open_hosts(stack, options.hosts, options.port)
        if options.unix_socket:
            path = settings.data_root / options.unix_socket
            mode = int(options.unix_socket_mode, base=8)
            serving.append(stack.enter_context(_unix_socket(path, mode)))
        if not serving:
            raise CannotServe("host and unix_socket are both empty: there is nowhere to listen")
        redirecting = []
        if options.redirect_port:
            redirecting = _open_hosts(stack, options.hosts, options.redirect_port)
        yield Listening(tuple(serving), tuple(redirecting))


def is_unix(one: socket.socket) -> bool:
    """Tell whether it is a Unix socket."""
    return one.family == socket.AF_UNIX


def http_url(host: str, port: int, scheme: str = "http") -> str:
    """Return the URL of a server that listens on `host` and `port`."""
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}/" if port == USUAL_PORTS[scheme] else f"{scheme}://{name}:{port}/"


def _url(one: socket.socket, scheme: str) -> str:
    name = one.getsockname()
    return f"{UNIX_PREFIX}{name}" if is_unix(one) else http_url(name[0], name[1], scheme)


def _open_hosts(stack: ExitStack, hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    """Listen on the same port of each host; the port 0 becomes any free one."""
    opened: list[socket.socket] = []
    for host in hosts:
        # Alone, the wildcard of IPv6 takes IPv4 along; beside another address it cannot.
        one = stack.enter_context(_tcp_socket(host, port, with_ipv4=hosts == (ALL_IPV6,)))
        port = port or one.getsockname()[1]
        opened.append(one)
    return opened


def _tcp_socket(host: str, port: int, *, with_ipv4: bool) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            _bind(opened, address, with_ipv4=with_ipv4)
        except OSError:
            opened.close()
            raise
    except UnicodeError:  # what getaddrinfo says of "a..b"
        raise CannotServe(f"cannot listen on {host}: that is no host name") from None
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise CannotServe(f"port {port} of {host} is in use by another program") from None
        raise CannotServe(f"cannot listen on {host}, port {port}: {problem.strerror}") from None
    return opened


def _bind(opened: socket.socket, address: object, *, with_ipv4: bool) -> None:
    # Connections that are still fading away are no obstacle.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option in CONNECTION_OPTIONS:
        opened.setsockopt(*option)
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not with_ipv4))
    opened.bind(address)  # type: ignore[arg-type] # what getaddrinfo gave
    opened.listen(BACKLOG)


@contextmanager
def _unix_socket(path: Path, mode: int) -> Iterator[socket.socket]:
    """Listen on a socket file with exactly this mode; whoever may write to it may connect."""
    _remove_stale(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        # Not chmod afterwards: nobody shall get in between.
        mask = os.umask(0o777 & ~mode)
        try:
            opened.bind(str(path))
        except OSError as problem:
            reason = problem.strerror or problem
            raise CannotServe(f"unix_socket: cannot listen on {path}: {reason}") from None
        finally:
            os.umask(mask)
        try:
            opened.listen(BACKLOG)
            yield opened
        finally:
            path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove a socket file that a killed server has left, and nothing else."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise CannotServe(f"unix_socket: {path} exists and is no socket")
    except OSError:
        return  # most often it is not there; if it is something else, binding will tell
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            with suppress(OSError):
                path.unlink()
            return
        except OSError:
            pass  # somebody is there, and is busy
    raise CannotServe(f"unix_socket: {path} is in use by another program")
