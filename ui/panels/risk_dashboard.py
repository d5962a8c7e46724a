"""The risk dashboard: the book's Greeks against the regime's limits, and what it would make or lose if things moved."""

from __future__ import annotations

import math
from typing import ClassVar

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from execution.views import BookStructure, LimitRow, MarketState, RiskState, ScenarioState
from models.enums import FeedState, Metric
from ui import format as fmt
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.panels.base import Panel
from ui.risk.buckets import BucketTable
from ui.risk.curve_view import CurveView
from ui.risk.data_quality import DataQuality
from ui.risk.heat_map import HeatMap
from ui.risk.limits_editor import LimitsEditor
from ui.risk.metric_tile import MetricTile
from ui.risk.scenario_bar import ScenarioBar
from ui.theme import GAP, PAD, Ink, Theme, regime_ink
from ui.widgets.labels import Chip
from ui.widgets.segments import Segments

_EMPTY = "Waiting for the first risk figures: positions, their quotes and the SPX level."
_WHOLE_BOOK = "Whole book"
#: Titles of the pages, in full and where room is short.
_TITLES = (
    ("Risk graph", "Graph"),
    ("Heat map", "Heat map"),
    ("By underlying", "Underlyings"),
    ("By expiry", "Expiries"),
    ("Limits", "Limits"),
    ("Data", "Data"),
)
#: Beside a title, as the style sheets say; and the least room for what the page of data adds to its own.
_TAB_PAD_PX, _FLAG_PX = 28, 40


