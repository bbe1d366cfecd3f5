"""The parameters of the actions that change notetypes."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from syncserver.rest.ankiconnect.actions import Params, Part
from syncserver.rest.ankiconnect.notetypes import OneModel

Index = Annotated[int, Field(ge=0)]


class Template(Part):
    """A template: its name and its two sides."""

    Name: str | None = None
    Front: str
    Back: str


class NewModel(OneModel):
    """A new notetype."""

    inOrderFields: list[str] = Field(min_length=1)  # noqa: N815 - the add-on's spelling
    cardTemplates: list[Template] = Field(min_length=1)  # noqa: N815
    css: str | None = None
    isCloze: bool = False  # noqa: N815


class Templates(Part):
    """A notetype, and new texts for sides of its templates; what is not named stays."""

    name: str
    templates: dict[str, dict[str, str]]


class NewTemplates(Params):
    """New texts for templates."""

    model: Templates


class Styling(Part):
    """A notetype and its CSS."""

    name: str
    css: str


class NewStyling(Params):
    """New CSS."""

    model: Styling


class ReplaceInModels(Params):
    """A text and what takes its place in one notetype, or in all, and where.

    Documented as an object `model`; newer versions of the add-on take its parts by themselves.
    """

    modelName: str = ""  # noqa: N815 - the add-on's spelling
    findText: str = Field(min_length=1)  # noqa: N815
    replaceText: str  # noqa: N815
    front: bool = True
    back: bool = True
    css: bool = True

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("model"), dict):
            return given["model"]
        return given


class OneTemplate(OneModel):
    """A template of a notetype."""

    templateName: str  # noqa: N815 - the add-on's spelling


class TemplateRename(OneModel):
    """A template and its new name."""

    oldTemplateName: str  # noqa: N815 - the add-on's spelling
    newTemplateName: str  # noqa: N815


class TemplateMove(OneTemplate):
    """A template and its new place, from 0 on."""

    index: Index


class TemplateAddition(OneModel):
    """A new template."""

    template: Template


class OneField(OneModel):
    """A field of a notetype."""

    fieldName: str  # noqa: N815 - the add-on's spelling


class FieldRename(OneModel):
    """A field and its new name."""

    oldFieldName: str  # noqa: N815 - the add-on's spelling
    newFieldName: str  # noqa: N815


class FieldMove(OneField):
    """A field and its new place, from 0 on."""

    index: Index


class FieldAddition(OneField):
    """A new field, and its place if it is not the last one."""

    index: Index | None = None


class FieldFont(OneField):
    """A field and the font that an editor shows it in."""

    font: str


class FieldFontSize(OneField):
    """A field and the size of its font."""

    fontSize: int = Field(ge=1, le=1000)  # noqa: N815 - the add-on's spelling


class FieldDescription(OneField):
    """A field and what an editor shows in it while it is empty."""

    description: str
