"""What is to be cured, as cards to choose from: each broken limit, and what a step up of the regime would break."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from execution.suggestion_views import PreMortem, SuggestionSet
from models.risk import RiskBreach
from ui import format as fmt
from ui.breaches import text as breach_words
from ui.suggestions import words
from ui.suggestions.labels import PlainLabel, button, plain_chip, plain_value
from ui.theme import GAP, PAD, Ink, Theme, regime_ink
from ui.widgets.limit_bar import LimitBar

PREMORTEM = "premortem"
#: Width of the list beside the suggestions, and of a card above them.
LIST_PX, CARD_PX = 316, 300


class PickCard(QPushButton):
    """A card that is chosen by click, Space or Enter."""

    def __init__(self, theme: Theme, key: str, edge: Ink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.key = key
        self._edge = edge
        self.setObjectName("pickCard")
        self.setCheckable(True)
        self.setAutoDefault(False)
        theme.changed.connect(self._paint)
        self._paint()

    def sizeHint(self) -> QSize:
        """As large as what is on it."""
        layout = self.layout()
        return super().sizeHint() if layout is None else layout.totalSizeHint()

    def minimumSizeHint(self) -> QSize:
        """As large as what is on it needs."""
        layout = self.layout()
        return super().minimumSizeHint() if layout is None else layout.totalMinimumSize()

    def set_edge(self, ink: Ink) -> None:
        """Paints the left edge in another colour."""
        if ink is not self._edge:
            self._edge = ink
            self._paint()

    @staticmethod
    def pass_clicks(*labels: QWidget) -> None:
        """Clicks on what stands on the card are clicks on the card."""
        for label in labels:
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @Slot()
    def _paint(self) -> None:
        theme = self._theme
        self.setStyleSheet(
            f"#pickCard {{ background: {theme.css(Ink.RAISED)}; border: 1px solid {theme.css(Ink.BORDER)};"
            f" border-left: 4px solid {theme.css(self._edge)}; border-radius: 3px; padding: 0; text-align: left; }}"
            f" #pickCard:hover {{ background: {theme.css(Ink.HOVER)}; }}"
            f" #pickCard:checked {{ background: {theme.css(Ink.SELECTION)}; }}"
            f" #pickCard:focus {{ border-top-color: {theme.css(Ink.ACCENT)}; border-right-color:"
            f" {theme.css(Ink.ACCENT)}; border-bottom-color: {theme.css(Ink.ACCENT)}; }}"
        )


class BreachPick(PickCard):
    """A broken limit: metric, figure against bound, limit bar, regime, since when, how many trades are offered."""

    def __init__(self, theme: Theme, key: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, key, Ink.LIMIT_BREACHED, parent)
        self.breach: RiskBreach | None = None
        self.title = PlainLabel("", self, role="title", wraps=False)
        self.regime = plain_chip(theme, self)
        self.regime.setToolTip("The regime whose limit is broken")
        self.value = plain_value(theme, self, pixels=15, bold=True)
        self.bound = PlainLabel("", self, role="caption", wraps=False)
        self.bar = LimitBar(theme, self)
        self.share = PlainLabel("", self, role="caption", wraps=False)
        self.since = PlainLabel("", self, role="caption", wraps=False)
        self.offered = PlainLabel("", self, role="caption", wraps=False)
        self.pass_clicks(self.title, self.regime, self.value, self.bound, self.bar, self.share, self.since)
        self.pass_clicks(self.offered)
        column = QVBoxLayout(self)
        column.setContentsMargins(PAD + GAP, 6, PAD, 6)
        column.setSpacing(2)
        column.addLayout(_line(self.title, None, self.regime))
        column.addLayout(_line(self.value, self.bound, None, self.share))
        column.addWidget(self.bar)
        column.addLayout(_line(self.since, None, self.offered))

    def show_breach(
        self, breach: RiskBreach | None, held: SuggestionSet | None, live_value: float | None, now_utc: datetime
    ) -> None:
        """Shows the breach with the figure as it is now; without one (the engine is ahead) the set's own title."""
        self.breach = breach
        self.offered.say(_offered(held))
        if breach is None:
            self.title.say("" if held is None else held.title)
            return
        value = breach.actual_value if live_value is None else live_value
        share = breach_words.used(breach, value)
        self.title.say(breach_words.title(breach))
        self.regime.set(fmt.regime_name(breach.regime), regime_ink(breach.regime))
        self.value.set(fmt.metric_value(breach.metric, value), Ink.LIMIT_BREACHED)
        self.bound.say(breach_words.bound_text(breach))
        self.bar.set_share(share, is_breached=True)
        self.share.say(f"{fmt.utilisation(share)}, {breach_words.beyond(breach, value)}")
        self.setAccessibleName(
            f"{self.title.text()}: {self.value.text()} against {self.bound.text()}, regime {self.regime.text()}"
        )
        self.setToolTip(fmt.metric_unit(breach.metric))
        self.tick(now_utc)

    def tick(self, now_utc: datetime) -> None:
        """Counts how long it has been open."""
        if self.breach is not None:
            at = self.breach.detected_at
            self.since.say(f"since {breach_words.moment(at, now_utc)}, {breach_words.lasted(at, now_utc)}")


