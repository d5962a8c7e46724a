"""The suggestions against one breach: how the search goes, the analyst, the cards, what was struck out, the score."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from execution.suggestion_views import SearchPhase, Suggestion, SuggestionSet
from models.hedge import HedgeKind
from ui.suggestions import words
from ui.suggestions.analyst_strip import AnalystStrip
from ui.suggestions.card import SuggestionCard
from ui.suggestions.fold import Fold
from ui.suggestions.labels import PlainLabel, button
from ui.suggestions.scoreboard import ScoreboardView
from ui.theme import GAP, PAD, Theme

_AT_WORK = (SearchPhase.SEARCHING, SearchPhase.VERIFYING)


class SetView(QWidget):
    """Shows a SuggestionSet in place: a card keeps its widget as long as its suggestion is there.

    `search_wanted` is Search again; the cards' wishes come through with the suggestion's id.
    """

    search_wanted = Signal()
    load_wanted = Signal(str)
    again_wanted = Signal(str)
    dismiss_wanted = Signal(str, str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._held: SuggestionSet | None = None
        self.cards: dict[str, SuggestionCard] = {}
        self.title = PlainLabel("", self, role="title")
        self.scored = PlainLabel("", self, role="caption", wraps=False)
        self.search_button = button("Search again", "Searches and verifies anew on the market of now", self)
        self.search_button.clicked.connect(self.search_wanted)
        self.state = PlainLabel("", self, role="muted", selects=True)
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(3)
        self.progress.setRange(0, 0)
        self.progress.setAccessibleName("The search is running")
        self.progress.hide()
        self.note = PlainLabel("", self, role="muted", selects=True)
        self.strip = AnalystStrip(theme, self)
        self.struck = Fold(theme, "Not offered", self)
        self.dismissed = Fold(theme, "Dismissed", self)
        self.scoreboard = ScoreboardView(theme, self)
        for fold in (self.struck, self.dismissed):
            fold.again_wanted.connect(self.again_wanted)
        self._lay_out()

    def _lay_out(self) -> None:
        words_line = QVBoxLayout()
        words_line.setSpacing(0)
        words_line.addWidget(self.title)
        words_line.addWidget(self.state)
        self._head = QWidget(self)
        head = QHBoxLayout(self._head)
        head.setContentsMargins(PAD, GAP, PAD, GAP)
        head.setSpacing(PAD)
        head.addLayout(words_line, 1)
        head.addWidget(self.scored)
        head.addWidget(self.search_button)
        content = QWidget(self)
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(PAD, 2, PAD, PAD)
        self._column.setSpacing(6)
        self._column.addWidget(self.note)
        self._column.addWidget(self.strip)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(6)
        self._column.addLayout(self._cards)
        for widget in (self.struck, self.dismissed, self.scoreboard):
            self._column.addWidget(widget)
        self._column.addStretch(1)
        self.area = QScrollArea(self)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setWidget(content)
        content.setAutoFillBackground(False)
        self.area.viewport().setAutoFillBackground(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head)
        column.addWidget(self.progress)
        column.addWidget(self.area, 1)

    # --- shown --------------------------------------------------------------------------------------------------------

    def show_nothing(self, text: str) -> None:
        """Nothing is chosen: says in words why, and shows the score."""
        self._held = None
        self._head.hide()
        self.progress.hide()
        self.note.say(text)
        self.strip.show_set(None)
        self._show_cards((), None)

    def show_unsearched(self, title: str, text: str) -> None:
        """Something is chosen that was not searched for yet."""
        self.show_nothing(text)
        self._head.show()
        self.title.say(title)
        self.scored.say("")
        self.state.say("")
        self._offer_search("Search now", is_busy=False)

    def show_set(self, held: SuggestionSet, now_utc: datetime) -> None:
        """Shows a set; what did not change is not touched."""
        if held is self._held:
            return
        is_other = self._held is None or self._held.key != held.key
        self._held = held
        self._head.show()
        self.title.say(held.title)
        self.scored.say(words.scored(held))
        self.state.say(words.search(held))
        self.state.set_role("error" if held.search is SearchPhase.FAILED else "muted")
        is_busy = held.search in _AT_WORK
        self.progress.setVisible(is_busy)
        self._offer_search("Search again", is_busy=is_busy)
        none_offered = held.search is SearchPhase.READY and not any(one.rank for one in held.suggestions)
        self.note.say(words.NONE_OFFERED if none_offered else words.AHEAD if held.situation.is_premortem else "")
        self.strip.show_set(held)
        self._show_cards(held.suggestions, now_utc)
        if is_other:
            self.area.verticalScrollBar().setValue(0)

    def _offer_search(self, text: str, *, is_busy: bool) -> None:
        self.search_button.setText(text)
        self.search_button.setAccessibleName(text)
        self.search_button.setEnabled(not is_busy)

    def _show_cards(self, suggestions: tuple[Suggestion, ...], now_utc: datetime | None) -> None:
        offered = [one for one in suggestions if one.is_open and not _is_baseline(one)]
        shown = [*offered, *(one for one in suggestions if _is_baseline(one))]
        ids = {one.id for one in shown}
        for gone in [key for key in self.cards if key not in ids]:
            card = self.cards.pop(gone)
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        model = "" if self._held is None else self._held.analyst.model
        heading = "" if self._held is None else words.limits_heading(self._held.situation)
        for place, one in enumerate(shown):
            card_or_none = self.cards.get(one.id)
            if card_or_none is None:
                card_or_none = self.cards[one.id] = self._new_card(one)
            if self._cards.indexOf(card_or_none) != place:
                self._cards.insertWidget(place, card_or_none)
                card_or_none.show()
            if now_utc is not None:
                card_or_none.show_suggestion(one, model, now_utc, heading)
        rest = [one for one in suggestions if one.id not in ids]
        self.struck.show_suggestions(tuple(one for one in rest if one.dismissed is None))
        self.dismissed.show_suggestions(tuple(one for one in rest if one.dismissed is not None))

    def _new_card(self, suggestion: Suggestion) -> SuggestionCard:
        card = SuggestionCard(self._theme, suggestion, self)
        card.load_wanted.connect(self.load_wanted)
        card.again_wanted.connect(self.again_wanted)
        card.dismiss_wanted.connect(self.dismiss_wanted)
        return card

    def tick(self, now_utc: datetime) -> None:
        """Counts the ages of the verifications."""
        for card in self.cards.values():
            card.tick(now_utc)

    # --- what a card waits for ----------------------------------------------------------------------------------------

    def set_busy(self, suggestion_id: str, text: str) -> None:
        """The engine is asked about one; an empty text: it has answered."""
        for place in (self.cards, self.struck.rows):
            if suggestion_id in place:
                place[suggestion_id].set_busy(text)

    def say_failed(self, suggestion_id: str, text: str) -> bool:
        """Says at the card why the engine refused; returns False when the card is gone."""
        found = False
        for place in (self.cards, self.struck.rows):
            if suggestion_id in place:
                place[suggestion_id].say_failed(text)
                found = True
        return found

    @Slot()
    def show_scoreboard(self) -> None:
        """Scrolls to the score."""
        self.area.ensureWidgetVisible(self.scoreboard, 0, PAD)


def _is_baseline(suggestion: Suggestion) -> bool:
    return suggestion.verified.candidate.kind is HedgeKind.DO_NOTHING
