"""The entry in the Tools menu."""

from aqt import mw
from aqt.qt import QAction, qconnect

from .dialog import ServerDialog

ENTRY = "Self-hosted sync server…"


def set_up() -> None:
    """Add the entry."""
    action = QAction(ENTRY, mw)
    qconnect(action.triggered, lambda: ServerDialog(mw).show())
    mw.form.menuTools.addAction(action)