class PreMortemPick(PickCard):
    """What would break if the regime stepped up now. `find_wanted` searches for trades before it happens."""

    find_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, PREMORTEM, Ink.TEXT_DISABLED, parent)
        self.title = PlainLabel("", self, role="title")
        self.regime = plain_chip(theme, self)
        self.lines = PlainLabel("", self)
        self.offered = PlainLabel("", self, role="caption", wraps=False)
        self.find_button = button("Find trades for it", "Looks for trades that would hold in that regime", self)
        self.pass_clicks(self.title, self.regime, self.lines, self.offered)
        column = QVBoxLayout(self)
        column.setContentsMargins(PAD + GAP, 6, PAD, 6)
        column.setSpacing(3)
        column.addLayout(_line(PlainLabel("Regime pre-mortem", self, role="caption", wraps=False), None, self.regime))
        column.addWidget(self.title)
        column.addWidget(self.lines)
        column.addLayout(_line(self.find_button, None, self.offered))
        self.find_button.clicked.connect(self.find_wanted)

    def show_premortem(self, found: PreMortem, held: SuggestionSet | None) -> None:
        """Shows what would break, or that nothing would."""
        name = fmt.regime_name(found.regime)
        self.regime.set(name, regime_ink(found.regime))
        self.title.say(f"If volatility stepped up to {name} now")
        lines = [words.minus(line) for line in found.lines]
        self.lines.say("\n".join(f"▲  {line}" for line in lines) if found.breaks else "✓  every limit would hold.")
        self.set_edge(Ink.LIMIT_NEAR if found.breaks else Ink.LIMIT_OK)
        self.find_button.setVisible(found.breaks)
        self.offered.say(_offered(held))
        self.setAccessibleName(f"Regime pre-mortem. {self.title.text()}: {'. '.join(lines) or 'every limit holds'}")


