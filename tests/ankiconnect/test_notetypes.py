"""Notetypes: looking at them, and those changes that need no full sync."""

from typing import Any

import pytest

from tests.ankiconnect.conftest import Program, synced
from tests.conftest import AllSidesAgree
from tests.support.device import Device

REVERSED = "Basic (and reversed card)"


def test_notetypes_are_listed_by_names_and_ids(anki: Program, laptop: Device) -> None:
    names = anki("modelNames")
    assert sorted(names) == sorted(one.name for one in laptop.col.models.all_names_and_ids())
    ids = anki("modelNamesAndIds")
    assert ids["Basic"] == laptop.notetype("Basic")["id"]
    assert anki("modelNameFromId", modelId=ids["Cloze"]) == "Cloze"


def test_whole_notetypes_are_found(anki: Program, laptop: Device) -> None:
    notetype = laptop.notetype("Basic")
    [by_id] = anki("findModelsById", modelIds=[notetype["id"]])
    [by_name] = anki("findModelsByName", modelNames=["Basic"])
    assert by_id == by_name
    assert by_id["name"] == "Basic"
    assert [field["name"] for field in by_id["flds"]] == ["Front", "Back"]
    assert by_id["css"] == notetype["css"]


@pytest.mark.parametrize(
    ("action", "params", "name"),
    [
        ("modelNameFromId", {"modelId": 5}, "5"),
        ("findModelsById", {"modelIds": [5]}, "5"),
        ("findModelsByName", {"modelNames": ["Basic", "nothing"]}, "nothing"),
        ("modelFieldNames", {"modelName": "nothing"}, "nothing"),
        ("modelStyling", {"modelName": "nothing"}, "nothing"),
    ],
)
def test_a_notetype_that_is_not_there_is_an_error(
    anki: Program, action: str, params: dict[str, Any], name: str
) -> None:
    assert anki.error(action, **params) == f"model was not found: {name}"


def test_fields_are_told(anki: Program) -> None:
    basic = {"modelName": "Basic"}
    assert anki("modelFieldNames", **basic) == ["Front", "Back"]
    assert anki("modelFieldDescriptions", **basic) == ["", ""]
    assert anki("modelFieldFonts", **basic) == {
        "Front": {"font": "Arial", "size": 20},
        "Back": {"font": "Arial", "size": 20},
    }


def test_fields_on_templates_are_told_for_each_side(anki: Program) -> None:
    assert anki("modelFieldsOnTemplates", modelName=REVERSED) == {
        "Card 1": [["Front"], ["Back"]],
        "Card 2": [["Back"], ["Front"]],
    }
    assert anki("modelFieldsOnTemplates", modelName="Cloze") == {
        "Cloze": [["Text"], ["Text", "Back Extra"]]
    }


def test_templates_and_styling_are_told(anki: Program, laptop: Device) -> None:
    notetype = laptop.notetype("Basic")
    template = notetype["tmpls"][0]
    assert anki("modelTemplates", modelName="Basic") == {
        "Card 1": {"Front": template["qfmt"], "Back": template["afmt"]}
    }
    assert anki("modelStyling", modelName="Basic") == {"css": notetype["css"]}


def new_notetype(name: str, **others: Any) -> dict[str, Any]:
    templates = [{"Name": "My card", "Front": "Q {{Word}}", "Back": "A {{Meaning}}"}]
    fields = ["Word", "Meaning"]
    return {"modelName": name, "inOrderFields": fields, "cardTemplates": templates, **others}


def test_a_new_notetype_is_on_the_devices(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    made = anki("createModel", **new_notetype("Mine", css="p {}"))
    assert made["name"] == "Mine"
    note = {"deckName": "Default", "modelName": "Mine", "fields": {"Word": "w", "Meaning": "m"}}
    added = anki("addNote", note=note)

    synced(laptop)
    notetype = laptop.notetype("Mine")
    assert notetype["id"] == made["id"]
    assert notetype["css"] == "p {}"
    assert [one["name"] for one in notetype["tmpls"]] == ["My card"]
    assert laptop.fields(added) == ["w", "m"]
    all_sides_agree(laptop)
    assert laptop.check_database() == ""


def test_a_new_notetype_may_be_of_the_cloze_kind(anki: Program) -> None:
    templates = [{"Front": "{{cloze:Word}}", "Back": "{{cloze:Word}} {{Meaning}}"}]
    made = anki(
        "createModel", **{**new_notetype("Holes", isCloze=True), "cardTemplates": templates}
    )
    assert made["type"] == 1
    assert [one["name"] for one in made["tmpls"]] == ["Card 1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"modelName": "Basic"},
        {"inOrderFields": []},
        {"cardTemplates": []},
        {"cardTemplates": [{"Front": "no field", "Back": ""}]},
        {"inOrderFields": ["Meaning"]},
    ],
)
def test_a_notetype_that_makes_no_sense_is_not_added(anki: Program, wrong: dict[str, Any]) -> None:
    before = anki("modelNames")
    error = anki.error("createModel", **{**new_notetype("Mine"), **wrong})
    assert error
    assert anki("modelNames") == before


