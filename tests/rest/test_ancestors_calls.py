"""Each operation of the ancestor's API, as a program written for it calls it."""

import time

import pytest

from syncserver.accounts.scopes import Scope
from syncserver.rest.ancestor.endpoint import all_handlers
from tests.conftest import NewDevice
from tests.rest.conftest import AncestorProgram, NewProgram
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient

# What the issue lists; import_file has a module of its own.
OPERATIONS = {
    "collection": (
        *("list_models", "find_model_by_name", "find_notes", "latest_notes", "add_note"),
        *("list_tags", "list_decks", "select_deck", "create_dynamic_deck", "empty_dynamic_deck"),
        *("find_cards", "latest_cards", "reset_scheduler", "extend_scheduler_limits", "next_card"),
        *("answer_card", "suspend_cards", "unsuspend_cards", "cards_recent_ease"),
        *("latest_revlog", "stats_report", "set_language", "import_file"),
    ),
    "model": ("field_names",),
    "note": ("index", "update", "delete", "add_tags", "remove_tags"),
    "deck": ("index", "next_card", "get_conf", "set_update_conf"),
    "card": ("index", "add_tags", "remove_tags", "stats_report", "latest_revlog"),
}


@pytest.fixture
def filled(old: AncestorProgram) -> AncestorProgram:
    """A collection of three notes, the newest last, as the program made it."""
    for front in ("one", "two", "three"):
        fields = {"Front": front, "Back": f"back of {front}"}
        old("add_note", {"model": "Basic", "fields": fields, "tags": f"number {front}"})
    return old


def only(found: list[dict[str, int]]) -> int:
    [one] = found
    return one["id"]


def card_of(old: AncestorProgram, query: str) -> int:
    return only(old("find_cards", {"query": query}))


def note_of(old: AncestorProgram, query: str) -> int:
    return only(old("find_notes", {"query": query}))


def test_every_operation_is_there() -> None:
    listed = {(kind, name) for kind, names in OPERATIONS.items() for name in names}
    assert listed == set(all_handlers().names())


# Notetypes and notes


def test_notetypes_are_listed_and_found_by_name(old: AncestorProgram) -> None:
    models = old("list_models", [])
    assert "Basic" in [model["name"] for model in models]

    basic = old("find_model_by_name", {"model": "Basic"})
    assert [field["name"] for field in basic["flds"]] == ["Front", "Back"]
    assert basic in models
    assert old("find_model_by_name", {"model": "No such notetype"}) is None


def test_the_names_of_fields_are_in_their_order(old: AncestorProgram) -> None:
    basic = old("find_model_by_name", {"model": "Basic"})
    assert old(f"model/{basic['id']}/field_names") == ["Front", "Back"]
    assert old.refused("model/77/field_names").status == 404


def test_notes_are_found_by_a_search(filled: AncestorProgram) -> None:
    assert len(filled("find_notes")) == 3
    found = filled("find_notes", {"query": "front:two", "preload": True})
    assert [note["fields"] for note in found] == [{"Front": "two", "Back": "back of two"}]
    assert found[0]["tags"] == ["number", "two"]
    assert found[0]["string_tags"] == "number two"
    assert found[0]["model"]["name"] == "Basic"


def test_the_latest_notes_come_first(filled: AncestorProgram) -> None:
    latest = filled("latest_notes", {"limit": 2, "preload": True})
    assert [note["fields"]["Front"] for note in latest] == ["three", "two"]
    assert filled("latest_notes", {"updated_since": int(time.time()) + 100}) == []