class PickList(QScrollArea):
    """The cards, below each other or side by side. `chosen(key)` tells the user's choice, `find_wanted` its button."""

    chosen = Signal(str)
    find_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.cards: dict[str, BreachPick | PreMortemPick] = {}
        self._content = QWidget(self)
        self._line = QBoxLayout(QBoxLayout.Direction.TopToBottom, self._content)
        self._line.setContentsMargins(PAD, PAD, PAD, PAD)
        self._line.setSpacing(6)
        self._line.addStretch(1)
        self._is_beside = True
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidgetResizable(True)
        self.setWidget(self._content)
        self._content.setAutoFillBackground(False)
        self.viewport().setAutoFillBackground(False)
        self.set_beside(is_beside=True)

    def show_picks(
        self,
        breaches: tuple[RiskBreach, ...],
        sets: dict[str, SuggestionSet],
        premortem: PreMortem | None,
        live: dict[str, float | None],
        now_utc: datetime,
    ) -> tuple[str, ...]:
        """Shows a card for each and returns their keys in order. `live`: the figure of a breach now, by its id."""
        opened = {breach.id: breach for breach in breaches}
        keys = [*opened, *(key for key in sets if key not in opened and key != PREMORTEM)]
        if premortem is not None:
            keys.append(PREMORTEM)
        for gone in set(self.cards) - set(keys):
            card = self.cards.pop(gone)
            self._line.removeWidget(card)
            card.hide()
            card.deleteLater()
        for place, key in enumerate(keys):
            card = self.cards.get(key) or self._new(key)
            if self._line.indexOf(card) != place:
                self._line.insertWidget(place, card, 0, self._side())
                card.show()
            if isinstance(card, BreachPick):
                card.show_breach(opened.get(key), sets.get(key), live.get(key), now_utc)
            elif premortem is not None:
                card.show_premortem(premortem, sets.get(key))
        self.setVisible(bool(keys))
        self._fit()
        return tuple(keys)

    def _new(self, key: str) -> BreachPick | PreMortemPick:
        card: BreachPick | PreMortemPick
        if key == PREMORTEM:
            card = PreMortemPick(self._theme, self._content)
            card.find_wanted.connect(self.find_wanted)
        else:
            card = BreachPick(self._theme, key, self._content)
        card.clicked.connect(lambda: self._on_clicked(key))
        self.cards[key] = card
        self._size(card)
        return card

    def _on_clicked(self, key: str) -> None:
        self.choose(key)
        self.chosen.emit(key)

    def choose(self, key: str | None) -> None:
        """Presses one card."""
        for name, card in self.cards.items():
            card.setChecked(name == key)

    def tick(self, now_utc: datetime) -> None:
        """Counts durations."""
        for card in self.cards.values():
            if isinstance(card, BreachPick):
                card.tick(now_utc)

    def set_beside(self, *, is_beside: bool) -> None:
        """Below each other, left of the suggestions; or side by side, above them."""
        self._is_beside = is_beside
        directions = QBoxLayout.Direction
        self._line.setDirection(directions.TopToBottom if is_beside else directions.LeftToRight)
        on, off = Qt.ScrollBarPolicy.ScrollBarAsNeeded, Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(on if is_beside else off)
        self.setHorizontalScrollBarPolicy(off if is_beside else on)
        for card in self.cards.values():
            self._size(card)
            self._line.setAlignment(card, self._side())
        self._fit()

    def _side(self) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag(0) if self._is_beside else Qt.AlignmentFlag.AlignTop

    def _size(self, card: QWidget) -> None:
        card.setMinimumWidth(0 if self._is_beside else CARD_PX)
        card.setMaximumWidth(16_777_215 if self._is_beside else CARD_PX)

    def _fit(self) -> None:
        if self._is_beside:
            self.setFixedWidth(LIST_PX)
            self.setMinimumHeight(0)
            self.setMaximumHeight(16_777_215)
            return
        self.setMinimumWidth(0)
        self.setMaximumWidth(16_777_215)
        heights = [
            card.heightForWidth(CARD_PX) if card.hasHeightForWidth() else card.sizeHint().height()
            for card in self.cards.values()
        ]
        self.setFixedHeight(max(heights, default=0) + 2 * PAD + self.horizontalScrollBar().sizeHint().height())


def _offered(held: SuggestionSet | None) -> str:
    if held is None:
        return ""
    count = sum(one.is_open for one in held.suggestions)
    return f"{fmt.plural(count, 'trade')} offered" if count else ""


def _line(*parts: QWidget | None) -> QHBoxLayout:
    """Returns widgets in a line; None takes the room that is left."""
    line = QHBoxLayout()
    line.setSpacing(PAD)
    for part in parts:
        if part is None:
            line.addStretch(1)
        else:
            line.addWidget(part)
    return line
