"""The versions of the sync protocol, and which framing each uses (section 1.1 of the facts)."""

from typing import Final

OLDEST: Final = 8
NEWEST: Final = 11
# From this one on, a header and zstd bodies take the place of multipart forms with gzip.
FIRST_WITH_HEADER: Final = 11


def is_spoken(version: int) -> bool:
    """Tell whether we speak this version."""
    return OLDEST <= version <= NEWEST
