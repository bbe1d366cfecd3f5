"""A collection that takes another one's place, and looks new to every device.

Devices compare the modification time first: one that finds its own believes that nothing has
happened. And a device with the same schema time would merge its newer state into the old one. So
both times become ones that no device has seen (section 2.2 of the protocol facts).
"""

import time

from syncserver.collections.committed import CommittedState
from syncserver.collections.libanki import LibankiCollection


def look_new(collection: LibankiCollection, replaced: CommittedState | None) -> None:
    """Raise the times and the usn above its own and those of what is replaced, if that is known."""
    modified, schema_modified, usn = collection.row("select mod, scm, usn from col")
    seen = max(modified, schema_modified)
    if replaced is not None:
        seen = max(seen, replaced.modified, replaced.schema_modified)
        usn = max(usn, replaced.usn)
    now = max(time.time_ns() // 1_000_000, seen + 1)
    collection.execute("update col set mod = ?1, scm = ?1, usn = ?2", now, max(usn + 1, 0))
