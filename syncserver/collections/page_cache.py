"""What SQLite keeps in memory of an open collection's file."""

from syncserver.collections.libanki import LibankiCollection


def forget_pages(collection: LibankiCollection) -> None:
    """Give back the memory of what SQLite has read of the file; it reads anew what it needs.

    That is up to 40 MB. What a transaction has written stays. Nothing is done while something can be
    undone: libanki takes the statement for a change that it knows nothing of, and would forget that.
    """
    if not collection.can_undo:
        collection.execute("pragma shrink_memory")
