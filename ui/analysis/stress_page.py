"""Stress: the book after every move of the ladder, the row of now marked, gains and losses as bars."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from execution.analysis_views import StressRung, StressState
from ui import format as fmt
from ui.analysis.table import FigureTable
from ui.analysis.table_model import FigureColumn, dollars, figure
from ui.analysis.words import move_text
from ui.theme import Ink, Theme, sign_ink

UNITS = "$ against now; delta and gamma per SPX point, theta a calendar day, vega a vol point"


def _points(value: float | None) -> str:
    return fmt.signed(value, 1)


COLUMNS: tuple[FigureColumn[StressRung], ...] = (
    FigureColumn("Shift", "move of SPX; every underlying moves by its beta", lambda rung: move_text(rung.shift_pct),
                 value=lambda rung: rung.shift_pct),
    figure("SPX", "level after the move", lambda rung: rung.spot, fmt.money),
    figure("Vol change pts", "points that a 30-day at-the-money vol of SPX moves with it",
           lambda rung: rung.vol_change_points, _points),
    figure("P&L $", "dollars against now, full revaluation", lambda rung: rung.pnl, dollars,
           is_signed=True, has_bar=True),
    figure("% of net liq", "P&L in per cent of net liquidation now", lambda rung: rung.pnl_pct_of_net_liq,
           fmt.signed_percent, is_signed=True),
    figure("SPX delta", "$ per SPX point after the move", lambda rung: rung.spx_equiv_delta, fmt.delta),
    figure("Gamma", "deltas per SPX point after the move", lambda rung: rung.gamma, fmt.gamma),
    figure("Theta $", "$ per calendar day after the move", lambda rung: rung.theta_per_day, dollars),
    figure("Vega $", "$ per vol point after the move", lambda rung: rung.vega_per_point, dollars),
    FigureColumn("Worst", "the underlying that loses most", lambda rung: rung.worst_underlying or "none loses",
                 ink=lambda rung: Ink.TEXT if rung.worst_underlying else Ink.TEXT_MUTED),
    FigureColumn("Its P&L $", "dollars against now of the underlying that loses most",
                 lambda rung: dollars(rung.worst_pnl) if rung.worst_underlying else "",
                 value=lambda rung: rung.worst_pnl, ink=lambda rung: sign_ink(rung.worst_pnl)),
)  # fmt: skip


class StressPage(QWidget):
    """The page."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ladder: FigureTable[StressRung] = FigureTable(
            theme,
            COLUMNS,
            name="Stress ladder",
            key=lambda rung: rung.shift_pct,
            is_marked=lambda rung: rung.shift_pct == 0,
            parent=self,
        )
        self._is_placed = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.ladder)

    def show_state(self, state: StressState) -> None:
        """Shows new figures in place; at first the row of now stands in the middle."""
        self.ladder.set_rows(state.rungs)
        if not self._is_placed and state.rungs:
            self._is_placed = True
            now = min(range(len(state.rungs)), key=lambda index: abs(state.rungs[index].shift_pct))
            self.ladder.keep_in_middle(now)

    def retheme(self) -> None:
        """Takes over the colours."""
        self.ladder.figures.retheme()
