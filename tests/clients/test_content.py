"""Every kind of text arrives as it was typed, however much of it there is."""

import pytest

from tests.conftest import AllSidesAgree
from tests.support.device import NO_CHANGES, Device

MANY = 1100
MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "front",
    [
        pytest.param("42", id="an integer"),
        pytest.param(" 007", id="a number with zeros and a space"),
        pytest.param("1.50", id="a decimal number"),
        pytest.param("1e3", id="a number with an exponent"),
        pytest.param("9223372036854775808", id="a number too big for 64 bits"),
        pytest.param("٤٢", id="Arabic digits"),
        pytest.param("<b>bold</b> &amp; <i>italic</i>&nbsp;x", id="HTML with entities"),
        pytest.param("R&D &bogus; <br>", id="HTML with a bare ampersand"),
        pytest.param('<img src="café 1.jpg"> and [sound:ä.mp3]', id="media tags"),
        pytest.param("<!-- hidden --><style>b{}</style>shown<script>1</script>", id="scripts"),
        pytest.param("🦉👩‍👩‍👧‍👦 e\u0301 \U0001f1eb\U0001f1f7", id="emoji and combining marks"),
        pytest.param("בְּרֵאשִׁית בָּרָא", id="right to left"),
        pytest.param("line one\nline two\twith a tab", id="line breaks and tabs"),
        pytest.param("\u3000wide\u200bspace\ufeff", id="invisible characters"),
        pytest.param(r"\(x^2\) \[\frac{a}{b}\] {{not a field}}", id="formulas and braces"),
        pytest.param("'); drop table notes; --\"", id="SQL"),
    ],
)
def test_a_field_arrives_as_it_was_typed(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree, front: str
) -> None:
    note = laptop.add_note(front, f"back of {front}")
    stored = laptop.fields(note)
    all_sides_agree(laptop, phone)
    assert phone.fields(note) == stored
    assert stored[1].startswith("back of ")


def test_cloze_cards_arrive_with_all_their_gaps(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    text = "{{c1::Paris}} lies on the {{c2::Seine::river}} in {{c3::France}}"
    note = laptop.add_note(text, "", notetype="Cloze")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert len(phone.cards_of(note)) == 3
    phone.edit_note(note, text + " {{c4::🇫🇷}}")
    all_sides_agree(phone, laptop)
    assert [laptop.col.get_card(card).ord for card in laptop.cards_of(note)] == [0, 1, 2, 3]


def test_a_field_of_a_megabyte_goes_both_ways(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = laptop.add_note("long", "ü" * MEGABYTE)
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert phone.fields(note)[1] == "ü" * MEGABYTE
    phone.edit_note(note, "long", "🦉" * (MEGABYTE // 4) + "the end")
    all_sides_agree(phone, laptop)
    assert laptop.fields(note)[1].endswith("🦉the end")


def test_more_than_a_thousand_changed_objects_go_both_ways(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    notes = laptop.add_notes([(f"front {number}", f"{number}") for number in range(MANY)])
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert phone.col.note_count() == MANY + 3
    phone.col.tags.bulk_add(notes, "changed")
    phone.col.set_user_flag_for_cards(2, list(phone.col.find_cards("tag:changed")))
    all_sides_agree(phone, laptop)
    assert len(laptop.col.find_cards("tag:changed flag:2")) == MANY
    assert laptop.col.get_note(notes[-1]).fields[1] == f"{MANY - 1}"


@pytest.mark.parametrize("changed", [124, 125, 126, 249, 250, 251])
def test_no_row_is_lost_where_one_chunk_ends_and_the_next_begins(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree, changed: int
) -> None:
    laptop.add_notes([(f"front {number}", "") for number in range(changed)])
    all_sides_agree(laptop, phone)
    assert phone.col.note_count() == changed + 3
    assert phone.col.card_count() == changed + 3


def test_many_decks_and_long_names_arrive(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    names = [f"Deck {number}::{'ß' * 100} 🦉 'quoted' \"twice\"" for number in range(20)]
    for name in names:
        laptop.add_deck(name)
    all_sides_agree(laptop, phone)
    assert set(laptop.deck_names()) == set(phone.deck_names())
    assert len(phone.deck_names()) == 41
