"""The one confirmation dialog: what will happen, where, what speaks against it, and the verb on the button."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from models.enums import Mode
from ui.theme import PAD, Ink, Theme
from ui.widgets.labels import Chip


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A question to the user.

    `verb` is the button's text and says what it does ("Sell 2 iron condors for CR 1.85"); `kind` its colour
    (primary, danger, buy, sell). `facts` are label and value; `warnings` are listed in the warning colour. `must_type`
    is a text that has to be typed before the button works (arming a live account).
    """

    title: str
    text: str
    verb: str
    kind: str = "primary"
    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    mode: Mode | None = None
    where: str = ""
    must_type: str = ""


class ConfirmDialog(QDialog):
    """Window-modal. Enter presses the verb unless it is dangerous; Esc goes back."""

    def __init__(self, theme: Theme, question: Confirmation, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName("confirm")
        self.setWindowTitle(question.title)
        self.setMinimumWidth(420)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._must_type = question.must_type
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        layout.setSpacing(PAD)
        self._add_where(layout, theme, question)
        text = QLabel(question.text, self)
        text.setWordWrap(True)
        layout.addWidget(text)
        if question.facts:
            layout.addLayout(self._facts(theme, question.facts))
        for warning in question.warnings:
            label = QLabel(f"▲  {warning}", self)
            label.setProperty("role", "warning")
            label.setWordWrap(True)
            layout.addWidget(label)
        self.typed = QLineEdit(self)
        self.typed.setVisible(bool(question.must_type))
        self.typed.setPlaceholderText(f"Type {question.must_type} to go on")
        self.typed.textChanged.connect(self._on_typed)
        layout.addWidget(self.typed)
        layout.addSpacing(PAD)
        layout.addLayout(self._buttons(question))

    def _add_where(self, layout: QVBoxLayout, theme: Theme, question: Confirmation) -> None:
        if question.mode is None and not question.where:
            return
        line = QHBoxLayout()
        if question.mode is not None:
            chip = Chip(theme, self)
            is_live = question.mode is Mode.LIVE
            chip.set(
                question.mode.value, Ink.LIVE if is_live else Ink.PAPER, on=Ink.ON_LIVE if is_live else Ink.ON_PAPER
            )
            line.addWidget(chip, 0, Qt.AlignmentFlag.AlignVCenter)
        where = QLabel(question.where, self)
        where.setProperty("role", "title")
        line.addWidget(where)
        line.addStretch(1)
        layout.addLayout(line)

    def _facts(self, theme: Theme, facts: tuple[tuple[str, str], ...]) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(2 * PAD)
        for name, value in facts:
            caption = QLabel(name, self)
            caption.setProperty("role", "muted")
            figure = QLabel(value, self)
            figure.setFont(theme.number_font())
            figure.setWordWrap(True)
            form.addRow(caption, figure)
        return form

    def _buttons(self, question: Confirmation) -> QHBoxLayout:
        line = QHBoxLayout()
        line.addStretch(1)
        self.back_button = QPushButton("Back", self)
        self.back_button.clicked.connect(self.reject)
        self.verb_button = QPushButton(question.verb, self)
        self.verb_button.setProperty("kind", question.kind)
        self.verb_button.clicked.connect(self.accept)
        self.verb_button.setEnabled(not question.must_type)
        line.addWidget(self.back_button)
        line.addWidget(self.verb_button)
        is_risky = question.kind == "danger"
        self.verb_button.setAutoDefault(not is_risky)
        self.verb_button.setDefault(not is_risky)
        self.back_button.setDefault(is_risky)
        if question.must_type:
            self.typed.setFocus()
        else:
            (self.back_button if is_risky else self.verb_button).setFocus()
        return line

    def _on_typed(self, text: str) -> None:
        """Who has typed the whole of it means it: Enter then does what the button says."""
        is_meant = text.strip() == self._must_type
        self.verb_button.setEnabled(is_meant)
        (self.verb_button if is_meant else self.back_button).setDefault(True)
