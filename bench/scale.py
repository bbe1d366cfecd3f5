"""How much is measured: a short run for every day, and the whole."""

from dataclasses import dataclass
from typing import Final

from bench.sample_collections import Recipe

# Random text of these sizes makes files of about 20 and 200 MB.
COLLECTION_OF_20_MB: Final = Recipe(notes=9_000, text_bytes=1_900)
COLLECTION_OF_200_MB: Final = Recipe(notes=90_000, text_bytes=1_900)


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers in which the short run and the full one differ; times are in seconds."""

    name: str
    # Of what takes less than a second, of what takes several, and of what needs new servers.
    rounds: int
    slow_rounds: int
    starts: int
    # Under how many users at once the servers are put, and for how long.
    users_at_once: tuple[int, ...]
    load_seconds: float
    # For how long a user syncs beside others: what matters of an upload of 200 MB is its end.
    beside_seconds: float
    beside_uploads_seconds: float
    scenes: tuple[str, ...]
    media_files: int


SHORT: Final = Scale(
    name="short",
    rounds=3,
    slow_rounds=1,
    starts=1,
    users_at_once=(1, 64),
    load_seconds=2,
    beside_seconds=5,
    beside_uploads_seconds=25,
    scenes=("uploads", "logins"),
    media_files=200,
)
FULL: Final = Scale(
    name="full",
    rounds=11,
    slow_rounds=3,
    starts=5,
    users_at_once=(1, 4, 16, 64),
    load_seconds=20,
    beside_seconds=20,
    beside_uploads_seconds=90,
    scenes=("nothing", "uploads", "logins", "slow", "all", "stalled"),
    media_files=500,
)
