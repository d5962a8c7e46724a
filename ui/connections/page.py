"""The settings page of the brokers: which one the desk opens, how it is reached, and a test of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from execution.commands import ReadConnections, SaveConnections, TryConnection
from execution.connection_views import ConnectionsView, ProbeView
from models.errors import KnownError
from ui.connections.ibkr_fields import IbkrFields
from ui.connections.report import Report
from ui.engine_client import EngineClient
from ui.theme import GAP, PAD, Theme

_PAPER, _IBKR = "paper", "ibkr"
_NAMES = {_PAPER: "the paper broker", _IBKR: "Interactive Brokers"}
_WIDTH_PX = 640


class ConnectionsPage(QDialog):
    """A window beside the desk, not in its way. `restart_wanted` after a save that the user wants in effect now."""

    restart_wanted = Signal()

    def __init__(self, client: EngineClient, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._saved: ConnectionsView | None = None
        self._tests = 0
        self._had_focus = False
        self.setWindowTitle("Broker connections")
        self.setModal(False)
        self.setMinimumWidth(_WIDTH_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        column.setSpacing(PAD)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinimumSize)
        self.running_label = QLabel("Reading the settings…", self)
        self.running_label.setWordWrap(True)
        column.addWidget(self.running_label)
        self.paper_button = QRadioButton("Paper broker: built in, no account needed, nothing costs money", self)
        self.ibkr_button = QRadioButton("Interactive Brokers, through TWS or IB Gateway", self)
        self._choice = QButtonGroup(self)
        for button in (self.paper_button, self.ibkr_button):
            self._choice.addButton(button)
            column.addWidget(button)
        self.fields = IbkrFields(self)
        column.addWidget(self.fields)
        self.report = Report(theme, self)
        column.addWidget(self.report)
        column.addStretch(1)
        column.addLayout(self._buttons())
        self.fields.changed.connect(self._on_edit)
        self._choice.buttonToggled.connect(self._on_edit)
        self._enable(is_read=False)

    def showEvent(self, event: QShowEvent) -> None:
        """Reads the settings anew each time it is opened."""
        super().showEvent(event)
        self.report.clear()
        self._client.ask(ReadConnections(), self._on_read, self._on_read_failed)

    def _buttons(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(GAP)
        self.test_button = QPushButton("Test connection", self)
        self.save_button = QPushButton("Save", self)
        self.restart_button = QPushButton("Save and restart the desk", self)
        self.close_button = QPushButton("Close", self)
        self.restart_button.setProperty("kind", "primary")
        self.restart_button.setToolTip(
            "Starts the desk again on the broker chosen here. A simulator it was started with is not used then."
        )
        self.test_button.clicked.connect(self._test)
        self.save_button.clicked.connect(self._save)
        self.restart_button.clicked.connect(self._save_and_restart)
        self.close_button.clicked.connect(self.close)
        for button in (self.test_button, self.save_button, self.restart_button, self.close_button):
            button.setAutoDefault(False)
        line.addWidget(self.test_button)
        line.addStretch(1)
        for button in (self.save_button, self.restart_button, self.close_button):
            line.addWidget(button)
        return line

    # --- settings -----------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_read(self, view: ConnectionsView) -> None:
        self._saved = view
        self.fields.fill(view.ibkr, view.libraries)
        self._choice.blockSignals(True)
        (self.ibkr_button if view.broker == _IBKR else self.paper_button).setChecked(True)
        self._choice.blockSignals(False)
        self.running_label.setText(
            f"The desk runs on {_NAMES[view.running]} now ({view.place}). Changes take effect when it starts again.\n"
            f"Kept in {view.file}"
        )
        self._enable(is_read=True)

    def _on_read_failed(self, error: Exception) -> None:
        self.running_label.setText(str(error))

    @Slot()
    def _save(self) -> None:
        self._client.ask(SaveConnections(self._broker(), self.fields.form()), self._on_saved, self._on_save_failed)

    @Slot()
    def _save_and_restart(self) -> None:
        self._client.ask(SaveConnections(self._broker(), self.fields.form()), self._on_ready, self._on_save_failed)

    def _on_saved(self, _: object) -> None:
        self.report.say_good("Saved. It takes effect when the desk starts again.")
        self._client.ask(ReadConnections(), self._on_read, self._on_read_failed)

    def _on_ready(self, _: object) -> None:
        self.close()
        self.restart_wanted.emit()

    def _on_save_failed(self, error: Exception) -> None:
        known = isinstance(error, KnownError)
        self.report.say_bad(str(error) if known else f"Not saved: {type(error).__name__}. The log says more.")

    def _broker(self) -> str:
        return _IBKR if self.ibkr_button.isChecked() else _PAPER

    # --- test ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _test(self) -> None:
        form = self.fields.form()
        self._tests += 1
        self._had_focus = self.test_button.hasFocus()
        self.test_button.setEnabled(False)
        self.report.say_busy(f"Connecting to {form.host}:{form.port} …")
        number = self._tests

        def on_done(view: ProbeView) -> None:
            self._on_tested(number, view)

        def on_failed(error: Exception) -> None:
            if number == self._tests:
                self._offer_test()
                self.report.say_bad(str(error))

        self._client.ask(TryConnection(form), on_done, on_failed)

    def _on_tested(self, number: int, view: ProbeView) -> None:
        if number != self._tests:
            return
        self._offer_test()
        self.report.show_probe(view)

    def _offer_test(self) -> None:
        """Qt gave the keyboard to the next button, Save, while this one was off; who waited for it gets it back."""
        self.test_button.setEnabled(True)
        if self._had_focus and self.save_button.hasFocus():
            self.test_button.setFocus()

    @Slot()
    def _on_edit(self) -> None:
        """A report belongs to what was tested; so does a test that is still under way."""
        self._tests += 1
        self.report.clear()
        self._enable(is_read=self._saved is not None)

    def _enable(self, *, is_read: bool) -> None:
        self.fields.setEnabled(is_read and self.ibkr_button.isChecked())
        self.test_button.setEnabled(is_read and self.ibkr_button.isChecked())
        for widget in (self.paper_button, self.ibkr_button, self.save_button, self.restart_button):
            widget.setEnabled(is_read)
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, on=False)