def test_a_note_is_added_with_a_notetype_by_id_into_a_named_deck(old: AncestorProgram) -> None:
    basic = old("find_model_by_name", {"model": "Basic"})
    added = old("add_note", {"model": basic["id"], "fields": {"Front": "x"}, "deck": "Default"})
    assert old(f"note/{added['id']}")["fields"] == {"Front": "x", "Back": ""}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 422),
        ({"model": "Basic"}, 422),
        ({"model": "Nothing", "fields": {}}, 404),
        ({"model": "Basic", "fields": {"Nowhere": "x"}}, 422),
        ({"model": "Basic", "fields": {"Front": "x"}, "deck": "Nothing"}, 404),
        ({"model": "Basic", "fields": "x"}, 422),
    ],
)
def test_a_note_that_cannot_be_added_is_not(
    old: AncestorProgram, data: dict[str, object], status: int
) -> None:
    assert old.refused("add_note", data).status == status
    assert old("find_notes") == []


def test_a_note_is_updated_and_what_is_not_named_stays(filled: AncestorProgram) -> None:
    note = note_of(filled, "front:one")
    filled(f"note/{note}/update", {"fields": {"Back": "new back"}})

    after = filled(f"note/{note}")
    assert after["fields"] == {"Front": "one", "Back": "new back"}
    assert after["tags"] == ["number", "one"]

    filled(f"note/{note}/update", {"fields": {}, "tags": ["other"]})
    assert filled(f"note/{note}")["tags"] == ["other"]


def test_tags_are_added_and_removed_through_a_note_and_through_a_card(
    filled: AncestorProgram,
) -> None:
    note, card = note_of(filled, "front:one"), card_of(filled, "front:one")
    filled(f"note/{note}/add_tags", {"tags": ["a", "b"]})
    filled(f"note/{note}/remove_tags", {"tags": ["number", "one"]})
    filled(f"card/{card}/add_tags", {"tags": ["c"]})
    filled(f"card/{card}/remove_tags", {"tags": ["a"]})

    assert filled(f"note/{note}")["tags"] == ["b", "c"]
    assert set(filled("list_tags")) >= {"b", "c", "number", "two", "three"}


def test_the_time_of_a_note_stays_when_that_is_asked_for(filled: AncestorProgram) -> None:
    note = note_of(filled, "front:one")
    before = filled(f"note/{note}")["mod"]
    # The time counts seconds.
    time.sleep(1.1)
    filled(f"note/{note}/add_tags", {"tags": ["marked"], "update_mod": False})
    assert filled(f"note/{note}")["mod"] == before
    filled(f"note/{note}/remove_tags", {"tags": ["marked"]})
    assert filled(f"note/{note}")["mod"] > before


def test_a_deleted_note_is_not_found(filled: AncestorProgram) -> None:
    note = note_of(filled, "front:one")
    assert filled(f"note/{note}/delete") is None
    assert filled.refused(f"note/{note}").status == 404
    assert filled.refused(f"note/{note}/delete").status == 404


# Decks


def test_decks_are_listed_and_found_by_id_and_by_name(old: AncestorProgram) -> None:
    [default] = old("list_decks")
    assert old("deck/Default") == old(f"deck/{default['id']}") == default
    for missing in ("Nothing", "77", "9" * 30, "٣"):
        assert old.refused(f"deck/{missing}").status == 404


def test_a_filtered_deck_takes_the_cards_that_match(filled: AncestorProgram) -> None:
    deck = filled("create_dynamic_deck", {"name": "Cram", "query": "tag:two", "mode": "due"})
    assert (deck["name"], deck["dyn"], deck["resched"]) == ("Cram", 1, True)
    assert card_of(filled, "deck:Cram") == card_of(filled, "front:two")

    again = filled("create_dynamic_deck", {"name": "Cram", "query": "tag:three", "count": 1})
    assert (again["id"], again["resched"]) == (deck["id"], False)
    assert card_of(filled, "deck:Cram") == card_of(filled, "front:three")

    filled("empty_dynamic_deck", {"name": "Cram"})
    assert filled("find_cards", {"query": "deck:Cram"}) == []


