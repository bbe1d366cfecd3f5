"""The two sides of a card as a program shows them: HTML, CSS, and what is to be played."""

from collections.abc import Sequence
from typing import Literal

from anki.cards import Card
from anki.sound import SoundOrVideoTag, TTSTag

from syncserver.rest.models import Document


class Sound(Document):
    """A media file to be played."""

    kind: Literal["file"] = "file"
    file: str


class Speech(Document):
    """A text to be spoken by a voice of the device."""

    kind: Literal["speech"] = "speech"
    text: str
    language: str
    voices: list[str]
    speed: float


class Side(Document):
    """One side of a card.

    The HTML is what people wrote, scripts and all. `[anki:play:q:0]` in it is where the first of
    `audio` belongs (`q` on the question's side, `a` on the answer's).
    """

    html: str
    audio: list[Sound | Speech]


class Rendering(Document):
    """A card with its fields filled in; media are referred to by their plain names."""

    question: Side
    answer: Side
    css: str
    autoplay: bool


def rendering_of(card: Card) -> Rendering:
    """Return both sides of a card."""
    output = card.render_output()
    return Rendering(
        question=Side(html=output.question_text, audio=_audio(output.question_av_tags)),
        answer=Side(html=output.answer_text, audio=_audio(output.answer_av_tags)),
        css=output.css,
        autoplay=bool(card.autoplay()),
    )


def _audio(tags: Sequence[SoundOrVideoTag | TTSTag]) -> list[Sound | Speech]:
    return [_sound(tag) for tag in tags]


def _sound(tag: SoundOrVideoTag | TTSTag) -> Sound | Speech:
    if isinstance(tag, SoundOrVideoTag):
        return Sound(file=tag.filename)
    return Speech(text=tag.field_text, language=tag.lang, voices=tag.voices, speed=tag.speed)
