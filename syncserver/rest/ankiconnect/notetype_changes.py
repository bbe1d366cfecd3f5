"""Actions that change notetypes.

Names, texts, styling and new notetypes reach devices like any other change. To add, remove or move
fields or templates forces every device into a full sync; libanki knows which change does, and it is
refused unless the option ankiconnect_schema_changes allows it.
"""

from copy import deepcopy
from typing import Any, Final

from anki.collection import Collection
from anki.consts import MODEL_CLOZE
from anki.models import FieldDict, NotetypeDict, NotetypeId, TemplateDict

from syncserver.accounts.scopes import Scope
from syncserver.rest.ankiconnect import notetype_params as given
from syncserver.rest.ankiconnect.actions import Actions
from syncserver.rest.ankiconnect.finding import notetype_named
from syncserver.rest.problems import Conflict, NotFound

actions: Final = Actions()

SIDES: Final = {"Front": "qfmt", "Back": "afmt"}


@actions.add("createModel", scope=Scope.WRITE)
def create_model(collection: Collection, params: given.NewModel) -> NotetypeDict:
    """Add a notetype, and return it."""
    models = collection.models
    if models.by_name(params.modelName) is not None:
        raise Conflict("Model name already exists")
    notetype = models.new(params.modelName)
    if params.isCloze:
        notetype["type"] = MODEL_CLOZE
    if params.css is not None:
        notetype["css"] = params.css
    notetype["flds"] = [models.new_field(name) for name in params.inOrderFields]
    notetype["tmpls"] = [
        _new_template(collection, template, number)
        for number, template in enumerate(params.cardTemplates, 1)
    ]
    added = models.add_dict(notetype)
    return _stored(collection, NotetypeId(added.id))


@actions.add("updateModelTemplates", scope=Scope.WRITE)
def update_model_templates(collection: Collection, params: given.NewTemplates) -> None:
    """Set sides of templates; templates that do not exist are left out."""
    notetype = _copy_of(collection, params.model.name)
    for template in notetype["tmpls"]:
        for side, text in params.model.templates.get(template["name"], {}).items():
            if side in SIDES:
                template[SIDES[side]] = text
    collection.models.update_dict(notetype)


@actions.add("updateModelStyling", scope=Scope.WRITE)
def update_model_styling(collection: Collection, params: given.NewStyling) -> None:
    """Set the CSS of a notetype."""
    notetype = _copy_of(collection, params.model.name)
    notetype["css"] = params.model.css
    collection.models.update_dict(notetype)


@actions.add("findAndReplaceInModels", scope=Scope.WRITE)
def find_and_replace_in_models(collection: Collection, params: given.ReplaceInModels) -> int:
    """Replace a text in notetypes, and return in how many of them it was."""
    wanted = params.modelName
    notetypes = [_copy_of(collection, wanted)] if wanted else deepcopy(collection.models.all())
    changed = [one for one in notetypes if _replace(one, params)]
    for notetype in changed:
        collection.models.update_dict(notetype)
    return len(changed)


@actions.add("modelTemplateRename", scope=Scope.WRITE)
def model_template_rename(collection: Collection, params: given.TemplateRename) -> None:
    """Rename a template."""
    notetype = _copy_of(collection, params.modelName)
    _template(notetype, params.oldTemplateName)["name"] = params.newTemplateName
    collection.models.update_dict(notetype)


@actions.add("modelTemplateReposition", scope=Scope.WRITE)
def model_template_reposition(collection: Collection, params: given.TemplateMove) -> None:
    """Move a template."""
    notetype = _copy_of(collection, params.modelName)
    template = _template(notetype, params.templateName)
    place = min(params.index, len(notetype["tmpls"]) - 1)
    collection.models.reposition_template(notetype, template, place)
    collection.models.update_dict(notetype)


@actions.add("modelTemplateAdd", scope=Scope.WRITE)
def model_template_add(collection: Collection, params: given.TemplateAddition) -> None:
    """Add a template, or change the one that has its name."""
    notetype = _copy_of(collection, params.modelName)
    new = _new_template(collection, params.template, len(notetype["tmpls"]) + 1)
    existing = [one for one in notetype["tmpls"] if one["name"] == new["name"]]
    if existing:
        existing[0].update({key: new[key] for key in SIDES.values()})
    else:
        collection.models.add_template(notetype, new)
    collection.models.update_dict(notetype)


@actions.add("modelTemplateRemove", scope=Scope.WRITE)
def model_template_remove(collection: Collection, params: given.OneTemplate) -> None:
    """Remove a template with its cards."""
    notetype = _copy_of(collection, params.modelName)
    template = _template(notetype, params.templateName)
    if len(notetype["tmpls"]) == 1:
        raise Conflict("the only template of a notetype cannot be removed")
    collection.models.remove_template(notetype, template)
    collection.models.update_dict(notetype)