def test_only_filtered_decks_are_made_and_emptied_so(filled: AncestorProgram) -> None:
    assert filled.refused("create_dynamic_deck", {"name": "Default"}).status == 409
    assert filled.refused("empty_dynamic_deck", {"name": "Default"}).status == 409
    assert filled.refused("empty_dynamic_deck", {"name": "Nothing"}).status == 404
    nothing = filled.refused("create_dynamic_deck", {"name": "Empty", "query": "tag:nothing"})
    assert (nothing.status, nothing.problem) == (422, "invalid")
    assert filled.refused("create_dynamic_deck", {"mode": "sideways"}).status == 422
    assert len(filled("list_decks")) == 1


def test_the_options_of_a_deck_are_changed_in_part(filled: AncestorProgram) -> None:
    before = filled("deck/1/get_conf")
    filled("deck/Default/set_update_conf", {"id": 5, "maxTaken": 33})

    assert filled("deck/1/get_conf") == {
        **before,
        "maxTaken": 33,
        "mod": filled("deck/1/get_conf")["mod"],
        "usn": filled("deck/1/get_conf")["usn"],
    }
    filled("create_dynamic_deck", {"name": "Cram"})
    assert filled.refused("deck/Cram/set_update_conf", {"maxTaken": 1}).status == 409


# Cards


def test_cards_are_found_in_an_order_and_in_parts(filled: AncestorProgram) -> None:
    ids = [one["id"] for one in filled("find_cards", {"order": "c.id"})]
    assert ids == sorted(ids)
    assert len(ids) == 3
    backwards = filled("find_cards", {"order": "n.mod desc, c.id desc"})
    assert [one["id"] for one in backwards] == ids[::-1]
    part = filled("find_cards", {"order": "c.id asc", "offset": "1", "limit": "1"})
    assert [one["id"] for one in part] == ids[1:2]
    assert len(filled("find_cards", {"order": True})) == 3


@pytest.mark.parametrize(
    "order",
    ["c.id; drop table notes", "(select 1)", "c.id desc desc", "n.flds", "random()", "", "c.id,"],
)
def test_no_sql_gets_in_through_the_order(filled: AncestorProgram, order: str) -> None:
    assert filled.refused("find_cards", {"order": order}).status == 422
    assert len(filled("find_notes")) == 3


def test_a_card_comes_with_what_is_asked_for(filled: AncestorProgram) -> None:
    card = card_of(filled, "front:two")
    plain = filled(f"card/{card}")
    assert plain["question"] == "two"
    assert "back of two" in plain["answer"]
    assert "font-family" in plain["css"]
    assert plain["isEmpty"] is False
    assert {"note", "deck", "latest_revlog"}.isdisjoint(plain)

    loaded = filled(
        f"card/{card}", {"load_note": True, "load_deck": True, "load_latest_revlog": True}
    )
    assert loaded["note"]["fields"]["Front"] == "two"
    assert loaded["deck"]["name"] == "Default"
    assert loaded["latest_revlog"] is None


def test_sounds_are_named_in_questions_and_answers(old: AncestorProgram) -> None:
    fields = {"Front": "[sound:hello.mp3]", "Back": "[sound:a.mp3] and [sound:b.mp3]"}
    old("add_note", {"model": "Basic", "fields": fields})
    card = old("next_card")
    assert card["question"] == "[sound:hello.mp3]"
    assert "[sound:a.mp3] and [sound:b.mp3]" in card["answer"]


def test_hostile_html_comes_back_as_data(
    ours: OurServer, program: RestClient, account: Account
) -> None:
    hostile = "<script>alert(1)</script>"
    path = f"/collection/{account.name}"
    fields = {"Front": hostile, "Back": hostile}
    program.ok("POST", f"{path}/add_note", {"model": "Basic", "fields": fields})

    reply = program.call("POST", f"{path}/find_cards", {"preload": True})

    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.json[0]["question"] == hostile


