"""What the journal says, in plain words."""

from collections.abc import Mapping
from typing import Final

from syncserver.accounts.sync_journal import JournalEntry

# One and several of each kind of object, in the order in which they are told.
OBJECTS: Final = {
    "notes": ("note", "notes"),
    "cards": ("card", "cards"),
    "revlog": ("review", "reviews"),
    "notetypes": ("notetype", "notetypes"),
    "decks": ("deck", "decks"),
    "deck_config": ("group of deck options", "groups of deck options"),
    "tags": ("tag", "tags"),
    "graves": ("deletion", "deletions"),
    "media": ("media file", "media files"),
}
# What happened, by kind and outcome; the reason or what was exchanged comes after it.
SENTENCES: Final = {
    ("sync", "finished"): "synced",
    ("sync", "aborted"): "gave a sync up; nothing was changed",
    ("sync", "taken_over"): "was taken over in the middle of a sync; nothing was changed",
    ("sync", "timed_out"): "fell silent in the middle of a sync, which was rolled back",
    ("sync", "refused"): "was refused a sync",
    ("sync", "failed"): "began a sync that failed and was rolled back",
    ("sync", "stopped"): "was syncing when the server ended; nothing was changed",
    ("upload", "finished"): "replaced the server's collection by its own",
    ("upload", "refused"): "was refused an upload; nothing was changed",
    ("upload", "failed"): "began an upload that failed; nothing was changed",
    ("download", "finished"): "fetched the whole collection",
    ("download", "refused"): "was refused a download",
    ("download", "failed"): "began a download that failed",
    ("media", "finished"): "synced media",
    ("media", "aborted"): "broke a media sync off and began anew",
    ("media", "timed_out"): "fell silent in the middle of a media sync",
    ("media", "refused"): "was refused media",
    ("media", "failed"): "synced media, but both sides do not agree",
    ("media", "stopped"): "was syncing media when the server ended",
}


def in_words(entry: JournalEntry) -> str:
    """Return what happened as one sentence."""
    sentence = SENTENCES.get((entry.kind, entry.outcome), f"{entry.kind}: {entry.outcome}")
    if entry.reason:
        return f"{sentence}: {entry.reason}"
    return sentence + _exchanged(entry) + _conflicts(entry)


def objects_in_words(counts: Mapping[str, int]) -> str:
    """Return counts by kind, such as "2 notes, 1 card"."""
    told = [kind for kind in OBJECTS if counts.get(kind)]
    told += [kind for kind in counts if kind not in OBJECTS and counts[kind]]
    return ", ".join(_objects(kind, counts[kind]) for kind in told)


def counted(count: int, one: str, several: str) -> str:
    """Return a number with its word, such as "1 note" or "1,000 notes"."""
    return f"{count:,} {one if count == 1 else several}"


def _objects(kind: str, count: int) -> str:
    return counted(count, *OBJECTS.get(kind, (kind, kind)))


def _exchanged(entry: JournalEntry) -> str:
    came, went = objects_in_words(entry.received), objects_in_words(entry.sent)
    if came or went:
        parts = [f"sent {came}" if came else "", f"got {went}" if went else ""]
        return ": " + "; ".join(filter(None, parts))
    return (
        ", with nothing to exchange" if (entry.kind, entry.outcome) == ("sync", "finished") else ""
    )


def _conflicts(entry: JournalEntry) -> str:
    of_device, of_server = (
        objects_in_words(entry.won_by_client),
        objects_in_words(entry.won_by_server),
    )
    if not (of_device or of_server):
        return ""
    kept = [
        f"kept {of_device} of the device" if of_device else "",
        f"kept {of_server} of the server" if of_server else "",
    ]
    return "; changed on both sides: " + ", ".join(filter(None, kept))
