"""Values are counted before a body is decoded, in texts of every kind of JSON."""

import json
import random
from typing import Any

import pytest

from syncserver.protocol.value_count import SLICE_SIZE, holds_more_values

TRICKY = ["a", ",", "[", "{", '"', "\\", "\n", "\\\\", '\\"', "\x00", "🦉"]


def values_behind_punctuation(value: Any) -> int:
    """Count what follows a comma or an opening bracket, the slow way."""
    if not isinstance(value, list | dict):
        return 0
    inner = value if isinstance(value, list) else value.values()
    return max(1, len(value)) + sum(map(values_behind_punctuation, inner))


def some_json(rng: random.Random, depth: int) -> Any:
    text = "".join(rng.choices(TRICKY, k=rng.randrange(20)))
    if depth == 0 or rng.random() < 0.3:
        return rng.choice([text, rng.randrange(100), None])
    inner = [some_json(rng, depth - 1) for _ in range(rng.randrange(5))]
    return inner if rng.random() < 0.5 else {f"{text}{key}": one for key, one in enumerate(inner)}


@pytest.mark.parametrize("seed", range(40))
def test_texts_do_not_count_whatever_they_hold(seed: int) -> None:
    rng = random.Random(seed)
    value = [some_json(rng, 6) for _ in range(50)]
    body = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode()
    count = values_behind_punctuation(value)
    assert holds_more_values(body, count - 1)
    assert not holds_more_values(body, count)


@pytest.mark.parametrize("shift", range(8))
@pytest.mark.parametrize("text", ["\\", '"', '\\"', '"\\', "\\\\\\"])
def test_texts_do_not_count_at_the_border_of_two_slices_either(text: str, shift: int) -> None:
    around = "," * (SLICE_SIZE - 4 - shift) + text * 5 + "," * SLICE_SIZE
    body = json.dumps([around, around, [1, 2]]).encode()
    assert holds_more_values(body, 4)
    assert not holds_more_values(body, 5)


@pytest.mark.parametrize(
    "rubbish",
    [b"", b'"', b"\\", b'"\\', b"\\" * SLICE_SIZE * 3, b'\\"' * SLICE_SIZE, b'"' * SLICE_SIZE],
)
def test_what_is_no_json_gets_some_answer(rubbish: bytes) -> None:
    assert not holds_more_values(rubbish, 10)
    assert holds_more_values(rubbish, 10) or not holds_more_values(b"," * 11 + rubbish, 11)
    assert holds_more_values(b"," * 11 + rubbish, 10)