def test_the_latest_cards_are_those_of_the_latest_notes(filled: AncestorProgram) -> None:
    latest = filled("latest_cards", {"limit": 1, "preload": True, "load_note": True})
    assert [card["note"]["fields"]["Front"] for card in latest] == ["three"]
    assert len(filled("latest_cards")) == 3


# Studying


def test_cards_are_studied_one_after_the_other(filled: AncestorProgram) -> None:
    assert filled("reset_scheduler", {"deck": "Default"}) == {
        "new_cards": 3,
        "learning_cards": 0,
        "review_cards": 0,
    }
    for _ in range(3):
        card = filled("next_card")
        filled("answer_card", {"id": card["id"], "ease": 4, "timerStarted": card["timerStarted"]})

    assert filled("next_card") is None
    assert len(filled("latest_revlog")) == 3


def test_learning_and_review_are_counted_apart(filled: AncestorProgram) -> None:
    filled("answer_card", {"id": filled("next_card")["id"], "ease": 1})
    assert filled("reset_scheduler") == {"new_cards": 2, "learning_cards": 1, "review_cards": 0}


def test_a_card_comes_with_its_four_buttons(filled: AncestorProgram) -> None:
    buttons = filled("next_card", {"deck": "Default"})["answer_buttons"]
    assert [button["ease"] for button in buttons] == [1, 2, 3, 4]
    assert [button["label"] for button in buttons] == ["Again", "Hard", "Good", "Easy"]
    intervals = [button["interval"] for button in buttons]
    assert intervals == sorted(intervals)
    assert intervals[0] == 60
    assert intervals[3] >= 86_400
    assert all(button["string_interval"].isascii() for button in buttons)


def test_buttons_of_filtered_decks_and_of_forgotten_cards_have_intervals(
    filled: AncestorProgram,
) -> None:
    filled("create_dynamic_deck", {"name": "Preview", "query": "front:one", "mode": "random"})
    preview = filled("deck/Preview/next_card")["answer_buttons"]
    assert preview[0]["interval"] == 60
    filled("empty_dynamic_deck", {"name": "Preview"})

    card = card_of(filled, "front:two")
    filled("answer_card", {"id": card, "ease": 4})  # now it is a card for reviews
    filled("create_dynamic_deck", {"name": "Early", "query": "front:two", "mode": "due"})
    early = filled("deck/Early/next_card")["answer_buttons"]
    assert early[2]["interval"] % 86_400 == 0
    filled("answer_card", {"id": card, "ease": 1})  # and now it is learned again
    again = filled("deck/Early/next_card")["answer_buttons"]
    assert 0 < again[0]["interval"] <= 3600


def test_any_card_can_be_answered_not_only_the_next_one(filled: AncestorProgram) -> None:
    following = filled("next_card")["id"]
    other = next(one["id"] for one in filled("find_cards") if one["id"] != following)

    filled("answer_card", {"id": other, "ease": 3})

    assert filled(f"card/{other}/latest_revlog")["ease"] == 3
    assert filled(f"card/{following}/latest_revlog") is None


def test_the_time_for_an_answer_is_that_since_the_card_was_shown(filled: AncestorProgram) -> None:
    card = filled("next_card")["id"]
    filled("answer_card", {"id": card, "ease": 3, "timerStarted": time.time() - 7})
    assert 7000 <= filled("latest_revlog")[0]["time"] < 60_000
    for wrong in (time.time() + 1000, -1e12):
        filled("answer_card", {"id": card, "ease": 3, "timerStarted": wrong})
        assert 0 <= filled("latest_revlog")[0]["time"] <= 60_000


@pytest.mark.parametrize("ease", [0, 5, "x", None])
def test_there_is_no_other_button(filled: AncestorProgram, ease: object) -> None:
    card = filled("next_card")["id"]
    assert filled.refused("answer_card", {"id": card, "ease": ease}).status == 422
    assert filled("latest_revlog") == []


