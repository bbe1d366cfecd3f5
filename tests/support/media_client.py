"""Requests of the media sync made by hand."""

from collections.abc import Iterator, Sequence
from typing import Any

import zstandard

from tests.support.accounts import Account, SyncTarget
from tests.support.media_zip import Change, downloaded, upload_zip
from tests.support.raw_client import CLIENT_VERSION, RawClient, RawReply

# Fewer pieces than the raw client makes of a body, since media can be large.
PIECE_BYTES = 64 * 1024

# (name, usn, SHA-1 as hex, empty for a deletion)
MediaChange = tuple[str, int, str]


class MediaClient(RawClient):
    """One client of /msync, and its methods with their answers unwrapped."""

    def send(self, method: str, body: bytes) -> RawReply:
        """Send one request with `body`, compressed and in pieces."""
        return self.send_as_is(method, compressed_pieces(body))

    def begin(self) -> int:
        """Return the newest usn."""
        usn: int = self.unwrapped("begin", {"v": CLIENT_VERSION})["usn"]
        return usn

    def changes(self, last_usn: int = 0) -> list[MediaChange]:
        """Return a page of the changes after a usn."""
        return [(*change,) for change in self.unwrapped("mediaChanges", {"lastUsn": last_usn})]

    def all_changes(self) -> list[MediaChange]:
        """Return all changes, asking as clients do."""
        found: list[MediaChange] = []
        while page := self.changes(found[-1][1] if found else 0):
            found += page
        return found

    def upload(self, *changes: Change) -> tuple[int, int]:
        """Send changes that must be taken, and return how many were and the newest usn."""
        return self.upload_zip(upload_zip(*changes))

    def upload_zip(self, body: bytes) -> tuple[int, int]:
        """Send a zip that must be taken, and return how many entries were and the newest usn."""
        processed, usn = _data(self.send("uploadChanges", body))
        return processed, usn

    def refused_upload(self, *changes: Change) -> str:
        """Send changes that must be refused in words, and return the words."""
        reply = self.send("uploadChanges", upload_zip(*changes))
        assert reply.status == 200, reply
        assert reply.json["data"] is None
        refusal: str = reply.json["err"]
        assert refusal
        return refusal

    def download(self, names: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return the names and contents that one request for these files is answered with."""
        reply = self.call("downloadFiles", {"files": list(names)})
        assert reply.status == 200, reply
        return downloaded(reply.body)

    def sanity(self, files: int) -> str:
        """Compare a number of files with the server's."""
        answer: str = self.unwrapped("mediaSanity", {"local": files})
        return answer

    def unwrapped(self, method: str, payload: object) -> Any:
        """Send one request that must succeed, and return the `data` of the answer."""
        return _data(self.call(method, payload))


def compressed_pieces(body: bytes, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """Yield the zstd frame of `body` piece by piece; it does not tell its length, as clients'."""
    compressor = zstandard.ZstdCompressor(level=1, write_content_size=False).compressobj()
    frame = compressor.compress(body) + compressor.flush()
    for start in range(0, len(frame), piece_bytes):
        yield frame[start : start + piece_bytes]


def media_client(target: SyncTarget, account: Account) -> MediaClient:
    """Return a media client of a device that has just logged in."""
    key = RawClient(target.url).login(account).host_key
    return MediaClient(media_url(target), key)


def media_url(target: SyncTarget) -> str:
    """Return the address to which a raw client adds `sync/<method>` to reach /msync."""
    return f"{target.url}m"


def _data(reply: RawReply) -> Any:
    assert reply.status == 200, reply
    assert reply.json["err"] == "", reply.json
    return reply.json["data"]
