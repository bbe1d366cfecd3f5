from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from syncserver.media.archive import Limits
from syncserver.media.library import Libraries, Library
from syncserver.media.upload import apply_upload, staged_upload
from syncserver.settings import Settings
from tests.support.media_zip import upload_zip

LIMITS = Limits(file_bytes=1_000_000, total_bytes=1_000_000)


@pytest.fixture
def libraries(tmp_path: Path) -> Iterator[Libraries]:
    """The media of all users; anna's are those of `library`."""
    libraries = Libraries(Settings(data_root=tmp_path))
    yield libraries
    libraries.close(1)


def test_that_there_are_no_media_is_not_remembered(libraries: Libraries, library: Library) -> None:
    """Or it would be told in the place of a first upload that comes at the same moment."""
    assert libraries.last_usn("anna") == 0
    body = BytesIO(upload_zip(("a", b"1"), ("b", b"22")))
    with staged_upload(library, body, LIMITS, None) as staged, library.owned(5) as owned:
        apply_upload(owned, staged, quota=0)
    library.close(1)
    assert libraries.last_usn("anna") == 2