def test_sides_of_templates_are_changed(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    templates = {"Card 1": {"Front": "{{Front}}?"}, "no such card": {"Front": "x"}}
    templates["Card 1"]["no such side"] = "x"
    assert anki("updateModelTemplates", model={"name": "Basic", "templates": templates}) is None

    synced(laptop)
    template = laptop.notetype("Basic")["tmpls"][0]
    assert template["qfmt"] == "{{Front}}?"
    assert "{{Back}}" in template["afmt"]
    all_sides_agree(laptop)


def test_styling_is_changed(anki: Program, laptop: Device, all_sides_agree: AllSidesAgree) -> None:
    model = {"name": "Basic", "css": "p { color: blue; }"}
    assert anki("updateModelStyling", model=model) is None

    synced(laptop)
    assert laptop.notetype("Basic")["css"] == "p { color: blue; }"
    all_sides_agree(laptop)


def test_a_text_is_replaced_in_one_notetype_or_in_all(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    wanted = {"findText": "id=answer", "replaceText": "id=reply"}
    assert anki("findAndReplaceInModels", model={"modelName": "Basic", **wanted}) == 1
    without = {"front": True, "back": False, "css": True}
    assert anki("findAndReplaceInModels", model={"modelName": "", **wanted, **without}) == 0
    assert anki("findAndReplaceInModels", modelName="", **wanted) >= 3

    synced(laptop)
    assert "id=reply" in laptop.notetype("Basic")["tmpls"][0]["afmt"]
    all_sides_agree(laptop)


def test_templates_and_fields_are_renamed(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    names = {"oldTemplateName": "Card 1", "newTemplateName": "Question"}
    assert anki("modelTemplateRename", modelName="Basic", **names) is None
    names = {"oldFieldName": "Front", "newFieldName": "Word"}
    assert anki("modelFieldRename", modelName="Basic", **names) is None

    synced(laptop)
    notetype = laptop.notetype("Basic")
    assert notetype["tmpls"][0]["name"] == "Question"
    assert notetype["flds"][0]["name"] == "Word"
    assert "{{Word}}" in notetype["tmpls"][0]["qfmt"]
    all_sides_agree(laptop)


def test_a_failed_change_leaves_nothing_behind(anki: Program) -> None:
    names = {"oldFieldName": "Front", "newFieldName": 'impossible {{:"'}
    anki.answer("modelFieldRename", modelName="Basic", **names)
    broken = {"name": "Basic", "templates": {"Card 1": {"Front": "{{nothing}}"}}}
    assert anki.error("updateModelTemplates", model=broken)
    assert anki("modelTemplates", modelName="Basic")["Card 1"]["Front"] != "{{nothing}}"


def test_fonts_and_descriptions_of_fields_are_set(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    field = {"modelName": "Basic", "fieldName": "Front"}
    assert anki("modelFieldSetFont", **field, font="Courier") is None
    assert anki("modelFieldSetFontSize", **field, fontSize=31) is None
    assert anki("modelFieldSetDescription", **field, description="a word") is True

    synced(laptop)
    stored = laptop.notetype("Basic")["flds"][0]
    assert (stored["font"], stored["size"], stored["description"]) == ("Courier", 31, "a word")
    all_sides_agree(laptop)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("modelFieldSetFont", {"fieldName": "nothing", "font": "x"}),
        ("modelFieldRename", {"oldFieldName": "nothing", "newFieldName": "x"}),
        ("modelTemplateRename", {"oldTemplateName": "nothing", "newTemplateName": "x"}),
        ("modelTemplateRemove", {"templateName": "nothing"}),
    ],
)
def test_a_field_or_template_that_is_not_there_is_an_error(
    anki: Program, action: str, params: dict[str, Any]
) -> None:
    assert "nothing" in anki.error(action, modelName="Basic", **params)
