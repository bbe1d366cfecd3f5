"""How much is taken and given at once, and what people are told when it is too much."""

import os
from contextlib import closing

import pytest
from anki.errors import BackendError

from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.media_client import MediaClient, compressed_pieces
from tests.support.media_connection import MediaConnection
from tests.support.media_device import (
    delete_media,
    media_of,
    sha1,
    sync_media,
    write_media,
)
from tests.support.media_server import MediaServer
from tests.support.media_zip import upload_zip

MEGABYTE = 1_000_000
OPTIONS = {
    "max_media_file_bytes": 5 * MEGABYTE,
    "max_media_zip_bytes": 45 * MEGABYTE,
    "media_quota": 60 * MEGABYTE,
}
REPLY_BYTES = 32 * 1024 * 1024


def files(number: int, size: int) -> list[tuple[str, bytes]]:
    return [(f"{one}.png", os.urandom(size)) for one in range(number)]


def test_a_hundred_files_go_up_and_down_in_one_request_each(client: MediaClient) -> None:
    changes = files(100, 10_000)
    assert client.upload(*changes) == (100, 100)
    assert client.download([name for name, _ in changes]) == changes


def test_a_thousand_entries_in_one_upload_are_taken(client: MediaClient) -> None:
    assert client.upload(*files(1000, 10)) == (1000, 1000)
    assert len(client.changes()) == 1000
    assert client.sanity(1000) == "OK"


def test_a_download_is_a_prefix_of_what_was_asked_for_in_that_order(client: MediaClient) -> None:
    changes = files(14, 4 * MEGABYTE)
    client.upload(*changes[:10])
    client.upload(*changes[10:])
    asked = [changes[number] for number in (13, 2, 7, 0, 1, 3, 4, 5, 6, 8, 9, 10, 11, 12)]
    got = client.download([name for name, _ in asked])
    assert got == asked[: len(got)]
    # The file that crosses the limit is the last one.
    assert sum(len(content) for _, content in got) > REPLY_BYTES
    assert sum(len(content) for _, content in got[:-1]) <= REPLY_BYTES


def test_asking_on_for_the_rest_gives_every_file_once(client: MediaClient) -> None:
    changes = dict(files(250, 100))
    client.upload(*changes.items())
    left = list(changes)
    # Each file of a reply is open while it is sent, so there is a limit to their number, too.
    for number in (100, 100, 50):
        got = client.download(left)
        assert got == [(name, changes[name]) for name in left[:number]]
        del left[:number]


def test_one_name_that_is_not_there_refuses_the_whole_request(client: MediaClient) -> None:
    client.upload(("a.png", b"a"), ("deleted.png", b"b"))
    client.upload(("deleted.png", None))
    for name in ("unknown.png", "deleted.png"):
        assert client.call("downloadFiles", {"files": ["a.png", name]}).status == 409


def test_each_of_several_entries_for_a_name_has_a_usn_of_its_own(
    client: MediaClient, server: MediaServer, account: Account
) -> None:
    changes = [("a", b"1"), ("b", b"1"), ("a", b"2"), ("a", None), ("b", b"1"), ("a", b"3")]
    assert client.upload(*changes) == (6, 5)
    assert client.changes() == [("b", 2, sha1(b"1")), ("a", 5, sha1(b"3"))]
    server.assert_clean(account)


def test_what_changes_nothing_is_processed_without_a_new_usn(client: MediaClient) -> None:
    assert client.upload(("a", b"1"), ("b", b"2")) == (2, 2)
    before = client.changes()
    assert client.upload(("a", b"1"), ("never there", None), ("b", b"2")) == (3, 2)
    assert client.upload(("b", None)) == (1, 3)
    assert client.upload(("b", None), ("a", b"1")) == (2, 3)
    assert client.changes() == [before[0], ("b", 3, "")]


