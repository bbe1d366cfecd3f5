"""The address itself: can clients sync with it as it was entered, and what do they make of it?"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from syncserver.control.doctor.findings import Finding, failed, well

EXAMPLES: Final = "Examples: http://192.168.1.20:8080/ or https://example.org/anki/"
METHOD_FOLDERS: Final = ("/msync/", "/sync/")
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - nothing is bound here
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go; `path` begins and ends with a slash, `host` is as it is looked up."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def encrypted(self) -> bool:
        """Whether the connection is one of TLS."""
        return self.scheme == "https"

    @property
    def url(self) -> str:
        """The address as clients need it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def read_address(text: str) -> tuple[Address | None, Finding]:
    """Return the address that somebody entered, None if clients cannot use it, and why."""
    text = text.strip()
    problem = _problem_of_the_beginning(text)
    if problem:
        return None, problem
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        host = _looked_up_as(parts.hostname or "")
    except ValueError:  # UnicodeError of a name is one too
        return None, failed("The host or the port of the address is not valid.", EXAMPLES)
    if problem := _problem_of_the_host(parts, host) or _problem_of_the_path(parts):
        return None, problem
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    address = Address(parts.scheme, host, port, path)
    return address, well(f"Clients will ask {address.url}sync/… and {address.url}msync/…")


def _problem_of_the_beginning(text: str) -> Finding | None:
    if not text:
        return failed("No address was given.", EXAMPLES)
    if re.search(r"\s", text):
        return failed("There is a space inside the address.", "Remove it.")
    if not text.lower().startswith(("http://", "https://")):
        return failed(
            "The beginning of the address is missing, or none that clients know.",
            f"It must begin with http:// or https://. {EXAMPLES}",
        )
    return None


def _looked_up_as(host: str) -> str:
    """Return the host as DNS knows it. Raises UnicodeError."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _problem_of_the_host(parts: SplitResult, host: str) -> Finding | None:
    if not host:
        return failed("The address names no host.", EXAMPLES)
    if parts.username is not None:
        return failed(
            "The address contains a name or a password (before the @).",
            "Leave them out: clients ask for them, and the doctor takes --user.",
        )
    if host in EVERYWHERE:
        return failed(
            f"{host} tells a server to listen everywhere; it cannot be called.",
            "Enter the address of the computer on which the server runs; if it is this one:"
            " http://127.0.0.1:8080/",
        )
    if host == "ankiweb.net" or host.endswith(".ankiweb.net"):
        return failed("This is AnkiWeb, not a server of your own.", EXAMPLES)
    return None


def _problem_of_the_path(parts: SplitResult) -> Finding | None:
    bare = parts._replace(query="", fragment="")
    if parts.query or parts.fragment:
        return failed("The address has a part that begins with ? or #.", f"Enter {_closed(bare)}")
    path = f"{parts.path.rstrip('/')}/"
    for folder in METHOD_FOLDERS:
        if path.endswith(folder):
            better = bare._replace(path=path[: -len(folder)] + "/").geturl()
            return failed(
                f"The address ends in “{folder.strip('/')}”, which clients add by themselves.",
                f"Enter {better} (only AnkiDroids with two fields want “msync/” in the second).",
            )
    if parts.path and not parts.path.endswith("/"):
        dropped = parts.path.rpartition("/")[2]
        return failed(
            f"The slash at the end of the address is missing: clients drop “{dropped}” and ask"
            f" {parts._replace(path=parts.path[: -len(dropped)]).geturl()}sync/…",
            f"Enter {_closed(bare)}, and set it as public_url in [DEFAULT] of the ini file.",
        )
    return None


def _closed(parts: SplitResult) -> str:
    return parts._replace(path=f"{parts.path.rstrip('/')}/").geturl()
