"""One suggestion as a card: what to trade, why, what every limit becomes, what it costs, and what to do with it."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from execution.suggestion_views import Suggestion
from models.enums import Action
from models.hedge import HedgeKind
from ui import format as fmt
from ui.journal.flow import FlowLayout
from ui.suggestions import words
from ui.suggestions.dismissal import Dismissal
from ui.suggestions.effect_table import EffectTable
from ui.suggestions.figures import Figures
from ui.suggestions.labels import PlainLabel, button, plain_chip, plain_value
from ui.theme import GAP, PAD, Ink, Theme

#: From these widths on the card's three parts stand beside each other, or the two lower ones.
_THREE_PX, _TWO_PX = 940, 650
_FIGURES_PX = 284
_LEAST_PX = 320
#: Row, column and columns taken of words, limits and figures, by how many stand beside each other.
_PLACES = {
    3: ((0, 0, 1), (0, 1, 1), (0, 2, 1)),
    2: ((0, 0, 2), (1, 0, 1), (1, 1, 1)),
    1: ((0, 0, 1), (1, 0, 1), (2, 0, 1)),
}
_STRETCHES = {3: (5, 5, 3), 2: (5, 3, 0), 1: (1, 0, 0)}
_DO_NOTHING = "Costs nothing and gives up no theta."


class SuggestionCard(QFrame):
    """Emits `load_wanted`, `again_wanted` with the suggestion's id, `dismiss_wanted` with id and reason.

    "Do nothing" is a card without buttons, for comparison.
    """

    load_wanted = Signal(str)
    again_wanted = Signal(str)
    dismiss_wanted = Signal(str, str)

    def __init__(self, theme: Theme, suggestion: Suggestion, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.suggestion = suggestion
        self._shown: tuple[Suggestion, str, str] | None = None
        self.is_baseline = suggestion.verified.candidate.kind is HedgeKind.DO_NOTHING
        self.setObjectName("suggestionCard")
        self.words = self._build_words()
        self.effects = EffectTable(theme, self)
        self.figures = Figures(theme, self)
        self.figures.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.figures.setMaximumWidth(330)
        self.foot = self._build_foot()
        self.dismissal = Dismissal(self)
        self.dismissal.hide()
        self._columns = 0
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(3 * PAD)
        self._grid.setVerticalSpacing(PAD)
        column = QVBoxLayout(self)
        column.setContentsMargins(PAD + GAP, PAD, PAD, PAD)
        column.setSpacing(PAD)
        column.addLayout(self._grid)
        column.addWidget(self.foot)
        column.addWidget(self.dismissal)
        self.foot.setVisible(not self.is_baseline)
        self.figures.setVisible(not self.is_baseline)
        self._arrange(2)
        self.dismissal.chosen.connect(self._on_reason)
        self.dismissal.left.connect(self._keep)
        theme.changed.connect(self._paint)
        self._paint()

    # --- building -----------------------------------------------------------------------------------------------------

    def _build_words(self) -> QWidget:
        part = QWidget(self)
        self.rank = plain_chip(self._theme, part)
        self.kind = PlainLabel("", part, role="title", wraps=False)
        self.price = plain_value(self._theme, part, pixels=14, bold=True)
        self.accepted = plain_chip(self._theme, part)
        self.accepted.hide()
        head = QHBoxLayout()
        head.setSpacing(PAD)
        for widget in (self.rank, self.kind, self.price, self.accepted):
            head.addWidget(widget)
        head.addStretch(1)
        self.legs = QVBoxLayout()
        self.legs.setSpacing(1)
        self.leg_labels: list[PlainLabel] = []
        self.rationale = PlainLabel("", part, selects=True)
        self.rationale.setAccessibleName("Rationale")
        self.watch = PlainLabel("", part, role="muted", selects=True)
        self.summary = PlainLabel("", part, role="caption", selects=True)
        self.author = PlainLabel("", part, role="caption", wraps=False)
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(head)
        column.addLayout(self.legs)
        for label in (self.rationale, self.watch, self.author, self.summary):
            column.addWidget(label)
        column.addStretch(1)
        return part

    def _build_foot(self) -> QWidget:
        part = QWidget(self)
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        self.warning = PlainLabel("", part, role="warning", selects=True)
        self.status = PlainLabel("", part, role="error")
        for label in (self.warning, self.status):
            label.hide()
            column.addWidget(label)
        self.age = PlainLabel("", part, role="caption", wraps=False)
        self.load_button = button("Load in ticket", "Opens it as a draft order; nothing is sent", part, style="primary")
        self.again_button = button("Simulate again", "Reprices it and asks the broker again", part)
        self.dismiss_button = button("Dismiss…", "Takes it off the list, with your reason", part)
        self.buttons = (self.load_button, self.again_button, self.dismiss_button)
        flow = FlowLayout(gap=PAD)
        for widget in (*self.buttons, self.age):
            flow.addWidget(widget)
        column.addLayout(flow)
        self.load_button.clicked.connect(self._load)
        self.again_button.clicked.connect(self._again)
        self.dismiss_button.clicked.connect(self._ask_reason)
        return part

    # --- shown --------------------------------------------------------------------------------------------------------

    def show_suggestion(self, suggestion: Suggestion, model: str, now_utc: datetime, heading: str = "Limits") -> None:
        """Shows a suggestion; touches nothing when it is as it was. `heading` names the limits it is held against."""
        if self._shown == (suggestion, model, heading):
            return
        self._shown = (suggestion, model, heading)
        is_other = suggestion.verified != self.suggestion.verified
        self.suggestion = suggestion
        verified, candidate = suggestion.verified, suggestion.verified.candidate
        self.setAccessibleName(words.spoken(suggestion))
        self._show_head(suggestion)
        self._show_legs(suggestion)
        self.rationale.say(words.rationale(suggestion))
        self.watch.say("Watch: " + ";  ".join(suggestion.watch) if suggestion.watch else "")
        self.author.say("" if self.is_baseline else words.author(suggestion, model))
        own = words.minus(candidate.summary) if suggestion.is_from_model else ""
        self.summary.say(f"By the desk: {own}" if own else "")
        self.effects.show_effects(candidate.effects, heading)
        if self.is_baseline:
            at = f"{words.stress_caption(candidate)}: {fmt.signed(candidate.worst_stress_before_usd, 0)}."
            self.summary.say(f"{_DO_NOTHING} {at}")
        else:
            self.figures.show_figures(verified)
            self.warning.say(f"The broker warns: {verified.broker_warning}" if verified.broker_warning else "")
        if is_other:
            self.status.say("")
        self.tick(now_utc)

    def _show_head(self, suggestion: Suggestion) -> None:
        candidate = suggestion.verified.candidate
        is_first = suggestion.rank == 1
        self.rank.setVisible(not self.is_baseline)
        self.rank.set(str(suggestion.rank), Ink.ACCENT, on=Ink.ON_ACCENT if is_first else None)
        self.rank.setToolTip(f"The desk's own search had it in place {suggestion.solver_rank}")
        self.kind.say(words.deed(candidate))
        self.price.setVisible(not self.is_baseline)
        self.price.set(fmt.net_price(candidate.limit_price))
        self.price.setToolTip("Net price of the smallest package: DB is paid, CR received")
        accepted = suggestion.accepted_at_utc
        self.accepted.setVisible(accepted is not None)
        if accepted is not None:
            self.accepted.set(f"✓ loaded {fmt.clock(accepted, seconds=False)}", Ink.GAIN)
        self.load_button.setText("Load in ticket" if accepted is None else "Load again")
        self.load_button.setAccessibleName(f"{self.load_button.text()}: {words.spoken(suggestion)}")

    def _show_legs(self, suggestion: Suggestion) -> None:
        legs = suggestion.verified.candidate.legs
        while len(self.leg_labels) < len(legs):
            label = PlainLabel("", self.words, wraps=False, selects=True)
            label.setFont(self._theme.number_font(13))
            self.leg_labels.append(label)
            self.legs.addWidget(label)
        for place, label in enumerate(self.leg_labels):
            label.say(words.leg(legs[place]) if place < len(legs) else "")
        self._paint_legs()

    def tick(self, now_utc: datetime) -> None:
        """Counts the age of the verification."""
        if self.is_baseline:
            return
        text, is_old = words.verified_age(self.suggestion.verified, now_utc)
        self.age.say(text)
        self.age.set_role("warning" if is_old else "caption")

    def set_busy(self, text: str) -> None:
        """While the engine is asked the buttons wait; an empty text: it has answered."""
        for each in self.buttons:
            each.setEnabled(not text)
        self.status.set_role("muted")
        self.status.say(text)

    def say_failed(self, text: str) -> None:
        """The engine refused: says why, and the buttons are there again."""
        self.set_busy("")
        self.status.set_role("error")
        self.status.say(f"▲  {text}")

    # --- the user -----------------------------------------------------------------------------------------------------

    @Slot()
    def _load(self) -> None:
        self.load_wanted.emit(self.suggestion.id)

    @Slot()
    def _again(self) -> None:
        self.again_wanted.emit(self.suggestion.id)

    @Slot()
    def _ask_reason(self) -> None:
        self.foot.hide()
        self.dismissal.open()

    @Slot(str)
    def _on_reason(self, reason: str) -> None:
        self._keep()
        self.dismiss_wanted.emit(self.suggestion.id, reason)

    @Slot()
    def _keep(self) -> None:
        self.dismissal.hide()
        self.foot.show()
        self.dismiss_button.setFocus(Qt.FocusReason.OtherFocusReason)

    # --- look ---------------------------------------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:
        """As wide as one part: else a panel made narrower could never have them below each other."""
        least = super().minimumSizeHint()
        return QSize(min(least.width(), _LEAST_PX), least.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The parts stand beside each other where there is room."""
        super().resizeEvent(event)
        self._arrange(3 if self.width() >= _THREE_PX else 2 if self.width() >= _TWO_PX else 1)

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        grid, parts = self._grid, (self.words, self.effects, self.figures)
        keep = self.figures.sizePolicy()
        keep.setRetainSizeWhenHidden(columns > 1)  # the limits of "do nothing" stand below those of the others
        self.figures.setSizePolicy(keep)
        self.figures.setMinimumWidth(_FIGURES_PX if columns > 2 else 0)  # the columns of all cards stand in line
        for part in parts:
            grid.removeWidget(part)
        for part, (row, column, span) in zip(parts, _PLACES[columns], strict=True):
            grid.addWidget(part, row, column, 1, span)
        grid.setAlignment(self.effects, Qt.AlignmentFlag.AlignTop)
        for at, stretch in enumerate(_STRETCHES[columns]):
            grid.setColumnStretch(at, stretch)

    @Slot()
    def _paint(self) -> None:
        ground, border = self._theme.css(Ink.RAISED), self._theme.css(Ink.BORDER)
        edge = self._theme.css(Ink.TEXT_DISABLED if self.is_baseline else Ink.ACCENT)
        self.setStyleSheet(
            f"#suggestionCard {{ background: {ground}; border: 1px solid {border}; border-left: 4px solid {edge};"
            " border-radius: 3px; }"
        )
        self._paint_legs()

    def _paint_legs(self) -> None:
        legs = self.suggestion.verified.candidate.legs
        for leg, label in zip(legs, self.leg_labels, strict=False):
            colour = self._theme.css(Ink.SELL if leg.action is Action.SELL else Ink.BUY)
            sheet = f"color: {colour}; font-size: 13px;"
            if sheet != label.styleSheet():
                label.setStyleSheet(sheet)
