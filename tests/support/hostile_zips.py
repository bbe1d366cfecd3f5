"""Zips that no client sends: broken, lying, oversized, or with names that want to climb out."""

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Iterator

from tests.support.media_zip import META, upload_zip, zip_of

CENTRAL_SIGNATURE = b"PK\x01\x02"
LOCAL_SIGNATURE = b"PK\x03\x04"
END_SIGNATURE = b"PK\x05\x06"
# Since its security releases of 2024, Python looks whether members reach into each other.
REFUSES_OVERLAPS = hasattr(zipfile.ZipInfo, "_end_offset")

# Names that may not be taken.
IMPOSSIBLE_NAMES = {
    "empty": "",
    "one dot": ".",
    "two dots": "..",
    "climbs out": "../out.png",
    "climbs far out": "../" * 20 + "tmp/out.png",
    "climbs out inside": "a/../../../out.png",
    "absolute": "/tmp/out.png",
    "in a folder": "folder/out.png",
    "only a slash": "/",
    "slash at the end": "out/",
    "NUL": "out\0.png",
    "NUL at the end": "out.png\0",
    "not in normal form C": "e\u0301.png",
    "300 bytes": "x" * 300,
    "256 bytes": "x" * 256,
    "300 bytes in 150 characters": "é" * 150,
}
# Odd ones that are one plain entry of a folder, and that the official server takes too.
ODD_NAMES = (
    "...",
    "C:out.png",
    "C:\\out.png",
    "..\\..\\out.png",
    "line\nbreak.png",
    "bell\a.png",
    "-rf",
    " ",
    "con",
    "trailing dot.",
    "~",
    "$(reboot)",
    "%2e%2e%2fout.png",
    "\u202egnp.exe",
    "x" * 255,
    META,
)


