"""Who owns a data root, as the lock file says it."""

from pathlib import Path

import pytest

from syncserver.collections import data_root_lock


@pytest.mark.parametrize(
    ("written", "owner", "server"),
    [
        ("12327\n", (12327, ""), 12327),
        ("12327 ctl.py media\n", (12327, "ctl.py media"), None),
        ("", (0, ""), 0),
        ("\xff\xfe", (0, ""), 0),
    ],
    ids=["a server", "a command", "nothing yet", "nonsense"],
)
def test_the_lock_file_says_who_owns_a_data_root(
    tmp_path: Path, written: str, owner: tuple[int, str], server: int | None
) -> None:
    data_root_lock.acquire(tmp_path)
    try:
        (tmp_path / data_root_lock.LOCK_FILE).write_text(written, encoding="latin-1")
        assert data_root_lock.owner(tmp_path) == owner
        assert data_root_lock.server(tmp_path) == server
    finally:
        data_root_lock.release(tmp_path)
    assert data_root_lock.owner(tmp_path) is None
    assert data_root_lock.server(tmp_path) is None
