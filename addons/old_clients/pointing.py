"""Point the sync of cards and of media to a server, and back to AnkiWeb.

Two generations read the address from two places. Since 2.1.28 Anki's Rust part looks at two
environment variables at each sync. Up to 2.1.26 Python modules hold a pattern, into which Anki puts
the number of one of AnkiWeb's hosts.
"""

import os
import sys

CARDS_VARIABLE = "SYNC_ENDPOINT"
MEDIA_VARIABLE = "SYNC_ENDPOINT_MEDIA"
# Each has its own copy: `from anki.consts import *`.
MODULES_WITH_PATTERN = ("anki.consts", "anki.sync", "aqt.mediasync")
PATTERN = "SYNC_BASE"
SCHEMES = ("http://", "https://")

# The patterns that were there before, by the names of their modules.
_ankiwebs: "dict[str, object]" = {}


class AddressForEveryHost(str):
    """An address that stays the same whatever host number is put into it."""

    __slots__ = ()

    def __mod__(self, host_number: object) -> str:
        return str(self)


def completed(address: str) -> str:
    """Return an address with what people forget, or without what they add; "" stays "".

    Raises ValueError, in words for people, when it cannot be one.
    """
    address = address.strip()
    if not address:
        return ""
    if not address.lower().startswith(SCHEMES):
        rest = address.lstrip(":/")
        raise ValueError(
            f"The address “{address}” must begin with http:// or https://, for example http://{rest}"
        )
    address = address.rstrip("/") + "/"
    for ending in ("/msync/", "/sync/"):
        if address.endswith(ending):
            address = address[: -len(ending)] + "/"
    return address


def point_to(address: str) -> None:
    """Let the next sync go to a complete address."""
    os.environ[CARDS_VARIABLE] = address + "sync/"
    os.environ[MEDIA_VARIABLE] = address + "msync/"
    for name in MODULES_WITH_PATTERN:
        module = sys.modules.get(name)
        if hasattr(module, PATTERN):
            _ankiwebs.setdefault(name, getattr(module, PATTERN))
            setattr(module, PATTERN, AddressForEveryHost(address))


def point_to_ankiweb() -> None:
    """Let the next sync go where it went without this add-on."""
    os.environ.pop(CARDS_VARIABLE, None)
    os.environ.pop(MEDIA_VARIABLE, None)
    for name, pattern in _ankiwebs.items():
        setattr(sys.modules[name], PATTERN, pattern)
    _ankiwebs.clear()
