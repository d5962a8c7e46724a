"""Says that a ticket came from an AI suggestion, and with which words. They are shown literally, whoever wrote them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from execution.commands import TicketDraft
from ui.suggestions.labels import PlainLabel, plain_chip
from ui.theme import Ink, Theme


class OriginNote(QFrame):
    """Takes no room for a ticket of the user's own."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chip = plain_chip(theme, self)
        self.chip.set("from AI suggestion", Ink.ACCENT)
        self.chip.setToolTip("Kept with the order and in the journal while these are its legs")
        self.rationale = PlainLabel("", self, selects=True)
        self.rationale.setAccessibleName("Rationale of the suggestion")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.chip, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.rationale)
        self.hide()

    def show_draft(self, draft: TicketDraft) -> None:
        """Shows where the ticket came from."""
        self.setVisible(draft.ai_suggestion_id is not None)
        self.rationale.say(draft.ai_rationale or "")
