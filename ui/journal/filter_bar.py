"""The journal's filters in one line (or more when it is narrow)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QWidget

from database.journal_query import JournalFilter
from models.clock import Clock
from models.enums import JournalStatus, Regime
from ui import format as fmt
from ui.icons import Icons
from ui.journal import text as words
from ui.journal.date_range import DateRange, Range
from ui.journal.facet_button import FacetButton
from ui.journal.flow import FlowLayout
from ui.theme import GAP, Theme
from ui.widgets.search_box import SearchBox

if TYPE_CHECKING:
    from database.journal_query import JournalFacets


class FilterBar(QWidget):
    """Emits `changed`; `wanted()` is what the list should hold."""

    changed = Signal()

    def __init__(self, theme: Theme, icons: Icons, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._total: int | None = None
        self._shown: int | None = None
        self.search = SearchBox(icons, "Search notes, tags, symbols", self)
        self.search.setFixedWidth(220)
        self.search.setToolTip("Words that must all occur in rationale, tags, symbol or strategy")
        self.underlying = FacetButton(theme, "Symbol", str, self)
        self.strategy = FacetButton(theme, "Strategy", words.strategy, self)
        self.regime = FacetButton(theme, "Regime", lambda text: words.regime_chip(text)[0] or text, self)
        self.status = FacetButton(theme, "Status", fmt.words, self)
        self.account = FacetButton(theme, "Account", str, self)
        self.tag = FacetButton(theme, "Tag", str, self)
        self.dates = DateRange(clock, self)
        self.clear_button = QPushButton("Clear", self)
        self.clear_button.setProperty("kind", "flat")
        self.clear_button.setToolTip("Take every filter away")
        self.clear_button.clicked.connect(self.clear)
        self.count = QLabel(self)
        self.count.setProperty("role", "muted")
        layout = FlowLayout(self, gap=GAP)
        for widget in (self.search, *self.facet_buttons, self.dates, self.clear_button, self.count):
            layout.addWidget(widget)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.search.searched.connect(self._on_changed)
        self.dates.changed.connect(self._on_changed)
        for button in self.facet_buttons:
            button.changed.connect(self._on_changed)
        self._show_clear()

    @property
    def facet_buttons(self) -> tuple[FacetButton, ...]:
        """The buttons that open lists of values."""
        return (self.underlying, self.strategy, self.regime, self.status, self.account, self.tag)

    @property
    def is_filtering(self) -> bool:
        """Whether anything is asked for but everything."""
        return self.wanted() != JournalFilter()

    def wanted(self) -> JournalFilter:
        """Returns the filter as it stands; Today, 7D and 30D count from the present day."""
        start, end = self.dates.bounds()
        return JournalFilter(
            text=self.search.text().strip(),
            accounts=self.account.chosen,
            underlyings=self.underlying.chosen,
            strategies=self.strategy.chosen,
            regimes=tuple(Regime(text) for text in self.regime.chosen),
            statuses=tuple(JournalStatus(text) for text in self.status.chosen),
            tags=self.tag.chosen,
            from_utc=start,
            to_utc=end,
        )

    def set_facets(self, facets: JournalFacets) -> None:
        """Takes the values that occur."""
        for button, values in (
            (self.underlying, facets.underlyings),
            (self.strategy, facets.strategies),
            (self.regime, facets.regimes),
            (self.status, facets.statuses),
            (self.account, facets.accounts),
            (self.tag, facets.tags),
        ):
            button.set_values(values)
        self._total = sum(count for _, count in facets.statuses)
        self._show_count()

    def set_shown(self, count: int) -> None:
        """Says how many rows pass."""
        self._shown = count
        self._show_count()

    def retheme(self) -> None:
        """Redraws the icons."""
        self.search.retheme()

    @Slot()
    def clear(self) -> None:
        """Takes every filter away."""
        self.search.clear()
        for button in self.facet_buttons:
            button.choose(())
        self.dates.choose(Range.ALL)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        self._show_clear()
        self.changed.emit()

    def _show_clear(self) -> None:
        self.clear_button.setVisible(self.is_filtering)
        self._show_count()

    def _show_count(self) -> None:
        if self._shown is None:
            text = ""
        elif self.is_filtering and self._total is not None and self._total >= self._shown:
            text = f"{self._shown:,} of {fmt.plural(self._total, 'trade')}"
        else:
            text = fmt.plural(self._shown, "trade")
        if text != self.count.text():
            self.count.setText(text)
            self.updateGeometry()
