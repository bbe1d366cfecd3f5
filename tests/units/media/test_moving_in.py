"""Media of another server: whatever its list says, index and files are in step."""

import hashlib

from syncserver.media.batch import Batch
from syncserver.media.library import Library
from syncserver.media.moving_in import Arrival, Arrivals, move_in


def arrival(batch: Batch, name: str, usn: int, content: bytes) -> Arrival:
    number = len(list(batch.folder.iterdir()))
    batch.file(number).write_bytes(content)
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return Arrival(name, usn, number, len(content), sha1)


def test_a_name_that_comes_twice_is_one_file(library: Library) -> None:
    with library.owned(0) as owned, owned.new_batch() as batch:
        arrivals = Arrivals(
            9,
            [
                arrival(batch, "ü.mp3", 5, b"kept"),
                arrival(batch, "twice.mp3", 6, b"the first"),
                arrival(batch, "twice.mp3", 7, b"the second, longer one"),
                Arrival("ü.mp3", 9),
            ],
        )
        move_in(owned, batch, arrivals, None)
        index = owned.index
        assert index.totals() == index.counted_totals()
        existing = {entry.name: (entry.usn, entry.size) for entry in index.existing()}
        assert existing == {"ü.mp3": (9, 4), "twice.mp3": (7, 22)}
        for name in existing:
            assert (owned.folder.files / name).stat().st_size == existing[name][1]
