"""The window with the address, the test and its results. Its network work is done elsewhere."""

from __future__ import annotations

from typing import Any

from aqt.operations import QueryOp
from aqt.qt import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    Qt,
    QTextBrowser,
    QVBoxLayout,
    qconnect,
)
from aqt.utils import tooltip

from .address import EXAMPLES, read_address
from .checks import Entered, Result, check
from .findings import as_html, next_step, unknown, wrong
from .profile import save, saved_address, saved_name

TITLE = "Self-hosted sync server"
INTRODUCTION = (
    "Anki syncs cards and media with the server at this address instead of AnkiWeb. "
    "Leave it empty to use AnkiWeb."
)
TESTING = "Testing…"
NOT_TESTED = "Press “Test” to see whether Anki can sync with this server."
NOT_SAVED = "Nothing was saved. To save the address without logging in, clear the password."


class ServerDialog(QDialog):
    """Edits a copy of what is saved; the button Save writes it."""

    def __init__(self, mw: Any) -> None:
        super().__init__(mw)
        self.mw = mw
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(TITLE)
        self.setMinimumWidth(560)
        # The key that the last test brought, and for what it was given.
        self._tested: tuple[Entered, str] | None = None
        self._saves_after_test = False
        self._closed = False
        self._make_fields()
        self._make_buttons()
        self._arrange()
        self._show(Result([next_step(NOT_TESTED)]))
        qconnect(self.finished, self._on_closed)

    def _make_fields(self) -> None:
        self.address = QLineEdit(saved_address(self.mw))
        self.address.setPlaceholderText(EXAMPLES)
        self.name = QLineEdit(saved_name(self.mw))
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setPlaceholderText("only needed to test the login, or to log in")
        self.results = QTextBrowser()
        self.results.setMinimumHeight(150)

    def _make_buttons(self) -> None:
        self.test_button = QPushButton("Test")
        self.better_button = QPushButton()
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Save | buttons.Cancel)
        qconnect(self.test_button.clicked, self.test)
        qconnect(self.better_button.clicked, self._use_better_address)
        qconnect(self.buttons.accepted, self.save)
        qconnect(self.buttons.rejected, self.reject)
        # Enter in a field tests; saving is a decision of its own.
        self.test_button.setDefault(True)
        for button in (self.better_button, *self.buttons.buttons()):
            button.setAutoDefault(False)

    def _arrange(self) -> None:
        introduction = QLabel(INTRODUCTION)
        introduction.setWordWrap(True)
        fields = QFormLayout()
        fields.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        fields.addRow("Address", self.address)
        fields.addRow("Name", self.name)
        fields.addRow("Password", self.password)
        layout = QVBoxLayout(self)
        layout.addWidget(introduction)
        layout.addLayout(fields)
        layout.addWidget(self.test_button)
        layout.addWidget(self.results)
        layout.addWidget(self.better_button)
        layout.addWidget(self.buttons)

    def entered(self) -> Entered:
        """Return what stands in the fields."""
        return Entered(self.address.text().strip(), self.name.text().strip(), self.password.text())

    def test(self) -> None:
        """Start the test; the window stays usable and shows the result when it is there."""
        entered = self.entered()
        self._show(Result([unknown(TESTING)]))
        self._enable(False)
        # Taken here: the profile could be closed while the test waits.
        sync_login = self.mw.col.sync_login
        operation = QueryOp(
            parent=self.mw,
            op=lambda _collection: check(entered, sync_login),
            success=lambda result: self._on_tested(entered, result),
        ).failure(lambda error: self._on_tested(entered, _unexpected(error)))
        # Anki before 23.10 never holds the collection back for others.
        if hasattr(operation, "without_collection"):
            operation = operation.without_collection()
        operation.run_in_background()

    def _on_tested(self, entered: Entered, result: Result) -> None:
        if self._closed:
            return
        self._tested = (entered, result.key)
        self._enable(True)
        saves, self._saves_after_test = self._saves_after_test, False
        if saves and result.key:
            self.save()
        elif saves:
            self._show(Result([*result.findings, next_step(NOT_SAVED)]))
        else:
            self._show(result)

    def _enable(self, enabled: bool) -> None:
        for button in (self.test_button, self.buttons.button(self.buttons.StandardButton.Save)):
            button.setEnabled(enabled)

    def _show(self, result: Result) -> None:
        self.results.setHtml(as_html(result.findings))
        self._better_address = result.better_address
        self.better_button.setText(f"Use {result.better_address}")
        self.better_button.setVisible(bool(result.better_address))

    def _use_better_address(self) -> None:
        self.address.setText(self._better_address)
        self.test()

    def save(self) -> None:
        """Save an address that Anki can use, or none at all, and close; log in if asked to."""
        entered = self.entered()
        address = read_address(entered.address)
        if entered.address and address.problem:
            self._show(Result([address.problem]))
            return
        if entered.address and entered.password and not self._key_for(entered):
            self._saves_after_test = True
            self.test()
            return
        save(self.mw, address.url, entered.name, self._key_for(entered))
        tooltip(_saved(address.url), parent=self.mw)
        self.accept()

    def _key_for(self, entered: Entered) -> str:
        # A key counts only for what it was given for.
        return self._tested[1] if self._tested and self._tested[0] == entered else ""

    def _on_closed(self) -> None:
        self._closed = True


def _unexpected(error: Exception) -> Result:
    return Result([wrong(f"The test itself failed: {error}", "Please report this.")])


def _saved(address: str) -> str:
    return f"Anki now syncs with {address}" if address else "Anki now syncs with AnkiWeb"
