"""Off-site copies that cannot be made are told when the server starts, with what to do."""

import sys
from pathlib import Path

import pytest

from syncserver.backups.offsite import open_offsite
from syncserver.settings import Settings, SettingsError

CLIENT = "syncserver.backups.object_store"


def settings(folder: Path, **options: str) -> Settings:
    return Settings.model_validate({"data_root": folder, **options})


def test_nothing_is_copied_without_an_address(tmp_path: Path) -> None:
    assert open_offsite(settings(tmp_path)) is None


def test_a_bucket_is_needed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="offsite_bucket"):
        open_offsite(settings(tmp_path, offsite_url="https://s3.example.org"))


def test_a_missing_client_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, CLIENT, raising=False)
    monkeypatch.setitem(sys.modules, "minio", None)
    named = settings(tmp_path, offsite_url="https://s3.example.org", offsite_bucket="anki")
    with pytest.raises(SettingsError, match=r"syncserver\[s3\]"):
        open_offsite(named)


def test_the_secret_is_not_shown(tmp_path: Path) -> None:
    named = settings(tmp_path, offsite_secret_key="geheim")
    assert "geheim" not in repr(named)
    assert named.offsite_secret_key.get_secret_value() == "geheim"


@pytest.mark.parametrize(
    "url", ["s3.example.org", "ftp://s3.example.org", "https://a/b/c", "https:// x"]
)
def test_what_is_no_address_of_a_store_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="offsite_url"):
        settings(tmp_path, offsite_url=url)
