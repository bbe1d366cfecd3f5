"""A user's media folder and what opens it, without any server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncserver.collections.folders import UserFolder
from syncserver.media.folders import MediaFolder
from syncserver.media.index import MediaIndex
from syncserver.media.library import Library


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    folder = MediaFolder(UserFolder(tmp_path / "users" / "anna"))
    folder.prepare()
    return folder


@pytest.fixture
def library(folder: MediaFolder) -> Iterator[Library]:
    library = Library(folder)
    yield library
    library.close(1)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[MediaIndex]:
    index = MediaIndex(tmp_path / "media.db")
    yield index
    index.close()
