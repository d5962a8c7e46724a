"""The language model's part: what it is doing, what it cost, what was taken out of its words; ask, stop, read, set."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from execution.suggestion_views import AnalystPhase, SearchPhase, SuggestionSet
from ui.suggestions import words
from ui.suggestions.labels import PlainLabel, button, plain_chip
from ui.theme import GAP, PAD, Ink, Theme

_INKS = {
    AnalystPhase.OFF: Ink.TEXT_MUTED,
    AnalystPhase.WAITING_CONSENT: Ink.WARNING,
    AnalystPhase.WORKING: Ink.INFO,
    AnalystPhase.DONE: Ink.GAIN,
    AnalystPhase.FAILED: Ink.ERROR,
    AnalystPhase.CANCELLED: Ink.TEXT_MUTED,
}
_ASK = {AnalystPhase.DONE: "Ask again", AnalystPhase.WAITING_CONSENT: "Read and allow…"}
#: From this width on the buttons stand at the right.
_BESIDE_PX = 560
#: From this width on model, tokens and cost do too.
_ONE_LINE_PX = 900
_ALL_ROOM = 100
_NO_SET = "Asked when there are suggestions. Everything here works without it."


class AnalystStrip(QFrame):
    """Shows the AnalystReport of a set. Its signals are its buttons."""

    ask_wanted = Signal()
    stop_wanted = Signal()
    payload_wanted = Signal()
    settings_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._is_roomy = False
        self.setObjectName("analystStrip")
        title = PlainLabel("Analyst", self, role="title", wraps=False)
        self.phase = plain_chip(theme, self)
        self.facts = PlainLabel("", self, role="caption", wraps=True)
        self.text = PlainLabel("", self, role="muted", selects=True)
        self.comment = PlainLabel("", self, selects=True)
        self.comment.setAccessibleName("What the model says of all of them")
        self.asked_for = PlainLabel("", self, role="muted", selects=True)
        self.ask_button = button("Ask the analyst", "Has the language model rank and explain what is offered", self)
        self.stop_button = button("Stop", "Breaks off the request", self)
        self.payload_button = button("Show what is sent", "The exact text, before and after it is sent", self)
        self.settings_button = button(
            "Settings…", "Server, model, key, what may be sent", self, name="Analyst settings"
        )
        self._name = QHBoxLayout()
        self._name.setSpacing(PAD)
        for widget in (title, self.phase):
            self._name.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        self._name.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        for each in (self.ask_button, self.stop_button, self.payload_button, self.settings_button):
            buttons.addWidget(each)
        buttons.addStretch(0)
        self._head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._head.setSpacing(GAP)
        self._head.addLayout(self._name, 1)
        self._head.addLayout(buttons)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(PAD + GAP, GAP, PAD, 6)
        self._column.setSpacing(3)
        self._column.addLayout(self._head)
        for label in (self.facts, self.text, self.comment, self.asked_for):
            self._column.addWidget(label)
        self.ask_button.clicked.connect(self.ask_wanted)
        self.stop_button.clicked.connect(self.stop_wanted)
        self.payload_button.clicked.connect(self.payload_wanted)
        self.settings_button.clicked.connect(self.settings_wanted)
        theme.changed.connect(self._paint)
        self._paint()
        self.show_set(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The buttons stand at the right where there is room, else below; so do the facts, where there is more."""
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        self._head.setDirection(directions.LeftToRight if self.width() >= _BESIDE_PX else directions.TopToBottom)
        is_roomy = self.width() >= _ONE_LINE_PX
        if is_roomy is not self._is_roomy:
            self._is_roomy = is_roomy
            old, new, place = (self._column, self._name, 2) if is_roomy else (self._name, self._column, 1)
            old.removeWidget(self.facts)
            new.insertWidget(place, self.facts, _ALL_ROOM if is_roomy else 0)

    def show_set(self, held: SuggestionSet | None) -> None:
        """Shows what the model did for a set; None: there is none."""
        if held is None:
            self.phase.set(words.phase(AnalystPhase.OFF), Ink.TEXT_MUTED)
            self.text.say(_NO_SET)
            for label in (self.facts, self.comment, self.asked_for):
                label.say("")
            self._offer(can_ask=False, is_working=False, has_set=False)
            return
        report = held.analyst
        self.phase.set(words.phase(report.phase), _INKS[report.phase])
        self.facts.say(words.analyst_facts(report))
        is_silent = report.phase is AnalystPhase.OFF and not report.text
        self.text.say(words.OWN_RANKING if is_silent else report.text)
        self.comment.say(report.comment)
        self.asked_for.say(f"Asked for another search: {report.asked_for}" if report.asked_for else "")
        can_ask = held.search is SearchPhase.READY and any(one.is_open for one in held.suggestions)
        self.ask_button.setText(_ASK.get(report.phase, "Ask the analyst"))
        self.ask_button.setAccessibleName(self.ask_button.text())
        self._offer(can_ask=can_ask, is_working=report.phase is AnalystPhase.WORKING, has_set=True)

    def _offer(self, *, can_ask: bool, is_working: bool, has_set: bool) -> None:
        self.ask_button.setVisible(not is_working)
        self.ask_button.setEnabled(can_ask)
        self.stop_button.setVisible(is_working)
        self.payload_button.setEnabled(has_set)

    def _paint(self) -> None:
        border = self._theme.css(Ink.BORDER)
        self.setStyleSheet(f"#analystStrip {{ border: 1px solid {border}; border-radius: 3px; }}")
