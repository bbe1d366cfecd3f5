"""Those of the graphical actions that mean something without a window."""

from pathlib import Path
from typing import Any, Final

from anki.collection import Collection
from anki.errors import UndoEmpty

from syncserver.accounts.scopes import Scope
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.rest.ankiconnect.actions import Actions, Search
from syncserver.rest.ankiconnect.texts import without_isolates
from syncserver.rest.call import Call
from syncserver.rest.importing import written_file
from syncserver.rest.problems import Conflict

actions: Final = Actions()


class Browse(Search):
    """A search; in what order a window would show what it finds does not matter here."""

    reorderCards: Any = None  # noqa: N815 - the add-on's spelling


@actions.add("guiBrowse")
def gui_browse(collection: Collection, params: Browse) -> list[int]:
    """Return the cards that a search finds."""
    return list(collection.find_cards(params.query))


@actions.add("guiReviewActive")
def gui_review_active() -> bool:
    """Tell that nobody is studying in a window here."""
    return False


@actions.add("guiUndo", scope=Scope.WRITE)
def gui_undo(collection: Collection) -> bool:
    """Undo the last change through the API, and tell whether there was one.

    A sync of a device in between leaves nothing to undo.
    """
    try:
        collection.undo()
    except UndoEmpty:
        return False
    return True


@actions.add("guiCheckDatabase")
def gui_check_database(call: Call) -> bool:
    """Check the collection. Raises Conflict with the findings if there are any.

    A copy is checked, because mending would force every device into a full sync: people decide
    that on a device.
    """
    with written_file(call, call.user, b"") as path:
        try:
            with call.services.collections.borrow(call.user.folder) as lease:
                lease.collection.execute("vacuum into ?", str(path))
            problems = _problems(path)
        except CollectionDamaged as damage:
            raise Conflict("the file of the collection is damaged", cause=str(damage)) from None
    if problems:
        raise Conflict(f"use Check Database on a device, and sync it: {problems}")
    return True


def _problems(path: Path) -> str:
    """Return what is wrong with a private copy, nothing if it is sound. Raises CollectionDamaged."""
    copy = LibankiCollection(path)
    try:
        report, sound = copy.objects.fix_integrity()
    finally:
        copy.close()
    return "" if sound else without_isolates(report)
