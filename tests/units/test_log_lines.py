"""Lines of the log in the text format: a word for each value, and nobody can fake a second line."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from syncserver import events


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    configured = structlog.get_config()
    stream = io.StringIO()
    events.configure_logging("INFO", "text", stream)
    # Others may have left those of their last request.
    fields = events.request_fields.set({})
    yield stream
    events.request_fields.reset(fields)
    structlog.configure(**configured)


def shown(log: io.StringIO, value: object) -> str:
    structlog.get_logger().info("event", before="a", value=value, after="b")
    return log.getvalue().partition(" value=")[2].removesuffix(" after=b\n")


@pytest.mark.parametrize(
    "value", ["plain", "26.09.3,29bb700b,linux", 5, 0.1, True, None, "a:b/c%20d"]
)
def test_a_plain_word_is_shown_as_it_is(log: io.StringIO, value: object) -> None:
    assert shown(log, value) == str(value)


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "two words", 'a"b', "a=b", "a\\b", "åsa and bo", "a\tb", "a\x7fb"),
        *("first\nevent", "first\n", "\nlast", "\n", "a\x1fb", "\u2028"),
    ],
)
def test_any_other_one_is_quoted_and_stays_on_its_line(log: io.StringIO, value: str) -> None:
    word = shown(log, value)
    assert json.loads(word) == value
    assert log.getvalue().count("\n") == 1
    assert word.isprintable()


def test_letters_of_other_languages_need_no_quotes(log: io.StringIO) -> None:
    assert shown(log, "åsa") == "åsa"


def test_a_line_begins_with_time_level_and_event(log: io.StringIO) -> None:
    structlog.get_logger().exception("odd", request_id="1")
    words = [word.partition("=") for word in log.getvalue().splitlines()[0].split()]
    assert [name for name, _, _ in words] == ["timestamp", "level", "event", "request_id"]
    assert [value for _, _, value in words][1:] == ["error", "odd", "1"]
    assert words[0][2].endswith("Z")
