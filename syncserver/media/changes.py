"""`begin`, `mediaChanges` and `mediaSanity`: what has changed since, and do both sides agree."""

from typing import Final

from syncserver.media.index import MediaIndex

SANE: Final = "OK"
NOT_SANE: Final = "mediaSanity"

# A name, the usn of its last change, and the SHA-1 (hex) of its content; "" when it was deleted.
Change = tuple[str, int, str]


def media_changes(index: MediaIndex, last_usn: int) -> list[Change]:
    """Return the changes after `last_usn`, in the order of their usns, at most a page of them.

    Clients ask again with the usn of the last one, so the order matters (section 6.1 of the facts).
    """
    return [
        (entry.name, entry.usn, entry.sha1.hex() if entry.exists else "")
        for entry in index.changes_after(last_usn)
    ]


def media_sanity(index: MediaIndex, local_files: int) -> str:
    """Compare the client's count of files with ours."""
    return SANE if local_files == index.totals().files else NOT_SANE
