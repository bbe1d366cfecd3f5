import pytest

from syncserver.errors import BadRequest
from syncserver.media.names import MAX_NAME_BYTES, check_name, is_possible_name
from tests.support.hostile_zips import IMPOSSIBLE_NAMES, ODD_NAMES


@pytest.mark.parametrize("name", IMPOSSIBLE_NAMES.values(), ids=IMPOSSIBLE_NAMES.keys())
def test_what_is_not_one_plain_entry_of_a_folder_is_refused(name: str) -> None:
    assert not is_possible_name(name)
    with pytest.raises(BadRequest) as refusal:
        check_name(name)
    assert refusal.value.public_text == "A media file has an impossible name."


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_that_stay_in_the_folder_are_taken_as_they_are(name: str) -> None:
    assert check_name(name) == name
    assert is_possible_name(name)


@pytest.mark.parametrize("letter", ["x", "é", "日", "🦉"])
def test_the_length_counts_in_bytes(letter: str) -> None:
    size = len(letter.encode())
    longest = letter * (MAX_NAME_BYTES // size)
    assert is_possible_name(longest)
    assert not is_possible_name(longest + letter)


@pytest.mark.parametrize("name", ["\ud800.png", "a\udfff"])
def test_what_no_file_name_in_utf_8_can_be_is_refused(name: str) -> None:
    assert not is_possible_name(name)


def test_only_normal_form_c_is_taken_since_clients_use_no_other() -> None:
    assert is_possible_name("Zo\u00eb.png")
    assert not is_possible_name("Zoe\u0308.png")
    assert is_possible_name("\ufb01.png"), "a compatibility character has no other form C"