def broken_zips() -> Iterator[tuple[str, bytes]]:
    """Yield a name and the bytes of each zip that must be refused as broken."""
    good = upload_zip(("good.png", b"good bytes"), ("another.png", b"more bytes"), ("gone", None))
    yield "zero bytes", b""
    yield "not a zip", b"hello, this is no zip file at all" * 10
    yield "only the end of a zip", zip_of({}, None)
    yield "cut off", good[:-10]
    yield "first half", good[: len(good) // 2]
    yield "bytes behind it", good + b"more"
    yield "with a comment", _with_comment(good)
    yield from _broken_lists()
    yield from _broken_members(good)
    yield from _broken_directories(good)


def _broken_lists() -> Iterator[tuple[str, bytes]]:
    content = {"0": b"content"}
    lists: dict[str, bytes] = {
        "no JSON": b"[[",
        "not UTF-8": b'[["\xff\xfe","0"]]',
        "half a surrogate pair": b'[["\\ud800","0"]]',
        "an object": b'{"0": "a.png"}',
        "null": b"null",
        "a number": b"17",
        "a list of names": b'["a.png"]',
        "a list of singles": b'[["a.png"]]',
        "a list of triples": b'[["a.png","0","x"]]',
        "numbers for names": b'[[0,"0"]]',
        "numbers for members": b'[["a.png",0]]',
        "no name": b'[[null,"0"]]',
        "deeply nested": b"[" * 100_000,
        "too long": json.dumps([["x" * 2_000_000, "0"]]).encode(),
        "blown up with blanks": b"[" + b" " * 2_000_000 + b"]",
        "too many entries": json.dumps([["a.png", "0"]] * 1001).encode(),
        "empty": b"",
    }
    for name, meta in lists.items():
        yield f"_meta: {name}", zip_of(content, meta)
    yield "_meta is missing", zip_of(content, None)
    many = {str(number): b"x" for number in range(20)}
    first_good = [["first.png", "0"], ["../out.png", "1"]]
    yield "one impossible name among good ones", zip_of(many, first_good)


def _broken_members(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "a member is missing", zip_of({"0": b"x"}, [["a.png", "0"], ["b.png", "1"]])
    yield "a member without bytes", zip_of({"0": b""}, [["a.png", "0"]])
    yield "a folder as a member", zip_of({"0/": b""}, [["a.png", "0/"]])
    yield "two members of one name", _duplicate_member()
    yield "two lists", _duplicate_list()
    yield "wrong CRC", good.replace(b"good bytes", b"evil bytes")
    yield "encrypted", _patched_headers(good, local=(6, 0x0801), central=(8, 0x0801))
    yield "bzip2", upload_zip(("a.png", b"x" * 5000), compression=zipfile.ZIP_BZIP2)
    yield "lzma", upload_zip(("a.png", b"x" * 5000), compression=zipfile.ZIP_LZMA)
    yield "an unknown compression", _patched_headers(good, local=(8, 99), central=(10, 99))
    yield "deflated, it says", _patched_headers(good, local=(8, 8), central=(10, 8))
    deflated = upload_zip(("a.png", bytes(100_000)), compression=zipfile.ZIP_DEFLATED)
    yield "broken deflate stream", deflated.replace(bytes(20), b"\xff" * 20, 1)
    yield "other name in the local header", good.replace(b"0good bytes", b"7good bytes")


def _broken_directories(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "claims a huge directory", _patched_end(good, directory_bytes=0xFFFFFFF0)
    yield "directory far behind the end", _patched_end(good, directory_offset=0x7FFFFFFF)
    yield (
        "directory before the beginning",
        _patched_end(good, directory_offset=good_offset(good) + 9),
    )
    yield "no directory", _patched_end(good, directory_bytes=0)
    yield "members before the beginning", _shifted_members(good)
    # Of these places the system refuses the second, and Python the third.
    yield "a member behind the end", _member_at(good, len(good))
    yield "a member far behind the end", _member_at(good, 2**62)
    yield "a member at a place that is none", _member_at(good, 2**63)
    yield "the 64-bit form", _zip64(good)
    yield "20000 members", zip_of({str(number): b"" for number in range(20_000)}, [])
    if REFUSES_OVERLAPS:
        yield "a large compressed size", _with_large_compressed_size(good)


def _with_large_compressed_size(good: bytes) -> bytes:
    return _patched_headers(good, local=(18, 9999), central=(20, 9999))


def lying_but_readable_zips() -> Iterator[tuple[str, bytes]]:
    """Yield zips of the file `good.png` that tell untruths of which nothing depends."""
    good = upload_zip(("good.png", b"good bytes"))
    yield "claims 65535 members", _patched_end(good, entries=0xFFFF, entries_here=0xFFFF)
    yield "claims no members", _patched_end(good, entries=0, entries_here=0)
    if not REFUSES_OVERLAPS:
        yield "a large compressed size", _with_large_compressed_size(good)
    yield "bytes before it", b"#!/bin/sh\n" + good
    extra = {"0": b"good bytes", "1": b"not in the list", "../out.png": b"neither"}
    yield "members that are not in the list", zip_of(extra, [["good.png", "0"]])


def good_offset(good: bytes) -> int:
    """Return where the directory of a zip begins."""
    offset: int = struct.unpack_from("<L", good, len(good) - 22 + 16)[0]
    return offset


def bomb_by_one_member(size: int) -> bytes:
    """Return a small zip with one file of `size` bytes."""
    return upload_zip(("bomb.png", bytes(size)), compression=zipfile.ZIP_DEFLATED)


def bomb_by_many_members(size: int, number: int) -> bytes:
    """Return a small zip with many files of `size` bytes."""
    changes = [(f"bomb {one}.png", bytes(size)) for one in range(number)]
    return upload_zip(*changes, compression=zipfile.ZIP_DEFLATED)


def bomb_by_shared_member(size: int, number: int) -> bytes:
    """Return a small zip in which many names have the same member."""
    return zip_of(
        {"0": bytes(size)},
        [[f"bomb {one}.png", "0"] for one in range(number)],
        compression=zipfile.ZIP_DEFLATED,
    )


def lying_sizes(size: int) -> bytes:
    """Return a bomb whose headers say that its member expands to ten bytes."""
    bomb = bomb_by_one_member(size)
    return bomb.replace(struct.pack("<L", size), struct.pack("<L", 10))


def with_symbolic_link(target: str) -> bytes:
    """Return a zip whose member says that it is a symbolic link to `target`."""
    link = zipfile.ZipInfo("0")
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    return _zip_of_infos({link: target.encode()}, [["link.png", "0"]])


def with_climbing_members(targets: list[str]) -> bytes:
    """Return a zip whose members' own names climb out; one of them is the content of a good name."""
    members = dict.fromkeys(targets, b"climbed")
    return zip_of(members, [["good.png", targets[0]]])


def _zip_of_infos(members: dict[zipfile.ZipInfo, bytes], entries: list[list[str]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for info, content in members.items():
            archive.writestr(info, content)
        archive.writestr(META, json.dumps(entries))
    return target.getvalue()


def _duplicate_member() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        infos = {zipfile.ZipInfo("0"): b"one", zipfile.ZipInfo("0"): b"another"}
        return _zip_of_infos(infos, [["a.png", "0"]])


def _duplicate_list() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        infos = {zipfile.ZipInfo("0"): b"one", zipfile.ZipInfo(META): b"[]"}
        return _zip_of_infos(infos, [["a.png", "0"]])


def _with_comment(good: bytes) -> bytes:
    comment = b"a comment " + END_SIGNATURE
    return good[:-2] + struct.pack("<H", len(comment)) + comment


def _patched_headers(good: bytes, *, local: tuple[int, int], central: tuple[int, int]) -> bytes:
    """Write a 16-bit number into the headers of the first member."""
    data = bytearray(good)
    for signature, (offset, number) in ((LOCAL_SIGNATURE, local), (CENTRAL_SIGNATURE, central)):
        struct.pack_into("<H", data, data.index(signature) + offset, number)
    return bytes(data)


def _patched_end(good: bytes, **fields: int) -> bytes:
    names = ("disk", "directory_disk", "entries_here", "entries", "directory_bytes")
    layout = struct.Struct("<4s4H2LH")
    signature, *values, comment = layout.unpack(good[-22:])
    end = dict(zip((*names, "directory_offset"), values, strict=True)) | fields
    return good[:-22] + layout.pack(signature, *end.values(), comment)


def _shifted_members(good: bytes) -> bytes:
    data = bytearray(good)
    start = good_offset(good)
    # The directory says that it begins later than it does, so all positions become negative.
    struct.pack_into("<L", data, len(data) - 22 + 16, start + 5)
    return bytes(data)


def _member_at(good: bytes, offset: int) -> bytes:
    """Have the directory say, with the extra field for large zips, that the first member is there."""
    start = good_offset(good)
    size = len(good) - 22 - start
    names_end = start + 46 + struct.unpack_from("<H", good, start + 28)[0]
    extra = struct.pack("<HHQ", 1, 8, offset)
    data = bytearray(good[:names_end] + extra + good[names_end:])
    struct.pack_into("<H", data, start + 30, len(extra))
    struct.pack_into("<L", data, start + 42, 0xFFFFFFFF)
    return _patched_end(bytes(data), directory_bytes=size + len(extra))


def _zip64(good: bytes) -> bytes:
    body, end = good[:-22], good[-22:]
    start = good_offset(good)
    size = len(body) - start
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    return body + record + locator + end