def test_a_file_over_the_limit_is_refused_with_its_name_and_the_limit(
    client: MediaClient, server: MediaServer, account: Account
) -> None:
    allowed = ("film & <music>.mkv", bytes(5 * MEGABYTE))
    refusal = client.refused_upload(("a.png", b"a"), (allowed[0], allowed[1] + b"x"))
    assert refusal == (
        "The media file film &amp; &lt;music&gt;.mkv is larger than this server accepts (5 MB)."
        " Please make it smaller or remove it, or ask whoever runs the server to raise"
        " max_media_file_bytes."
    )
    assert client.begin() == 0
    assert client.upload(allowed) == (1, 1)
    server.assert_clean(account)


def test_an_upload_over_the_limit_is_refused_with_the_limit(
    client: MediaClient, server: MediaServer, account: Account
) -> None:
    refusal = client.refused_upload(*files(10, 4_600_000))
    assert refusal == (
        "This upload of media is larger than this server accepts (45 MB). Please ask whoever runs"
        " the server to raise max_media_zip_bytes."
    )
    assert client.begin() == 0
    server.assert_clean(account)


def test_the_quota_counts_what_would_be_there_afterwards(
    client: MediaClient, server: MediaServer, account: Account
) -> None:
    four = 4 * MEGABYTE
    client.upload(*files(10, four))
    client.upload(*((f"more {name}", content) for name, content in files(5, four)))
    refusal = client.refused_upload(("one more.png", b"x"))
    assert refusal == (
        "Your media would take more than the 60 MB that this server allows. Please remove some"
        " files, or ask whoever runs the server for more room."
    )
    assert client.begin() == 15
    # Smaller content, a deletion and an addition that it makes room for are welcome.
    assert client.upload(("0.png", os.urandom(four - 10)))[1] == 16
    assert client.upload(("1.png", None), ("one more.png", os.urandom(four)))[1] == 18
    server.assert_clean(account)


def test_what_was_refused_takes_no_room_in_the_store_of_shared_bytes(
    client: MediaClient, server: MediaServer
) -> None:
    before = server.shared()
    client.refused_upload(("a.png", os.urandom(1000)), ("b.png", bytes(5 * MEGABYTE + 1)))
    assert server.shared() == before


def test_whoever_sends_too_much_may_finish_and_is_answered_then(client: MediaClient) -> None:
    """A client that is hung up on while it sends cannot be told why."""
    with closing(MediaConnection(client, "uploadChanges")) as connection:
        for piece in compressed_pieces(os.urandom(90 * MEGABYTE), 256 * 1024):
            connection.piece(piece)
        connection.end()
        assert connection.first_bytes_of_answer().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (6 * MEGABYTE, "large.png is larger than this server accepts (5 MB)"),
        (75 * MEGABYTE, "larger than this server accepts (45 MB)"),
    ],
)
def test_people_are_shown_why_a_file_was_refused_and_go_on_without_it(
    device: Device, server: MediaServer, account: Account, size: int, sentence: str
) -> None:
    write_media(device, "large.png", os.urandom(size))
    write_media(device, "small.png", b"small")
    with pytest.raises(BackendError) as shown:
        sync_media(device)
    assert sentence in str(shown.value)
    delete_media(device, "large.png")
    sync_media(device)
    assert server.files(account) == media_of(device) == {"small.png": sha1(b"small")}


def test_people_are_shown_that_their_media_take_too_much_room(
    device: Device, server: MediaServer, account: Account
) -> None:
    for number in range(15):
        write_media(device, f"{number}.png", os.urandom(4_100_000))
    with pytest.raises(BackendError) as shown:
        sync_media(device)
    assert "Your media would take more than the 60 MB that this server allows" in str(shown.value)
    delete_media(device, "3.png")
    sync_media(device)
    assert server.files(account) == media_of(device)
    server.assert_clean(account)


def test_an_upload_without_entries_changes_nothing(client: MediaClient) -> None:
    assert client.upload() == (0, 0)
    assert client.upload_zip(upload_zip()) == (0, 0)
    assert client.download([]) == []