@actions.add("modelFieldRename", scope=Scope.WRITE)
def model_field_rename(collection: Collection, params: given.FieldRename) -> None:
    """Rename a field, in templates too."""
    notetype = _copy_of(collection, params.modelName)
    field = _field(notetype, params.oldFieldName)
    collection.models.rename_field(notetype, field, params.newFieldName)
    collection.models.update_dict(notetype)


@actions.add("modelFieldReposition", scope=Scope.WRITE)
def model_field_reposition(collection: Collection, params: given.FieldMove) -> None:
    """Move a field."""
    notetype = _copy_of(collection, params.modelName)
    _move_field(collection, notetype, _field(notetype, params.fieldName), params.index)
    collection.models.update_dict(notetype)


@actions.add("modelFieldAdd", scope=Scope.WRITE)
def model_field_add(collection: Collection, params: given.FieldAddition) -> None:
    """Add a field unless there is one of the name, and move it to its place."""
    notetype = _copy_of(collection, params.modelName)
    found = [one for one in notetype["flds"] if one["name"] == params.fieldName]
    field = found[0] if found else collection.models.new_field(params.fieldName)
    if not found:
        collection.models.add_field(notetype, field)
    if params.index is not None:
        _move_field(collection, notetype, field, params.index)
    collection.models.update_dict(notetype)


@actions.add("modelFieldRemove", scope=Scope.WRITE)
def model_field_remove(collection: Collection, params: given.OneField) -> None:
    """Remove a field with what is in it."""
    notetype = _copy_of(collection, params.modelName)
    field = _field(notetype, params.fieldName)
    if len(notetype["flds"]) == 1:
        raise Conflict("the only field of a notetype cannot be removed")
    collection.models.remove_field(notetype, field)
    collection.models.update_dict(notetype)


@actions.add("modelFieldSetFont", scope=Scope.WRITE)
def model_field_set_font(collection: Collection, params: given.FieldFont) -> None:
    """Set the font that an editor shows a field in."""
    _set_of_field(collection, params, "font", params.font)


@actions.add("modelFieldSetFontSize", scope=Scope.WRITE)
def model_field_set_font_size(collection: Collection, params: given.FieldFontSize) -> None:
    """Set the size of a field's font."""
    _set_of_field(collection, params, "size", params.fontSize)


@actions.add("modelFieldSetDescription", scope=Scope.WRITE)
def model_field_set_description(collection: Collection, params: given.FieldDescription) -> bool:
    """Set what an editor shows in a field while it is empty."""
    _set_of_field(collection, params, "description", params.description)
    return True


def _copy_of(collection: Collection, name: str) -> NotetypeDict:
    """Return a notetype to be changed: libanki gives the very object that it keeps in memory.

    Raises NotFound.
    """
    return deepcopy(notetype_named(collection, name))


def _new_template(collection: Collection, template: given.Template, number: int) -> TemplateDict:
    new = collection.models.new_template(template.Name or f"Card {number}")
    new["qfmt"], new["afmt"] = template.Front, template.Back
    return new


def _stored(collection: Collection, notetype_id: NotetypeId) -> NotetypeDict:
    notetype = collection.models.get(notetype_id)
    assert notetype is not None  # noqa: S101 - it was just added
    return notetype


def _template(notetype: NotetypeDict, name: str) -> TemplateDict:
    """Return a template of a notetype. Raises NotFound."""
    for template in notetype["tmpls"]:
        if template["name"] == name:
            return template  # type: ignore[no-any-return]
    raise NotFound(f"template was not found in {notetype['name']:.100}: {name:.100}")


def _field(notetype: NotetypeDict, name: str) -> FieldDict:
    """Return a field of a notetype. Raises NotFound."""
    for field in notetype["flds"]:
        if field["name"] == name:
            return field  # type: ignore[no-any-return]
    raise NotFound(f"field was not found in {notetype['name']:.100}: {name:.100}")


def _move_field(
    collection: Collection, notetype: NotetypeDict, field: FieldDict, index: int
) -> None:
    place = min(index, len(notetype["flds"]) - 1)
    collection.models.reposition_field(notetype, field, place)


def _set_of_field(collection: Collection, params: given.OneField, key: str, value: Any) -> None:
    notetype = _copy_of(collection, params.modelName)
    _field(notetype, params.fieldName)[key] = value
    collection.models.update_dict(notetype)


def _replace(notetype: NotetypeDict, wanted: given.ReplaceInModels) -> bool:
    """Replace a text in a notetype that is not stored yet; tell whether it was there."""
    keys = [key for key, use in (("qfmt", wanted.front), ("afmt", wanted.back)) if use]
    places = [(template, key) for template in notetype["tmpls"] for key in keys]
    if wanted.css:
        places.append((notetype, "css"))
    found = [(holder, key) for holder, key in places if wanted.findText in holder[key]]
    for holder, key in found:
        holder[key] = holder[key].replace(wanted.findText, wanted.replaceText)
    return bool(found)
