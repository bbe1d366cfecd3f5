"""Actions that look at notetypes, which AnkiConnect calls models."""

import re
from typing import Any, Final

from anki.collection import Collection
from anki.models import NotetypeDict, NotetypeId

from syncserver.rest.ankiconnect.actions import Actions, Id, Params
from syncserver.rest.ankiconnect.finding import notetype_named
from syncserver.rest.problems import NotFound

actions: Final = Actions()

# What stands in a template for a field, with filters in front of its name.
PLACE: Final = re.compile(r"\{\{([^#^/}][^}]*)\}\}")


class OneModel(Params):
    """A notetype by its name."""

    modelName: str  # noqa: N815 - the add-on's spelling


class ModelById(Params):
    """A notetype by its id."""

    modelId: Id  # noqa: N815 - the add-on's spelling


class ModelsById(Params):
    """Notetypes by their ids."""

    modelIds: list[Id]  # noqa: N815 - the add-on's spelling


class ModelsByName(Params):
    """Notetypes by their names."""

    modelNames: list[str]  # noqa: N815 - the add-on's spelling


@actions.add("modelNames")
def model_names(collection: Collection) -> list[str]:
    """Return the names of all notetypes."""
    return [notetype.name for notetype in collection.models.all_names_and_ids()]


@actions.add("modelNamesAndIds")
def model_names_and_ids(collection: Collection) -> dict[str, int]:
    """Return the ids of all notetypes by their names."""
    return {notetype.name: notetype.id for notetype in collection.models.all_names_and_ids()}


@actions.add("modelNameFromId")
def model_name_from_id(collection: Collection, params: ModelById) -> str:
    """Return the name of a notetype."""
    return str(_notetype_of(collection, params.modelId)["name"])


@actions.add("findModelsById")
def find_models_by_id(collection: Collection, params: ModelsById) -> list[NotetypeDict]:
    """Return notetypes with all that belongs to them."""
    return [_notetype_of(collection, notetype_id) for notetype_id in params.modelIds]


@actions.add("findModelsByName")
def find_models_by_name(collection: Collection, params: ModelsByName) -> list[NotetypeDict]:
    """Return notetypes with all that belongs to them."""
    return [notetype_named(collection, name) for name in params.modelNames]


@actions.add("modelFieldNames")
def model_field_names(collection: Collection, params: OneModel) -> list[str]:
    """Return the names of a notetype's fields."""
    return _of_fields(collection, params, "name")


@actions.add("modelFieldDescriptions")
def model_field_descriptions(collection: Collection, params: OneModel) -> list[str]:
    """Return what an editor shows in each field while it is empty."""
    return _of_fields(collection, params, "description")


@actions.add("modelFieldFonts")
def model_field_fonts(collection: Collection, params: OneModel) -> dict[str, dict[str, Any]]:
    """Return the font and its size for each field."""
    fields = notetype_named(collection, params.modelName)["flds"]
    return {field["name"]: {"font": field["font"], "size": field["size"]} for field in fields}


@actions.add("modelFieldsOnTemplates")
def model_fields_on_templates(
    collection: Collection, params: OneModel
) -> dict[str, list[list[str]]]:
    """Return which fields are on the front and on the back of each template."""
    notetype = notetype_named(collection, params.modelName)
    names = [field["name"] for field in notetype["flds"]]
    return {
        template["name"]: [_shown(template["qfmt"], names), _shown(template["afmt"], names)]
        for template in notetype["tmpls"]
    }


@actions.add("modelTemplates")
def model_templates(collection: Collection, params: OneModel) -> dict[str, dict[str, str]]:
    """Return the front and the back of each template."""
    notetype = notetype_named(collection, params.modelName)
    return {
        template["name"]: {"Front": template["qfmt"], "Back": template["afmt"]}
        for template in notetype["tmpls"]
    }


@actions.add("modelStyling")
def model_styling(collection: Collection, params: OneModel) -> dict[str, str]:
    """Return the CSS of a notetype."""
    return {"css": notetype_named(collection, params.modelName)["css"]}


def _notetype_of(collection: Collection, notetype_id: int) -> NotetypeDict:
    notetype = collection.models.get(NotetypeId(notetype_id))
    if notetype is None:
        raise NotFound(f"model was not found: {notetype_id}")
    return notetype


def _of_fields(collection: Collection, params: OneModel, key: str) -> list[str]:
    notetype = notetype_named(collection, params.modelName)
    return [field.get(key, "") for field in notetype["flds"]]


def _shown(template: str, names: list[str]) -> list[str]:
    """Return the names of the fields in a template, each once, in its order."""
    places = [place.rpartition(":")[2].strip() for place in PLACE.findall(template)]
    return [name for name in dict.fromkeys(places) if name in names]
