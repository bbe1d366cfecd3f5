"""Operations that an installed plug-in adds to the ancestor's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncserver.accounts.scopes import Scope
from syncserver.rest.ancestor.handlers import Handlers
from tests.rest.conftest import AncestorProgram
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient

PLUG_IN = """
from syncserver.accounts.scopes import Scope

def register(handlers):
    @handlers.add("collection", "count_notes")
    def count_notes(collection, request):
        return {"notes": collection.note_count(), "asked": dict(request.data)}

    @handlers.add("note", "shout", scope=Scope.WRITE)
    def shout(collection, request):
        note = collection.get_note(request.item_id)
        note.fields[0] = note.fields[0].upper()
        collection.update_note(note)
"""
METADATA = "Metadata-Version: 2.1\nName: shouting\nVersion: 1\n"
ENTRY_POINTS = "[syncserver.handlers]\nshouting = shouting:register\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server with the plug-in installed beside it."""
    site = tmp_path_factory.mktemp("site")
    (site / "shouting.py").write_text(PLUG_IN)
    info = site / "shouting-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site), prepend=":")
        server = OurServer(tmp_path_factory.mktemp("installed"))
    yield server
    server.stop()


@pytest.fixture
def old(installed: OurServer) -> AncestorProgram:
    account = installed.new_account()
    return AncestorProgram(RestClient(installed.url, installed.new_token(account)), account.name)


def test_the_operations_of_a_plug_in_are_called_like_the_others(old: AncestorProgram) -> None:
    note = old("add_note", {"model": "Basic", "fields": {"Front": "quiet"}})["id"]
    assert old("count_notes", {"a": 1}) == {"notes": 1, "asked": {"a": 1}}
    old(f"note/{note}/shout")
    assert old(f"note/{note}")["fields"]["Front"] == "QUIET"


def test_the_scopes_of_a_plug_in_hold(installed: OurServer) -> None:
    account = installed.new_account()
    reader = RestClient(installed.url, installed.new_token(account, Scope.READ))
    path = f"/collection/{account.name}"
    assert reader.call("POST", f"{path}/count_notes", {}).status == 200
    assert reader.call("POST", f"{path}/note/1/shout", {}).problem == "scope-too-narrow"


def test_an_operation_has_one_handler(tmp_path: Path) -> None:
    handlers = Handlers()
    handlers.add("note", "index")(print)
    with pytest.raises(ValueError, match="note/index"):
        handlers.add("note", "index")(print)
