"""Charts of the account snapshots: net liquidation, Greeks, delta/theta ratio, VIX with the regimes behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape
from typing import ClassVar

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QColor, QIcon, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from execution.commands import TakeSnapshot
from execution.views import DeskState, SnapshotWritten
from models.clock import NEW_YORK
from models.enums import Regime
from ui import format as fmt
from ui.bridge import Bridge
from ui.charts.plot import SERIES_INKS, HistoryPlot, Reading
from ui.charts.source import ChartMetric, History, SnapshotSource, load_history
from ui.engine_client import EngineClient
from ui.op import Op, ReaderPool
from ui.panels.base import Panel
from ui.theme import PAD, Ink, Theme, regime_ink
from ui.widgets.labels import ValueLabel
from ui.widgets.segments import Segments

_EMPTY = (
    "No snapshots yet.\nThe desk takes one of every account each 15 minutes of the session; "
    "press “Snapshot now” for the first one."
)
_LOADING = "Reading the history…"
_DAYS: tuple[tuple[str, int, str], ...] = (
    ("1D", 1, "The newest trading day"),
    ("1W", 7, "Seven days"),
    ("1M", 31, "One month"),
    ("3M", 92, "Three months"),
    ("1Y", 366, "One year"),
    ("5Y", 1827, "Five years"),
    ("All", 0, "Everything there is"),
)
_FIRST_RANGE = 31
#: From this width on all metrics have a button of their own.
_WIDE_PX = 1130


class ChartsPanel(Panel):
    """Reads through `source` in the pool, on first sight and after SnapshotWritten; draws in place."""

    KEY: ClassVar[str] = "charts"
    TITLE: ClassVar[str] = "Charts"

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        source: SnapshotSource,
        pool: ReaderPool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._source = source
        self._pool = pool
        self._op: Op | None = None
        self._is_stale = True
        self._is_reading = False
        self._history = History((), ())
        self._reading: Reading | None = None
        self.account_buttons: dict[str, QPushButton] = {}
        self.plot = HistoryPlot(theme, self)
        self._build_toolbar()
        self._build_body()
        self._connect()
        self.set_empty(_LOADING)
        self.listen(SnapshotWritten, self._on_written)
        self.listen(DeskState, self._on_desk)

    # --- construction -------------------------------------------------------------------------------------------------

    def _build_toolbar(self) -> None:
        metrics = tuple((metric.title, metric, f"{metric.title}, {metric.unit}") for metric in ChartMetric)
        self.metric_choice: Segments[ChartMetric] = Segments(metrics, "Metric", self)
        self.range: Segments[int] = Segments(_DAYS, "Range", self)
        self.range.set(_FIRST_RANGE)
        self.change = QCheckBox("Change %", self)
        self.change.setToolTip("Net liq in per cent since the left edge, so that accounts of any size compare")
        self.regimes = QCheckBox("Regimes", self)
        self.regimes.setChecked(True)
        self.regimes.setToolTip("Tint the background by volatility regime")
        self.snapshot = QPushButton("Snapshot now", self)
        self.snapshot.setToolTip("Write a snapshot of every account at once")
        self.metric_box = QComboBox(self)
        for text, metric, tip in metrics:
            self.metric_box.addItem(text, metric)
            self.metric_box.setItemData(self.metric_box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.metric_box.setAccessibleName("Metric")
        self.metric_box.hide()
        self.toolbar.addWidget(self.metric_choice)
        self.toolbar.addWidget(self.metric_box)
        self.toolbar.addSpacing(PAD)
        self.toolbar.addWidget(self.range)
        self.toolbar.addSpacing(PAD)
        self.toolbar.addWidget(self.change)
        self.toolbar.addWidget(self.regimes)
        self.toolbar.addStretch(1)
        self.toolbar.addWidget(self.snapshot)

    def _build_body(self) -> None:
        body = QWidget(self)
        self.where = ValueLabel(self.theme, body, bold=True)
        self.where.setMinimumWidth(140)
        self.detail = QLabel(body)
        self.detail.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.detail.setFont(self.theme.number_font())
        self.legend = QLabel(body)
        self.legend.setFont(self.theme.small_font())
        self.note = QLabel(body)
        self.note.setProperty("role", "caption")
        self._accounts_line = QHBoxLayout()
        self._accounts_line.setSpacing(2)
        line = QHBoxLayout()
        line.setContentsMargins(PAD, 2, PAD, 0)
        line.setSpacing(PAD)
        line.addLayout(self._accounts_line)
        line.addWidget(self.where)
        line.addWidget(self.detail, 1)
        line.addWidget(self.note)
        line.addWidget(self.legend)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        layout.addWidget(self.plot, 1)
        self.set_body(body)
        self._show_legend()
        frame = self.layout()
        if frame is not None:  # narrower than the buttons is allowed: resizeEvent folds them
            frame.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)

    def _connect(self) -> None:
        self.metric_choice.chosen.connect(self._choose)
        self.metric_box.activated.connect(self._on_metric_box)
        self.range.chosen.connect(self._look)
        self.regimes.toggled.connect(self._on_regimes)
        self.change.toggled.connect(self._on_change)
        self.snapshot.clicked.connect(self._take_snapshot)
        self.plot.pointed.connect(self._on_pointed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Folds the metric buttons into a box, and leaves the legend out, where there is no room for them."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= _WIDE_PX
        self.metric_choice.setVisible(is_wide)
        self.metric_box.setVisible(not is_wide)
        self.legend.setVisible(is_wide)

    # --- reading ------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Reads what was written while the panel was hidden."""
        super().showEvent(event)
        if self._is_stale:
            self.reload()

    @Slot(object)
    def _on_written(self, _notice: SnapshotWritten) -> None:
        self._is_stale = True
        if self.isVisible():
            self.reload()

    @Slot(object)
    def _on_desk(self, desk: DeskState) -> None:
        """What could not be read before the database was open is read now."""
        if self._is_stale and desk.database_path:
            self.reload()

    def reload(self) -> None:
        """Reads the history anew in the pool; while a read is under way, one more follows it."""
        self._is_stale = True
        if not self._is_reading:
            self._is_stale, self._is_reading = False, True
            self._op = self._pool.run(partial(load_history, self._source), done=self._on_read, failed=self._on_failed)

    def _on_read(self, history: History) -> None:
        self._is_reading = False
        is_first = not self._history.accounts
        was_at_end = self._is_at_end()
        self._history = history
        if not history.accounts:
            self.set_empty(_EMPTY)
        else:
            self._offer_accounts()
            self.plot.show_history(history)
            self._choose()
            if is_first or was_at_end:
                self._look()
            self.set_empty(None)
            span = history.span_s
            if span is not None:
                self.set_as_of(datetime.fromtimestamp(span[1], UTC))
        self._say("")
        if self._is_stale and self.isVisible():
            self.reload()

    def _on_failed(self, error: Exception) -> None:
        self._is_reading = False
        self._is_stale = True
        if self._history.accounts:
            self._say(f"▲ The history could not be read: {error}", role="error")
        else:
            self.set_empty(f"The history could not be read.\n{error}")

    def _is_at_end(self) -> bool:
        span = self._history.span_s
        return span is None or self.plot.view_s[1] >= span[1]

    # --- choices ------------------------------------------------------------------------------------------------------

    def _offer_accounts(self) -> None:
        ids = [one.account_id for one in self._history.accounts]
        for account_id in [name for name in self.account_buttons if name not in ids]:
            self.account_buttons.pop(account_id).deleteLater()
        for index, account_id in enumerate(ids):
            if account_id not in self.account_buttons:
                button = QPushButton(account_id, self)
                button.setCheckable(True)
                button.setChecked(True)
                button.setProperty("kind", "flat")
                button.setIconSize(QSize(14, 10))
                button.setToolTip(f"Show or hide {account_id}")
                button.toggled.connect(self._choose)
                self._accounts_line.addWidget(button)
                self.account_buttons[account_id] = button
            ink = SERIES_INKS[index % len(SERIES_INKS)]
            self.account_buttons[account_id].setIcon(_swatch(self.theme.color(ink)))

    @Slot(int)
    def _on_metric_box(self, index: int) -> None:
        self.metric_choice.set(self.metric_box.itemData(index))
        self._choose()

    @Slot()
    def _choose(self) -> None:
        self.metric_box.setCurrentText(self.metric_choice.value.title)
        self.change.setEnabled(self.metric_choice.value is ChartMetric.NET_LIQUIDATION)
        chosen = frozenset(name for name, button in self.account_buttons.items() if button.isChecked())
        self.plot.choose(self.metric_choice.value, chosen)
        self._show_newest()

    @Slot()
    def _look(self) -> None:
        span = self._history.span_s
        if span is None:
            return
        first, last = span
        days = self.range.value
        newest = datetime.fromtimestamp(last, UTC).astimezone(NEW_YORK)
        if days == 1:
            low = newest.replace(hour=9, minute=15, second=0, microsecond=0).timestamp()
        elif days:
            low = (newest - timedelta(days=days)).timestamp()
        else:
            low = first
        self.plot.look_at(min(low, last) if days == 1 else max(low, first), last)

    @Slot(bool)
    def _on_regimes(self, is_shown: bool) -> None:
        self.plot.show_regimes(is_shown=is_shown)
        self._show_legend()

    @Slot(bool)
    def _on_change(self, is_shown: bool) -> None:
        self.plot.show_change(is_shown=is_shown)
        self._show_newest()

    @Slot()
    def _take_snapshot(self) -> None:
        self.snapshot.setEnabled(False)
        self.snapshot.setText("Writing…")
        self.client.ask(TakeSnapshot(), self._on_taken, self._on_not_taken)

    def _on_taken(self, ids: tuple[str, ...]) -> None:
        self._restore_button()
        self._say(f"{fmt.plural(len(ids), 'snapshot')} written.")
        self.reload()

    def _on_not_taken(self, error: Exception) -> None:
        self._restore_button()
        self._say(f"▲ No snapshot was written: {error}", role="error")
        if not self._history.accounts:
            self.set_empty(f"No snapshot was written: {error}")

    def _restore_button(self) -> None:
        self.snapshot.setEnabled(True)
        self.snapshot.setText("Snapshot now")

    # --- words --------------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_pointed(self, reading: Reading | None) -> None:
        if reading is None:
            self._show_newest()
        else:
            self._show(reading)

    def _show_newest(self) -> None:
        span = self._history.span_s
        reading = None if span is None else self.plot.reading(span[1])
        if reading is not None:
            self._show(reading)
        else:
            self.where.set(fmt.EM_DASH)
            self.detail.setText("No account is chosen." if self._history.accounts else "")

    def _show(self, reading: Reading) -> None:
        at_utc = datetime.fromtimestamp(reading.at_s, UTC)
        self.where.set(f"{at_utc.astimezone(NEW_YORK):%Y-%m-%d %H:%M} NY")
        metric = self.metric_choice.value
        parts = []
        for account_id, value in reading.values:
            color = self.theme.css(self._ink_of(account_id))
            figure = fmt.signed_percent(value, 2) if self.plot.is_change else metric.text(value)
            parts.append(f'<span style="color:{color}">▬</span> <b>{figure}</b>')
        if reading.regime is not None:
            ink = self.theme.css(regime_ink(reading.regime.regime))
            parts.append(f'<span style="color:{ink}">{fmt.regime_name(reading.regime.regime)}</span>')
        if reading.missed is not None:
            ink = self.theme.css(Ink.WARNING)
            count = fmt.plural(reading.missed.count, "snapshot")
            parts.append(f'<span style="color:{ink}">▲ {count} missed: {escape(reading.missed.reason)}</span>')
        self.detail.setText("&nbsp;&nbsp; ".join(parts))
        self.detail.setToolTip(self.detail.text())

    def _ink_of(self, account_id: str) -> Ink:
        ids = [one.account_id for one in self._history.accounts]
        return SERIES_INKS[ids.index(account_id) % len(SERIES_INKS)]

    def _show_legend(self) -> None:
        if not self.regimes.isChecked():
            self.legend.setText("")
            return
        self.legend.setText(
            "&nbsp; ".join(
                f'<span style="color:{self.theme.css(regime_ink(regime))}">■</span> {fmt.regime_name(regime)}'
                for regime in Regime
            )
        )

    def _say(self, text: str, role: str = "caption") -> None:
        self.note.setText(text)
        if self.note.property("role") != role:
            self.note.setProperty("role", role)
            self.note.style().unpolish(self.note)
            self.note.style().polish(self.note)

    def retheme(self) -> None:
        """Takes over the colours."""
        super().retheme()
        self.plot.retheme()
        self._show_legend()
        self._offer_accounts()
        self._show_newest()


def _swatch(color: QColor) -> QIcon:
    pixmap = QPixmap(14, 4)
    pixmap.fill(color)
    return QIcon(pixmap)
