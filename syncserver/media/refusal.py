"""Say in words why media cannot be taken."""

from html import escape

from syncserver.errors import SyncServerError


class MediaRefused(SyncServerError):
    """The media cannot be taken for a reason that people should read; clients show the text."""

    status = 200


def file_too_large(name: str, limit: int) -> MediaRefused:
    """Return the refusal of a file of more than `limit` bytes."""
    return MediaRefused(
        # Desktop clients show rich text.
        f"The media file {escape(name)} is larger than this server accepts"
        f" ({megabytes(limit)}). Please make it smaller or remove it, or ask whoever runs the"
        " server to raise max_media_file_bytes.",
        cause=f"{name!r:.80} has more than {limit} bytes",
    )


def upload_too_large(limit: int) -> MediaRefused:
    """Return the refusal of an upload of more than `limit` bytes."""
    return MediaRefused(
        f"This upload of media is larger than this server accepts ({megabytes(limit)}). Please"
        " ask whoever runs the server to raise max_media_zip_bytes.",
        cause=f"more than {limit} bytes",
    )


def over_quota(quota: int, wanted: int) -> MediaRefused:
    """Return the refusal of what would make a user's media take more than `quota` bytes."""
    return MediaRefused(
        f"Your media would take more than the {megabytes(quota)} that this server allows. Please"
        " remove some files, or ask whoever runs the server for more room.",
        cause=f"{wanted} bytes",
    )


def megabytes(size: int) -> str:
    """Return a number of bytes in the unit that the options are given in."""
    return f"{size / 1_000_000:,.10g} MB"
