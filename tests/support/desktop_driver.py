"""An add-on for tests only: it does in Anki's windows what a person would do.

It connects to the port of 127.0.0.1 in DESKTOP_DRIVER_PORT. Each line that arrives is a command as
JSON, {"do": "press", "button": "Test"}, and is answered with one line: {"answer": ...} or
{"error": "..."}. Commands run on Anki's main thread, also while a window waits for an answer.
"""

import json
import os
import socket
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from aqt import mw
from aqt.addons import AddonsDialog
from aqt.progress import ProgressDialog
from aqt.qt import (
    QApplication,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QTimer,
    QWidget,
)

PORT_VARIABLE = "DESKTOP_DRIVER_PORT"


class Driver:
    """The commands; each public method is one. Windows are named by their titles."""

    def profile_is_open(self) -> bool:
        return mw.col is not None

    def install(self, path: str) -> None:
        """Install a file as Tools → Add-ons → Install from file does."""
        AddonsDialog(mw.addonManager).onInstallFiles([path])

    def addons(self) -> dict[str, str]:
        """Return the names of the installed add-ons by their folders."""
        manager = mw.addonManager
        return {folder: manager.addonName(folder) for folder in manager.allAddons()}

    def configure(self, folder: str, config: dict[str, Any]) -> None:
        """Change an add-on's configuration, as OK in its window does."""
        mw.addonManager.writeConfig(folder, config)
        action = mw.addonManager.configUpdatedAction(folder)
        if action:
            _later(lambda: action(config))

    def choose(self, entry: str) -> None:
        """Choose an entry of the Tools menu."""
        [action] = [one for one in mw.form.menuTools.actions() if one.text() == entry]
        _later(action.trigger)

    def windows(self) -> dict[str, str]:
        """Return the texts of the windows in front of the main one, by their titles."""
        return {one.windowTitle(): _text(one) for one in _windows()}

    def buttons(self, window: str) -> list[str]:
        """Return the buttons of a window that can be pressed."""
        return [_label(one) for one in _buttons(_window(window))]

    def enter(self, window: str, field: str, text: str) -> None:
        """Replace what stands in a field that has this label."""
        labels = _window(window).findChildren(QLabel)
        [edit] = [one.buddy() for one in labels if one.text() == field]
        edit.setText(text)

    def fill(self, window: str, texts: list[str]) -> None:
        """Replace what stands in all fields, from top to bottom."""
        fields = _window(window).findChildren(QLineEdit)
        for field, text in zip(fields, texts, strict=True):
            field.setText(text)

    def entered(self, window: str) -> list[str]:
        """Return what stands in the fields of a window, from top to bottom."""
        return [one.text() for one in _window(window).findChildren(QLineEdit)]

    def press(self, window: str, button: str) -> None:
        [found] = [one for one in _buttons(_window(window)) if _label(one) == button]
        found.click()

    def photograph(self, window: str, path: str) -> None:
        """Save a picture of a window, or of the main one, as PNG."""
        assert (_window(window) if window else mw).grab().save(path)

    def add_note(self, front: str, back: str) -> None:
        note = mw.col.new_note(mw.col.models.by_name("Basic"))
        note.fields = [front, back]
        mw.col.add_note(note, 1)

    def fronts(self) -> list[str]:
        """Return the first fields of all notes."""
        return sorted(mw.col.get_note(one).fields[0] for one in mw.col.find_notes(""))

    def add_media(self, name: str, text: str) -> None:
        mw.col.media.write_data(name, text.encode())

    def media(self) -> list[str]:
        return sorted(path.name for path in Path(mw.col.media.dir()).iterdir())

    def press_sync(self) -> None:
        _later(mw.on_sync_button_clicked)

    def is_syncing(self) -> bool:
        """Tell whether cards or media are on their way."""
        return bool(mw.progress.busy() or mw.media_syncer.is_syncing())

    def profile(self) -> dict[str, Any]:
        """Return what Anki keeps about the sync."""
        kept = ("customSyncUrl", "currentSyncUrl", "syncUser", "syncKey")
        return {name: mw.pm.profile.get(name) for name in kept}

    def close(self) -> None:
        """Quit Anki without a last sync."""
        mw.pm.profile["autoSync"] = False
        _later(mw.unloadProfileAndExit)


def _windows() -> list[QWidget]:
    shown = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    others = [one for one in shown if one is not mw and one.windowTitle()]
    # It comes and goes by itself, under the title that Anki's questions have too.
    return [one for one in others if not isinstance(one, ProgressDialog)]


def _window(title: str) -> QWidget:
    [window] = [one for one in _windows() if one.windowTitle() == title]
    return window


def _text(window: QWidget) -> str:
    if isinstance(window, QMessageBox):
        return window.text()
    parts = [one for one in window.findChildren(QWidget) if one.isVisible()]
    shown = [one.text() for one in parts if isinstance(one, QLabel)]
    shown += [one.toPlainText() for one in parts if hasattr(one, "toPlainText")]
    return "\n".join(shown)


def _buttons(window: QWidget) -> list[QPushButton]:
    pushable = window.findChildren(QPushButton)
    return [one for one in pushable if one.isVisible() and one.isEnabled()]


def _label(button: QPushButton) -> str:
    return button.text().replace("&", "")


def _later(action: Callable[[], object]) -> None:
    """Do what may open a window that waits, and so would keep the answer back."""
    QTimer.singleShot(0, action)


def _listen() -> None:
    connection = socket.create_connection(("127.0.0.1", int(os.environ[PORT_VARIABLE])))
    with connection.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            replies: SimpleQueue[dict[str, Any]] = SimpleQueue()
            mw.taskman.run_on_main(partial(_do, json.loads(line), replies))
            print(json.dumps(replies.get()), file=stream, flush=True)


def _do(command: dict[str, Any], replies: SimpleQueue[dict[str, Any]]) -> None:
    try:
        replies.put({"answer": getattr(Driver(), command.pop("do"))(**command)})
    except Exception:
        replies.put({"error": traceback.format_exc()})


threading.Thread(target=_listen, daemon=True).start()