class RiskDashboardPanel(Panel):
    """Centre of the window. Listens to RiskState, ScenarioState, MarketState and BookStructure."""

    KEY: ClassVar[str] = "risk_dashboard"
    TITLE: ClassVar[str] = "Risk dashboard"

    def __init__(self, bridge: Bridge, client: EngineClient, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(bridge, client, theme, parent)
        self._scope_names: tuple[str, ...] = ()
        self._is_benchmark_missing = False
        self._has_short_titles = False
        self._build_toolbar()
        self.tiles = {metric: MetricTile(theme, metric, self) for metric in Metric}
        self.scenario_bar = ScenarioBar(theme, self)
        self.curve = CurveView(theme, self)
        self.heat_map = HeatMap(theme, self)
        self.by_underlying = BucketTable(theme, "Underlying", with_dte=False, parent=self)
        self.by_expiry = BucketTable(theme, "Expiry", with_dte=True, parent=self)
        self.limits = LimitsEditor(client, theme, self)
        self.quality = DataQuality(client, theme, self)
        self._build_body()
        self._connect()
        self.set_empty(_EMPTY)
        self.listen(BookStructure, self._on_structure)
        self.listen(MarketState, self._on_market)
        self.listen(RiskState, self._on_risk)
        self.listen(ScenarioState, self._on_scenario)

    # --- construction -------------------------------------------------------------------------------------------------

    def _build_toolbar(self) -> None:
        self.benchmark = Segments(
            (
                ("SPX", "SPX", "Deltas in SPX points"),
                ("SPY", "SPY", "Deltas in SPY points: delta about x10, gamma about x100"),
                ("/ES", "/ES", "Deltas in points of the front /ES future"),
            ),
            "Benchmark",
            self,
        )
        self.scope = QComboBox(self)
        self.scope.addItem(_WHOLE_BOOK, ())
        self.scope.setToolTip("What curve, slices and heat map cover; the tiles always cover all underlyings")
        self.scope.setAccessibleName("Underlying of curve and heat map")
        self.regime = Chip(self.theme, self)
        self.regime.set("regime unknown", Ink.TEXT_MUTED)
        self.flag = QPushButton(self)
        self.flag.setProperty("kind", "flat")
        self.flag.hide()
        self.note = QLabel(self)
        self.note.setProperty("role", "caption")
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for widget in (self.benchmark, self.scope, self.regime, self.flag):
            self.toolbar.addWidget(widget)
        self.toolbar.addWidget(self.note, 1)

    def _build_body(self) -> None:
        body = QWidget(self)
        tiles = QHBoxLayout()
        tiles.setContentsMargins(PAD, PAD, PAD, GAP)
        tiles.setSpacing(4)
        for tile in self.tiles.values():
            tiles.addWidget(tile, 1)
        self.tabs = QTabBar(body)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.pages = QStackedWidget(body)
        pages = (self.curve, self.heat_map, self.by_underlying, self.by_expiry, self.limits, self.quality)
        for (title, _), page in zip(_TITLES, pages, strict=True):
            self.tabs.addTab(title)
            self.tabs.setTabToolTip(self.tabs.count() - 1, title)
            self.pages.addWidget(page)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tiles)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, PAD, 0)
        head.addWidget(self.tabs)
        head.addStretch(1)
        head.addWidget(self.scenario_bar.range)
        layout.addLayout(head)
        layout.addWidget(self.scenario_bar)
        layout.addWidget(self.pages, 1)
        self.set_body(body)

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._on_tab)
        self.benchmark.chosen.connect(self._send_scenario)
        self.scope.activated.connect(self._send_scenario)
        self.scenario_bar.changed.connect(self._send_scenario)
        self.flag.clicked.connect(self._show_quality)

    # --- commands -----------------------------------------------------------------------------------------------------

    @Slot()
    def _send_scenario(self) -> None:
        chosen: tuple[str, ...] = tuple(self.scope.currentData() or ())
        command = self.scenario_bar.scenario(self.benchmark.value, chosen)
        self.client.ask(command, self._on_scenario_set, self._on_failed)

    def _on_scenario_set(self, _answer: object) -> None:
        if not self._is_benchmark_missing:
            self._say("")

    def _on_failed(self, error: Exception) -> None:
        self._say(f"▲ {error}", role="error")

    def _say(self, text: str, role: str = "caption") -> None:
        if text != self.note.text():
            self.note.setText(text)
            self.note.setToolTip(text)
        if self.note.property("role") != role:
            self.note.setProperty("role", role)
            self.note.style().unpolish(self.note)
            self.note.style().polish(self.note)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where the titles of the pages and the spot range cannot stand side by side, titles are short."""
        super().resizeEvent(event)
        metrics = self.tabs.fontMetrics()
        full = sum(metrics.horizontalAdvance(title) + _TAB_PAD_PX for title, _ in _TITLES) + _FLAG_PX
        is_short = full + self.scenario_bar.range.sizeHint().width() + 2 * PAD > event.size().width()
        if is_short == self._has_short_titles:
            return
        self._has_short_titles = is_short
        self.tabs.setStyleSheet("QTabBar::tab { padding: 5px 7px; }" if is_short else "")
        for index, (title, short) in enumerate(_TITLES):
            if self.pages.widget(index) is not self.quality:  # whose title carries a count
                self.tabs.setTabText(index, short if is_short else title)

    # --- pages --------------------------------------------------------------------------------------------------------

    def show_page(self, page: QWidget) -> None:
        """Brings a page (curve, heat_map, by_underlying, by_expiry, limits, quality) to the front."""
        self.tabs.setCurrentIndex(self.pages.indexOf(page))

    @Slot(int)
    def _on_tab(self, index: int) -> None:
        self.pages.setCurrentIndex(index)
        is_scenario = self.pages.widget(index) in (self.curve, self.heat_map)
        self.scenario_bar.setVisible(is_scenario)
        self.scenario_bar.range.setVisible(is_scenario)
        newest, risk = self.bridge.newest(ScenarioState), self.bridge.newest(RiskState)
        if newest is not None:
            self._draw(newest)
        if risk is not None:
            self._show_buckets(risk)

    @Slot()
    def _show_quality(self) -> None:
        self.show_page(self.quality)

    # --- news ---------------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_structure(self, structure: BookStructure) -> None:
        self.quality.show_structure(structure)

    @Slot(object)
    def _on_market(self, market: MarketState) -> None:
        for tile in self.tiles.values():
            tile.set_cut_off(is_cut_off=market.feed is FeedState.DOWN)
        info = market.regime
        if info is None:
            self.regime.set("regime unknown", Ink.TEXT_MUTED)
            self.limits.show_regime(None)
            return
        self.regime.set(f"{fmt.regime_name(info.regime)} limits", regime_ink(info.regime))
        bounds = [
            f"{word} VIX {fmt.price(level)}"
            for word, level in (("steps up at", info.next_up_at), ("may step down below", info.next_down_at))
            if level is not None
        ]
        self.regime.setToolTip(f"VIX {fmt.price(info.vix)}: {info.regime.value}; " + ", ".join(bounds))
        self.limits.show_regime(info.regime)

    @Slot(object)
    def _on_risk(self, state: RiskState) -> None:
        self.set_empty(None)
        self.set_as_of(state.greeks.timestamp)
        self._show_tiles(state)
        self._show_flag(state)
        self._offer_scopes(tuple(one.name for one in state.by_underlying))
        self._show_buckets(state)
        self.limits.show_limits(state.regime_limits)
        self.quality.show_excluded(state.excluded)
        is_missing = state.benchmark_price is None
        if is_missing != self._is_benchmark_missing:
            self._is_benchmark_missing = is_missing
            text = f"▲ No price of {state.benchmark}: deltas stay in SPX points." if is_missing else ""
            self._say(text, role="error")

    def _show_buckets(self, state: RiskState) -> None:
        """Fills the table that is in sight; the other one takes the newest figures when its tab is chosen."""
        page = self.pages.currentWidget()
        if page is self.by_underlying:
            self.by_underlying.buckets.set_buckets(state.by_underlying)
        elif page is self.by_expiry:
            self.by_expiry.buckets.set_buckets(state.by_expiry)

    @Slot(object)
    def _on_scenario(self, state: ScenarioState) -> None:
        self.scenario_bar.take(state)
        self._draw(state)

    def _draw(self, state: ScenarioState) -> None:
        page = self.pages.currentWidget()
        if page is self.curve:
            self.curve.show_state(state)
        elif page is self.heat_map:
            self.heat_map.show_state(state)

    def _show_tiles(self, state: RiskState) -> None:
        greeks = state.greeks
        rows = {row.metric: row for row in state.limits}
        benchmark = state.benchmark if state.benchmark_price is not None else "SPX"
        margin = rows.get(Metric.MARGIN_USED_PCT)
        figures: dict[Metric, tuple[str, float | None, str]] = {
            Metric.SPX_DELTA: (f"{benchmark} delta", greeks.spx_equiv_delta, _per_one_pct(state.dollars_per_one_pct)),
            Metric.GAMMA: ("Gamma" if benchmark == "SPX" else f"{benchmark} gamma", greeks.gamma, ""),
            Metric.THETA: ("Theta", greeks.theta, ""),
            Metric.VEGA: ("Vega", greeks.vega, ""),
            Metric.MARGIN_USED_PCT: ("Margin", None if margin is None else margin.value, ""),
        }
        for metric, (name, value, detail) in figures.items():
            excluded = 0 if metric is Metric.MARGIN_USED_PCT else greeks.excluded_count
            more = _other_vegas(state) if metric is Metric.VEGA else ""
            self.tiles[metric].show_value(name, value, detail, excluded=excluded, more=more)
            row = rows.get(metric)
            self.tiles[metric].show_limit(row, is_same_figure=_is_same(value, row))

    def _show_flag(self, state: RiskState) -> None:
        out, betas = len(state.excluded), len(state.defaulted_betas)
        parts = [f"{out} left out"] if out else []
        parts += [f"{fmt.plural(betas, 'beta')} unknown"] if betas else []
        text = f"▲ {', '.join(parts)}"
        if text != self.flag.text():
            self.flag.setText(text)
            self.flag.setToolTip("Show which positions are in no total, and which betas are only the default 1.0")
            self.flag.setStyleSheet(f"color: {self.theme.css(Ink.WARNING)};")
        self.flag.setVisible(bool(parts))
        title = f"Data ▲ {out + betas}" if parts else "Data"
        if title != self.tabs.tabText(self.pages.indexOf(self.quality)):
            self.tabs.setTabText(self.pages.indexOf(self.quality), title)

    def _offer_scopes(self, names: tuple[str, ...]) -> None:
        if names == self._scope_names:
            return
        self._scope_names = names
        chosen = self.scope.currentText()
        self.scope.clear()
        self.scope.addItem(_WHOLE_BOOK, ())
        for name in names:
            self.scope.addItem(f"Only {name}", (name,))
        index = self.scope.findText(chosen, Qt.MatchFlag.MatchExactly)
        self.scope.setCurrentIndex(max(index, 0))
        if index < 0:
            self._send_scenario()

    def retheme(self) -> None:
        """Takes over the colours."""
        super().retheme()
        self.curve.retheme()
        self.flag.setStyleSheet(f"color: {self.theme.css(Ink.WARNING)};")
        for table in (self.by_underlying, self.by_expiry):
            table.buckets.retheme()


def _other_vegas(state: RiskState) -> str:
    """The two weighted readings of vega, for the tooltip."""
    lines = (
        ("weighted to 30 days", state.vega_30_day, "$ per vol point, every expiry x sqrt(30 / days left)"),
        ("in points of VIX", state.vega_vix_weighted, "$ per VIX point, each option x its vol / VIX"),
    )
    return "".join(f"\n{name}: {fmt.signed_money(value)} {unit}" for name, value, unit in lines)


def _per_one_pct(dollars: float | None) -> str:
    return f"{fmt.signed(dollars, 0)} $/1%" if fmt.is_known(dollars) else ""


def _is_same(value: float | None, row: LimitRow | None) -> bool:
    if value is None or row is None or row.value is None:
        return True
    return math.isclose(value, row.value, rel_tol=1e-9, abs_tol=1e-9) or math.isnan(value)