def test_a_deck_is_studied_by_its_name_or_id(filled: AncestorProgram) -> None:
    filled("create_dynamic_deck", {"name": "Cram", "query": "front:three"})
    deck = filled("deck/Cram")["id"]
    for wanted in ("Cram", str(deck)):
        assert filled(f"deck/{wanted}/next_card", {"load_note": True})["question"] == "three"
    filled("select_deck", {"deck": "Default"})
    assert filled("next_card")["question"] != "three"
    assert filled.refused("deck/Nothing/next_card").status == 404


def test_more_cards_than_the_limit_are_studied_after_extending_it(filled: AncestorProgram) -> None:
    new = filled("deck/1/get_conf")["new"]
    filled("deck/1/set_update_conf", {"new": {**new, "perDay": 1}})
    assert filled("reset_scheduler")["new_cards"] == 1
    filled("extend_scheduler_limits", {"new_cards": 1})
    assert filled("reset_scheduler")["new_cards"] == 2


def test_suspended_cards_are_not_studied(filled: AncestorProgram) -> None:
    ids = [one["id"] for one in filled("find_cards")]
    filled("suspend_cards", {"ids": ids})
    assert filled("next_card") is None
    filled("unsuspend_cards", {"ids": ids})
    assert filled("next_card")["id"] in ids


def test_the_last_answer_to_each_card_is_told(filled: AncestorProgram) -> None:
    card = filled("next_card")["id"]
    for ease in (1, 3, 2):
        filled("answer_card", {"id": card, "ease": ease})
    [recent] = filled("cards_recent_ease")
    assert (recent["id"], recent["ease"]) == (card, 2)
    assert abs(recent["timestamp"] - time.time()) < 60
    assert filled("cards_recent_ease", {"ids": [card]}) == [recent]
    assert filled("cards_recent_ease", {"ids": []}) == []


def test_reviews_are_listed_since_a_time(filled: AncestorProgram) -> None:
    filled("answer_card", {"id": filled("next_card")["id"], "ease": 3})
    [review] = filled("latest_revlog", {"updated_since": int(time.time()) - 60})
    assert review["ease"] == 3
    assert review["timestamp"] == review["id"] // 1000
    assert {"card_id", "usn", "interval", "last_interval", "factor", "time", "type"} <= set(review)
    assert filled("latest_revlog", {"updated_since": int(time.time()) + 60}) == []
    assert filled("latest_revlog", {"limit": 0}) == []


# Reports and languages


def test_reports_are_html_with_a_part_for_each(filled: AncestorProgram) -> None:
    filled("answer_card", {"id": filled("next_card")["id"], "ease": 3})
    everything = filled("stats_report")
    for name in ("today", "due", "reps", "interval", "hourly", "ease", "card", "footer"):
        assert f"anki-graph-{name}" in everything
    assert filled("stats_report", {"reports": ["today"]}).count("anki-graph-") == 1
    assert "<style>" in filled("stats_report", {"include_css": True})
    assert filled.refused("stats_report", {"reports": ["unknown"]}).status == 422


def test_the_name_of_a_deck_is_text_in_reports(filled: AncestorProgram) -> None:
    filled("create_dynamic_deck", {"name": "<script>x", "query": "front:one"})
    card = card_of(filled, "front:one")
    assert "<script>x" not in filled("stats_report", {"reports": ["footer"]})
    assert "<script>x" not in filled(f"card/{card}/stats_report")
    assert "&lt;script&gt;x" in filled(f"card/{card}/stats_report")


def test_a_report_of_a_card_names_its_deck(filled: AncestorProgram) -> None:
    report = filled(f"card/{card_of(filled, 'front:one')}/stats_report")
    assert "<table>" in report
    assert "Default" in report


