"""As what a media file is sent: its type, and whether a browser may show it by itself.

Files come from other people's decks. What could run something in a page is a download, and what is
shown is shown without any rights.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

UNKNOWN: Final = "application/octet-stream"
TYPES: Final[Mapping[str, str]] = {
    ".apng": "image/apng",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
    ".3gp": "audio/3gpp",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".spx": "audio/ogg",
    ".wav": "audio/wav",
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".ogv": "video/ogg",
    ".webm": "video/webm",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
SHOWN: Final = ("image/", "audio/", "video/")
# Even an image of lines can hold scripts, when it is opened by itself.
CONTENT_SECURITY_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def media_type(name: str) -> str:
    """Return the type of a file, by its name alone."""
    return TYPES.get(PurePosixPath(name).suffix.lower(), UNKNOWN)


def safe_headers(name: str) -> dict[str, str]:
    """Return the headers under which a file of this name is harmless in a browser."""
    shown = media_type(name).startswith(SHOWN)
    disposition = "inline" if shown else "attachment"
    return {
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cache-Control": "private, no-cache",
    }
