"""Restore points of a data root without a server: what happens to the user meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncserver.backups.manifest import read_manifest
from syncserver.backups.service import RestorePoints
from syncserver.collections.api_work import Work, api_work
from syncserver.collections.lease import Collections
from syncserver.collections.retention import MANUAL
from syncserver.media.library import Libraries
from syncserver.settings import Settings
from tests.units.test_api_work import add

ME = "me"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RestorePoints]:
    """The points of a user with one note."""
    settings = Settings.model_validate({"data_root": tmp_path, "snapshots_min_free": 0})
    settings.users_folder.mkdir()
    collections = Collections(settings)
    with api_work(collections, ME, Work(change=True)) as collection:
        add(collection, "one")
    yield RestorePoints(settings, collections, Libraries(settings), None)
    collections.close(wait_seconds=0)


def test_a_user_who_is_removed_while_a_point_is_made_does_not_come_back(
    service: RestorePoints,
) -> None:
    steps = iter(range(100))
    moments = sum(1 for _ in _steps_of_a_point(service))

    def remove_at(moment: int) -> None:
        if next(steps) == moment:
            service.collections.remove(ME)

    for moment in range(moments):
        steps = iter(range(100))
        with api_work(service.collections, ME, Work(change=True)) as collection:
            add(collection, f"before {moment}")
        with pytest.raises(FileNotFoundError):
            service.take(ME, MANUAL, step=lambda moment=moment: remove_at(moment))  # type: ignore[misc]
        assert not service.folder(ME).path.exists(), f"after step {moment}"


def test_what_is_known_of_points_of_earlier_versions_can_be_read(service: RestorePoints) -> None:
    taken = service.take(ME, MANUAL)
    assert taken is not None
    document = json.loads(taken.point.manifest.read_bytes())
    assert document.pop("media_known")
    taken.point.manifest.write_text(json.dumps(document))
    manifest = read_manifest(taken.point)
    assert manifest is not None
    assert (manifest.notes, manifest.media_known) == (1, True)


def _steps_of_a_point(service: RestorePoints) -> list[None]:
    steps: list[None] = []
    assert service.take(ME, MANUAL, step=lambda: steps.append(None)) is not None
    return steps
