"""Is this text an address that Anki can sync with? If not: why, and what was probably meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from .findings import Finding, wrong

EXAMPLES = "Examples: http://192.168.1.20:8080/ or https://anki.example.com/"
SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*):/*", re.IGNORECASE)
# What people copy from the instructions for other clients.
METHOD_FOLDERS = ("/msync/", "/sync/")


@dataclass(frozen=True)
class Address:
    """An address as Anki needs it, or what is wrong with the one that was entered."""

    url: str
    problem: Finding | None = None


def read_address(text: str) -> Address:
    """Read what somebody entered; `url` is "" when there is a problem."""
    text = text.strip()
    problem = _problem_of_the_beginning(text) or _problem_of_the_parts(text)
    if problem:
        return Address("", problem)
    # Without a path the slash makes no difference to Anki, so nobody has to hear about it.
    return Address(text if text.endswith("/") else f"{text}/")


def _problem_of_the_beginning(text: str) -> Finding | None:
    if not text:
        return wrong("No address was entered.", f"Enter the address of your server. {EXAMPLES}")
    if re.search(r"\s", text):
        return wrong("There is a space inside the address.", "Remove it.")
    if text.lower().startswith(("http://", "https://")):
        return None
    scheme = SCHEME.match(text)
    if scheme and not _is_host_and_port(text):
        rest = text[scheme.end() :]
        secure = scheme.group(1).lower().endswith("s")
        return wrong(
            f"The address begins with “{scheme.group()}”, which Anki does not know.",
            "It must begin with http:// or https://",
            better_address=f"{'https' if secure else 'http'}://{rest}" if rest else "",
        )
    return wrong(
        "The beginning of the address is missing: http:// or https://",
        "At home it is usually http://, for a server on the internet https://",
        better_address=_with_scheme(text.lstrip("/")),
    )


def _is_host_and_port(text: str) -> bool:
    """Tell `myserver:8080/` from `ftp://myserver/`, which begin alike."""
    return re.match(r"^[^/:]+:\d+(/|$)", text) is not None


def _with_scheme(rest: str) -> str:
    host = re.split("[:/]", rest)[0]
    on_the_internet = re.search(r"\.[a-z]{2,}$", host, re.IGNORECASE) and ":" not in rest
    local_name = host.lower().endswith((".local", ".lan", ".home", ".internal"))
    return f"{'https' if on_the_internet and not local_name else 'http'}://{rest}"


def _problem_of_the_parts(text: str) -> Finding | None:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return wrong(
            "The port, or the bracketed part, of the address is not valid.",
            f"After the colon comes a number from 1 to 65535. {EXAMPLES}",
        )
    if not host or port == 0:
        return wrong("The address names no server.", EXAMPLES)
    return _problem_of_the_host(parts, host) or _problem_of_the_path(parts)


def _problem_of_the_host(parts: SplitResult, host: str) -> Finding | None:
    if parts.username is not None:
        return wrong(
            "The address contains a name or password (before the @).",
            "Enter them in their own fields below.",
            better_address=parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
        )
    if host in ("0.0.0.0", "::"):  # noqa: S104 - nothing is bound here
        return wrong(
            f"{host} tells a server to listen everywhere; it cannot be called.",
            "Enter the address of the computer on which the server runs, for example 192.168.1.20; "
            "if that is this one: 127.0.0.1",
            better_address=text_with_host(parts, "127.0.0.1"),
        )
    if host == "ankiweb.net" or host.endswith(".ankiweb.net"):
        return wrong("This is AnkiWeb.", "To sync with AnkiWeb, leave the address empty and save.")
    return None


def text_with_host(parts: SplitResult, host: str) -> str:
    """Return the address with another host and the same port."""
    netloc = f"{host}:{parts.port}" if parts.port else host
    return parts._replace(netloc=netloc).geturl()


def _problem_of_the_path(parts: SplitResult) -> Finding | None:
    if parts.query or parts.fragment:
        return wrong(
            "The address has a part that begins with ? or #.",
            "Leave that part out.",
            better_address=_ending_in_slash(parts._replace(query="", fragment="")),
        )
    path = f"{parts.path.rstrip('/')}/"
    for folder in METHOD_FOLDERS:
        if path.endswith(folder):
            return wrong(
                f"The address ends in “{folder.strip('/')}”, which Anki adds by itself.",
                "Leave that part out: only old AnkiDroids want “msync” in an address.",
                better_address=parts._replace(path=path[: -len(folder)] + "/").geturl(),
            )
    if parts.path and not parts.path.endswith("/"):
        last = parts.path.rpartition("/")[2]
        return wrong(
            "The slash at the end of the address is missing.",
            f"Without it, Anki leaves out “{last}” and asks the wrong place.",
            better_address=_ending_in_slash(parts),
        )
    return None


def _ending_in_slash(parts: SplitResult) -> str:
    return parts._replace(path=f"{parts.path.rstrip('/')}/").geturl()
