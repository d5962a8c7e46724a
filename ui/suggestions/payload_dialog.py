"""Exactly what would be, or was, sent to the language model: where to, its fingerprint, the whole text."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from execution.suggestion_commands import ReadPayload
from execution.suggestion_views import PayloadView
from models.errors import KnownError
from ui import format as fmt
from ui.engine_client import EngineClient
from ui.suggestions.asking import ask
from ui.suggestions.labels import PlainLabel, button
from ui.theme import PAD

_NOTE = (
    "This is the whole of it. Never in it: account numbers, names, exact net liquidation, keys; your notes only if you"
    " allowed them in the settings."
)
_CHANGED = "It changed while you were reading: this is the new text."


class PayloadDialog(QDialog):
    """A window beside the desk. `allowed`, with the set's key and the payload's fingerprint, when the user agrees."""

    allowed = Signal(str, str)

    def __init__(self, client: EngineClient, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self.key = ""
        self.view: PayloadView | None = None
        self.setObjectName("payloadDialog")
        self.setWindowTitle("What is sent to the analyst")
        self.setModal(False)
        self.resize(720, 520)
        self.destination, self.fingerprint, self.sent = (PlainLabel("", self, selects=True) for _ in range(3))
        form = QFormLayout()
        form.setHorizontalSpacing(2 * PAD)
        for name, label in (("To", self.destination), ("SHA-256", self.fingerprint), ("Sent", self.sent)):
            form.addRow(PlainLabel(name, self, role="muted", wraps=False), label)
        self.note = PlainLabel(_NOTE, self, role="muted")
        self.changed_note = PlainLabel("", self, role="warning")
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName("Payload")
        self.problem = PlainLabel("", self, role="error")
        self.copy_button = button("Copy", "Copies the whole text", self)
        self.allow_button = button("Allow and send", "Sends it now, and lets the desk ask again", self, style="primary")
        self.close_button = button("Close", "Sends nothing", self)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.allow_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        column.setSpacing(PAD)
        column.addLayout(form)
        for label in (self.note, self.changed_note, self.problem):
            column.addWidget(label)
        column.insertWidget(3, self.text, 1)
        column.addLayout(buttons)
        self.changed_note.hide()
        self.problem.hide()
        self.copy_button.clicked.connect(self._copy)
        self.allow_button.clicked.connect(self._allow)
        self.close_button.clicked.connect(self.close)

    def open_for(self, key: str, *, awaits_consent: bool) -> None:
        """Reads and shows the payload of a set."""
        if key != self.key:
            self.key, self.view = key, None
            for widget in (self.destination, self.fingerprint, self.sent):
                widget.say("")
            self.text.clear()
        self.changed_note.say("")
        self.await_consent(awaits_consent=awaits_consent)
        self.refresh()
        self.show()
        self.raise_()

    def refresh(self) -> None:
        """Reads it anew."""
        key = self.key
        ask(self, self._client, ReadPayload(key), lambda view: self._on_read(key, view), self._on_failed)

    def await_consent(self, *, awaits_consent: bool) -> None:
        """Offers to send it while the user's consent is waited for."""
        self.allow_button.setVisible(awaits_consent)
        self.allow_button.setEnabled(self.view is not None)

    def _on_read(self, key: str, view: PayloadView) -> None:
        if key != self.key:
            return
        if self.view is not None and view.sha256 != self.view.sha256:
            self.changed_note.say(_CHANGED)
        self.view = view
        self.problem.say("")
        self.destination.say(view.destination)
        self.fingerprint.say(view.sha256)
        self.sent.say("not sent" if view.sent_at_utc is None else fmt.utc_text(view.sent_at_utc))
        if view.text != self.text.toPlainText():
            self.text.setPlainText(view.text)
        self.allow_button.setEnabled(True)

    def _on_failed(self, error: Exception) -> None:
        known = isinstance(error, KnownError)
        self.problem.say(str(error) if known else f"It cannot be shown: {type(error).__name__}. The log says more.")

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    @Slot()
    def _allow(self) -> None:
        if self.view is not None:
            self.allow_button.hide()
            self.hide()  # it was read; what comes of it stands on the panel
            self.allowed.emit(self.key, self.view.sha256)
