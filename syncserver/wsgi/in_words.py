"""Say a refusal where people see it: in the places that the protocol has for words.

Clients show the message of `meta`, the text of a refused `upload` and the error of a media method;
of all other answers they show what they make of the status. So a limit, or maintenance, is told
there in words, and everywhere else by 503, after which clients tell people to try again later.
"""

from html import escape
from typing import Final

from syncserver.errors import (
    RateExceeded,
    ServerBusy,
    SyncServerError,
    TooManyAtOnce,
    UnderMaintenance,
)

# What is no mistake of the client, and of which people should know why.
EXPLAINED: Final = (RateExceeded, TooManyAtOnce, UnderMaintenance)


def words(refusal: SyncServerError) -> str:
    """Return what people read; desktop clients show rich text, so nothing in it may be any."""
    return escape(refusal.public_text, quote=False)


def without_words(refusal: SyncServerError) -> ServerBusy:
    """Return the refusal for a method that has no place for words."""
    if isinstance(refusal, ServerBusy):
        return refusal
    # 429 would be shown as an error of the network.
    return ServerBusy(
        refusal.public_text,
        cause=refusal.cause,
        retry_after_seconds=refusal.retry_after_seconds,
    )
