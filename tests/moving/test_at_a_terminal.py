"""What import and export ask and show on a terminal."""

from pathlib import Path

import pytest

from tests.control.test_terminal import Terminal
from tests.moving.test_shell import Operator
from tests.support.accounts import Account
from tests.support.device import NO_CHANGES, Device
from tests.support.media_device import refer_to_media, sync_everything, write_media
from tests.support.moving_server import MovingServer


@pytest.fixture
def package(server: MovingServer, account: Account, laptop: Device, tmp_path: Path) -> Path:
    """The package of an account with notes and a file."""
    write_media(laptop, "a.png", b"a")
    refer_to_media(laptop, ["a.png"])
    sync_everything(laptop)
    path = tmp_path / "all.colpkg"
    server.must("export", account.name, path)
    return path


def terminal(server: MovingServer, *arguments: str | Path) -> Terminal:
    return Terminal(Operator(server), *map(str, arguments))  # type: ignore[arg-type]


def test_progress_is_shown(server: MovingServer, account: Account, package: Path) -> None:
    exporting = terminal(server, "export", account.name, package, "--force")
    assert exporting.exit_code() == 0
    importing = terminal(server, "import", account.name, package, "--yes")
    assert importing.exit_code() == 0
    assert "exporting" in exporting.shown
    assert f"reading {account.name}" in importing.shown
    assert "1/1" in importing.shown
    for one in (exporting, importing):
        one.close()


@pytest.mark.parametrize(("answer", "replaced"), [("n", False), ("y", True)])
def test_it_is_asked_before_a_collection_is_replaced(
    server: MovingServer,
    account: Account,
    laptop: Device,
    package: Path,
    answer: str,
    replaced: bool,
) -> None:
    asking = terminal(server, "import", account.name, package)
    asking.expect(f"Replace the collection of '{account.name}'? It will be kept in the backups.")
    asking.type(answer)
    assert asking.exit_code() == (0 if replaced else 1)
    asking.close()
    assert bool(server.backups(account)) is replaced


@pytest.mark.parametrize("name", ["new friend"])
def test_a_user_who_is_not_there_is_offered_to_be_added(
    server: MovingServer, package: Path, name: str
) -> None:
    refusing = terminal(server, "import", name, package)
    refusing.expect(f"There is no user called '{name}'. Add one?")
    refusing.type("n")
    assert refusing.exit_code() == 1
    refusing.close()
    adding = terminal(server, "import", name, package)
    adding.expect("Add one?")
    adding.type("y")
    for question in ("Password:", "again:"):
        adding.expect(question)
        adding.type("geheim")
    assert adding.exit_code() == 0
    assert "geheim" not in adding.shown
    adding.close()
    friend = Account(name, "geheim")
    assert server.login_status(friend) == 200
    assert len(server.notes(friend)) == 3


def test_it_is_asked_once_before_many_collections_are_replaced(
    server: MovingServer, account: Account, laptop: Device, package: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "old" / account.name
    folder.mkdir(parents=True)
    server.must("copy", account.name, folder / "collection.anki2")
    asking = terminal(server, "import", "--all", folder.parent)
    asking.expect(f"Replace the collections of {account.name}?")
    asking.type("n")
    assert asking.exit_code() == 1
    asking.close()
    assert server.backups(account) == []
    shown = server.must("import", "--all", folder.parent, "--yes").output
    assert "unchanged" in shown
    assert len(server.backups(account)) == 1
    assert laptop.sync() == NO_CHANGES, "it was the very same collection"
