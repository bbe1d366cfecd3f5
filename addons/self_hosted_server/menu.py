"""The entry in the Tools menu."""

from aqt import mw
from aqt.qt import QAction, qconnect

from .dialog import ServerDialog

ENTRY = "Self-hosted sync server…"


def set_up() -> None:
    """Add the entry."""
    action = QAction(ENTRY, mw)
    # It belongs to the open profile, so nobody can change that meanwhile.
    qconnect(action.triggered, lambda: ServerDialog(mw).open())
    mw.form.menuTools.addAction(action)
