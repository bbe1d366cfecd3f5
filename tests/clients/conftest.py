"""What the comparisons with the official server start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.accounts import SyncTarget
from tests.support.merge_cases import MergeCases
from tests.support.official_server import OfficialServer
from tests.support.remote_server import RemoteServer
from tests.support.seasoned_collection import make_seasoned_collection
from tests.support.side_by_side import Side, SideBySide


@pytest.fixture(scope="package")
def official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """The official server, with one account: each test replaces the collection in it."""
    server = OfficialServer(tmp_path_factory.mktemp("official"), accounts=1)
    yield Side(server)
    server.stop()


@pytest.fixture(scope="package")
def seasoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_seasoned_collection(tmp_path_factory.mktemp("seasoned"))


@pytest.fixture
def both(official: Side, target: SyncTarget, seasoned: Path, tmp_path: Path) -> SideBySide:
    """The two servers, each holding a copy of the seasoned collection."""
    if isinstance(target, RemoteServer):
        pytest.skip("the tables of a server elsewhere cannot be read")
    both = SideBySide(official, Side(target), tmp_path)
    both.upload(seasoned)
    return both


@pytest.fixture
def cases(seasoned: Path, tmp_path: Path) -> MergeCases:
    """What a client sends to a server with this collection."""
    return MergeCases(seasoned, tmp_path / "cases")