@pytest.mark.parametrize("code", ["de", "de_DE", "de-de"])
def test_libanki_speaks_another_language(filled: AncestorProgram, code: str) -> None:
    filled("set_language", {"code": code})
    assert filled("next_card")["answer_buttons"][3]["string_interval"].endswith("Tg.")
    filled("set_language", {"code": "en"})
    assert filled("next_card")["answer_buttons"][3]["string_interval"].endswith("d")
    assert filled.refused("set_language", {"code": "klingon"}).status == 422


# The form of requests


def test_no_arguments_may_be_an_empty_object_an_empty_list_or_nothing(
    program: RestClient, account: Account
) -> None:
    for body in (b"{}", b"[]", b"", b" "):
        assert program.call("POST", f"/collection/{account.name}/find_notes", body).json == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"nonsense", 400),
        (b"\xff\xfe", 400),
        (b'{"query": NaN}', 400),
        (b"[" * 100_000, 400),
        (b"[1]", 422),
        (b"3", 422),
        (b'{"query": 7}', 422),
        (b'{"query": "(("}', 422),
    ],
)
def test_other_bodies_are_refused(
    program: RestClient, account: Account, body: bytes, status: int
) -> None:
    reply = program.call("POST", f"/collection/{account.name}/find_notes", body)
    assert reply.status == status
    assert reply.problem in ("malformed", "invalid")


def test_operations_are_called_with_post(program: RestClient, account: Account) -> None:
    reply = program.call("GET", f"/collection/{account.name}/find_notes")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "/",
            "//find_notes",
            "/{user}",
            "/{user}/nothing",
            "/{user}/note",
            "/{user}/note/1/no",
        ),
        *("/{user}/nothing/1/index", "/{user}/note/x", "/{user}/note/-1", "/{user}/note/1/index/x"),
        *("/../accounts.db", "/..%2f..%2fetc/find_notes", "/{user}%2f..%2fother/find_notes"),
        *("/{user}%00/find_notes", "/.{user}/find_notes", "/{user}/note/" + "9" * 40),
        "/{user}/note/%D9%A3",
    ],
)
def test_there_is_nothing_at_other_paths(program: RestClient, account: Account, path: str) -> None:
    reply = program.call("POST", f"/collection{path.format(user=account.name)}", {})
    assert (reply.status, reply.problem) == (404, "not-found")


# Who may call


def test_another_users_collection_is_not_found_whether_there_is_one_or_not(
    ours: OurServer, program: RestClient
) -> None:
    other = ours.new_account()
    details = set()
    for name in (other.name, "nobody at all"):
        reply = program.call("POST", f"/collection/{name.replace(' ', '%20')}/find_notes", {})
        assert (reply.status, reply.problem) == (404, "not-found")
        details.add(reply.json["detail"])
    assert len(details) == 1


def test_an_administrator_lists_collections_and_uses_them(
    ours: OurServer, new_program: NewProgram, account: Account, new_device: NewDevice
) -> None:
    laptop: Device = new_device("laptop")
    laptop.add_note("mine")
    laptop.sync()
    laptop.upload()
    other = ours.new_account()
    administrator = new_program(Scope.ADMIN, other)

    for verb in ("GET", "POST"):
        names = administrator.ok(verb, "/list_collections", {} if verb == "POST" else None)
        assert account.name in names
    assert other.name not in names  # nobody has made one yet
    assert len(administrator.collection(account.name, "find_notes")) == 1


def test_only_administrators_list_collections(program: RestClient) -> None:
    reply = program.call("POST", "/list_collections", {})
    assert (reply.status, reply.problem) == (403, "scope-too-narrow")
    assert program.call("POST", "/list_collections/x", {}).status == 404
    assert program.call("DELETE", "/list_collections").status == 405


def test_a_program_that_asks_for_the_root_gets_the_version(ours: OurServer) -> None:
    reply = RestClient(ours.url).call("GET", "/")
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.body.decode().startswith("syncserver ")
    browser = RestClient(ours.url).call("GET", "/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert browser.headers["content-type"].startswith("text/html")
