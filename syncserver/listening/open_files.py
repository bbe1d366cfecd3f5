"""How many connections and files the server may have open at once."""

import resource
from typing import Final

# The usual 1,024 are few for many connections, each with a file that is being written.
MOST_OPEN_FILES: Final = 65_536


def allow_many_open_files() -> None:
    """Let this process have as many connections and files open as it may, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
