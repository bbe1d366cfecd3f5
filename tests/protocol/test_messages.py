"""Shapes of messages: what is taken, what is refused, and what comes out as it went in."""

import json
from typing import Any

import msgspec
import pytest

from syncserver.errors import BadRequest, BodyTooLarge
from syncserver.protocol import messages
from syncserver.protocol.messages import MAX_VALUES, decode, encode

CARD = [1, 2, 3, 0, 5, 6, 0, -3, 8, 9, 2500, 0, 0, 0, 0, 0, 0, "{}"]
NOTE = [1, "guid", 3, 4, 5, " tag ", "a\x1fb", "", "", 0, ""]
REVIEW = [1, 2, 3, 4, -600, 0, 2500, 1000, 0]


def decoded(payload: object, shape: type[Any]) -> Any:
    return decode(json.dumps(payload).encode(), shape)


def test_a_message_of_every_method_is_read() -> None:
    login = decoded({"u": "name", "p": "word"}, messages.LoginRequest)
    assert (login.u, login.p) == ("name", "word")
    assert decoded({"v": 11, "cv": "26.9"}, messages.MetaRequest).v == 11
    start = decoded({"minUsn": -1, "lnewer": False}, messages.StartRequest)
    assert (start.minUsn, start.lnewer, start.graves) == (-1, False, None)
    graves = {"cards": [1], "decks": [2], "notes": [3, 4]}
    assert decoded({"chunk": graves}, messages.ApplyGravesRequest).chunk.notes == [3, 4]
    changes = {"models": [{"id": 1}], "decks": [[{"id": 2}], []], "tags": ["t"]}
    sent = decoded({"changes": changes}, messages.ApplyChangesRequest).changes
    assert (sent.models, sent.decks[0], sent.conf, sent.crt) == (
        [{"id": 1}],
        [{"id": 2}],
        None,
        None,
    )
    counts = [[1, 2, 3], 4, 5, 6, 7, 8, 9, 10]
    client = decoded({"client": counts}, messages.SanityCheckRequest).client
    assert (client.cards, client.deck_options) == (4, 10)


def test_a_chunk_may_lack_what_it_does_not_hold() -> None:
    chunk = decoded({"chunk": {}}, messages.ApplyChunkRequest).chunk
    assert (chunk.done, chunk.revlog, chunk.cards, chunk.notes) == (False, [], [], [])
    rows = {"done": True, "revlog": [REVIEW], "cards": [CARD], "notes": [NOTE]}
    chunk = decoded({"chunk": rows}, messages.ApplyChunkRequest).chunk
    assert [list(row) for row in (*chunk.revlog, *chunk.cards, *chunk.notes)] == [
        REVIEW,
        CARD,
        NOTE,
    ]


def test_ids_of_deletions_may_be_texts_at_start_and_nowhere_else() -> None:
    graves = {"cards": ["1"], "decks": [], "notes": ["-5"]}
    start = decoded({"minUsn": 0, "lnewer": True, "graves": graves}, messages.StartRequest)
    assert (start.graves.cards, start.graves.notes) == ([1], [-5])
    with pytest.raises(BadRequest):
        decoded({"chunk": graves}, messages.ApplyGravesRequest)


@pytest.mark.parametrize("position", [4, 8, 9, 14], ids=["mod", "due", "ivl", "odue"])
def test_columns_that_old_clients_compute_may_be_fractions(position: int) -> None:
    row = [*CARD[:position], 12.75, *CARD[position + 1 :]]
    assert decoded({"chunk": {"cards": [row]}}, messages.ApplyChunkRequest).chunk.cards


@pytest.mark.parametrize("position", [0, 1, 2, 3, 5, 6, 7, 10, 11, 12, 13, 15, 16])
def test_other_columns_may_not(position: int) -> None:
    row = [*CARD[:position], 0.5, *CARD[position + 1 :]]
    with pytest.raises(BadRequest):
        decoded({"chunk": {"cards": [row]}}, messages.ApplyChunkRequest)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'{"v":NaN,"cv":""}',
        b'{"v":1e999,"cv":""}',
        b'{"v":11,"cv":"\xff"}',
        b'{"v":11,"cv":"\\ud800"}',
        b'{"v":11,"cv":"\\udc00\\ud800"}',
        b'{"v":11,"cv":"a\nb"}',
        b'{"v":11,"cv":""} x',
        b'{"v":011,"cv":""}',
        b"[" * 100_000,
        b'{"v":' * 100_000,
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(body, messages.MetaRequest)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(BadRequest) as refusal:
        decoded({"u": "name", "p": ["a password"]}, messages.LoginRequest)
    assert "a password" not in f"{refusal.value.public_text} {refusal.value.cause}"
    assert "$.p" in str(refusal.value.cause), "the log says where it is wrong"


def test_texts_come_out_as_they_went_in() -> None:
    text = '\x00 \x1f \x7f \u0085 e\u0301 \ufb01 \u2028 🦉 \\ " / \ufeff'
    note = [*NOTE[:6], text, *NOTE[7:]]
    chunk = decoded({"chunk": {"notes": [note]}}, messages.ApplyChunkRequest).chunk
    assert chunk.notes[0][6] == text
    assert json.loads(encode({"flds": text})) == {"flds": text}


def test_messages_are_encoded_as_clients_expect_them() -> None:
    assert encode(None) == b"null"
    assert encode(1_795_000_000_000) == b"1795000000000"
    assert encode(messages.Graves(cards=[1], decks=[], notes=[2])) == (
        b'{"cards":[1],"decks":[],"notes":[2]}'
    )
    counts = messages.SanityCounts([0, 0, 0], 1, 2, 3, 0, 4, 5, 6)
    assert encode(counts) == b"[[0,0,0],1,2,3,0,4,5,6]"
    assert encode({"models": [msgspec.Raw(b'{"id":1}')]}) == b'{"models":[{"id":1}]}'


def test_numbers_beyond_64_bits_in_settings_are_kept() -> None:
    conf = {"a": 10**30, "b": -(10**30), "c": 1.5}
    changes = {"models": [], "decks": [[], []], "tags": [], "conf": conf}
    sent = decoded({"changes": changes}, messages.ApplyChangesRequest).changes
    assert json.loads(encode(sent.conf)) == conf


# How many values


@pytest.mark.parametrize(
    "value",
    [b"0", b"[]", b"{}", b'""', b'{"a":1}'],
    ids=["numbers", "lists", "objects", "texts", "keys"],
)
def test_more_values_than_a_message_may_hold_are_refused_before_they_are_made(
    value: bytes,
) -> None:
    body = b'{"chunk":{},"unknown":[' + b",".join([value] * MAX_VALUES) + b"]}"
    with pytest.raises(BodyTooLarge):
        decode(body, messages.ApplyChunkRequest)


def test_as_many_deletions_as_a_message_may_hold_are_taken() -> None:
    ids = b",".join([b"1"] * (MAX_VALUES - 10))
    body = b'{"chunk":{"cards":[' + ids + b'],"decks":[],"notes":[]}}'
    assert len(decode(body, messages.ApplyGravesRequest).chunk.cards) == MAX_VALUES - 10


@pytest.mark.parametrize("text", [",", "[{,", "\\,", '",', '\\\\",[', "\n,"])
def test_texts_may_hold_as_many_commas_as_they_like(text: str) -> None:
    note = [*NOTE[:6], text * MAX_VALUES, *NOTE[7:]]
    chunk = decoded({"chunk": {"notes": [note, note]}}, messages.ApplyChunkRequest).chunk
    assert chunk.notes[1][6] == text * MAX_VALUES
