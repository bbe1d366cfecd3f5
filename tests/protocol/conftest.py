"""Where requests may be spooled while a test reads them."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing may be spooled anywhere else.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not here"))
    monkeypatch.chdir(tmp_path)
