"""The `data` column of cards, in the form to which the official server brings it.

It keeps what it knows, rounded, and drops the rest; a server may as well keep the text as it was
sent, since every client reads both the same (section 2.7 of the protocol facts).
"""

import json
from typing import Any

DECIMALS = {"s": 4, "d": 3, "dr": 2, "decay": 3}
WHOLE_NUMBERS = ("pos", "lrt")


def normal_card_data(text: str) -> dict[str, Any]:
    """Return the entries that clients read in a card's data."""
    try:
        data = json.loads(text)
        assert isinstance(data, dict)
        return {key: _normal(key, data[key]) for key in _known_keys(data)}
    except (ValueError, TypeError, AssertionError):
        return {}


def _known_keys(data: dict[str, Any]) -> list[str]:
    known = {*DECIMALS, *WHOLE_NUMBERS, "cd"}
    return [key for key, value in data.items() if key in known and value is not None]


def _normal(key: str, value: Any) -> Any:
    if key in DECIMALS:
        return round(value, DECIMALS[key])
    if key in WHOLE_NUMBERS and (not isinstance(value, int) or value < 0):
        raise TypeError(f"{key} is no whole number")
    return value
