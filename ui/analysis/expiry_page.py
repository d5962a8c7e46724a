"""Expiries: what expires on each date, its Greeks, and what it makes or loses when SPX moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QVBoxLayout, QWidget

from execution.analysis_views import ExpiryLadderState, ExpiryRung
from ui import format as fmt
from ui.analysis.table import FigureTable
from ui.analysis.table_model import FigureColumn, dollars, figure
from ui.analysis.words import move_text
from ui.theme import Theme

UNITS = "$; delta and gamma per SPX point, theta a calendar day, vega a vol point"


@dataclass(frozen=True, slots=True)
class ExpiryLine:
    """A row: one date, or (`rung.expiry` of the last, days None) all dates together."""

    name: str
    days: int | None
    rung: ExpiryRung


def _count(value: float | None) -> str:
    return fmt.fixed(value, 0)


def columns(shifts_pct: tuple[float, ...]) -> tuple[FigureColumn[ExpiryLine], ...]:
    """Returns the columns, one of P&L for each move."""

    def pnl_at(index: int) -> Callable[[ExpiryLine], float | None]:
        return lambda line: line.rung.pnl_at[index]

    return (
        FigureColumn("Expiry", "expiration date, all underlyings together", lambda line: line.name),
        FigureColumn("DTE", "calendar days to expiry, New York dates",
                     lambda line: "" if line.days is None else str(line.days),
                     value=lambda line: None if line.days is None else float(line.days)),
        figure("Long", "contracts held long", lambda line: line.rung.contracts_long, _count),
        figure("Short", "contracts held short", lambda line: line.rung.contracts_short, _count),
        figure("Extrinsic $", "time value in the contracts, dollars; negative = still to be earned by the book",
               lambda line: line.rung.extrinsic, dollars),
        figure("SPX delta", "$ per SPX point, beta-weighted", lambda line: line.rung.spx_equiv_delta, fmt.delta),
        figure("Gamma", "deltas per SPX point", lambda line: line.rung.gamma, fmt.gamma),
        figure("Theta $", "$ per calendar day", lambda line: line.rung.theta_per_day, dollars),
        figure("Vega $", "$ per vol point", lambda line: line.rung.vega_per_point, dollars),
        *(
            figure(f"P&L {move_text(shift)}", f"dollars against now if SPX moves {move_text(shift)} today",
                   pnl_at(index), dollars, is_signed=True)
            for index, shift in enumerate(shifts_pct)
        ),
    )  # fmt: skip


def total_of(state: ExpiryLadderState) -> ExpiryLine | None:
    """Returns the sum over all dates, None without any; a figure that one date lacks is unknown in the sum."""
    rungs = state.rungs
    if not rungs:
        return None
    return ExpiryLine(
        name="All dates",
        days=None,
        rung=ExpiryRung(
            expiry=rungs[-1].expiry,
            days_to_expiry=rungs[-1].days_to_expiry,
            contracts_long=sum(one.contracts_long for one in rungs),
            contracts_short=sum(one.contracts_short for one in rungs),
            extrinsic=sum(one.extrinsic for one in rungs),
            spx_equiv_delta=sum(one.spx_equiv_delta for one in rungs),
            gamma=sum(one.gamma for one in rungs),
            theta_per_day=sum(one.theta_per_day for one in rungs),
            vega_per_point=sum(one.vega_per_point for one in rungs),
            pnl_at=tuple(sum(one.pnl_at[index] for one in rungs) for index in range(len(state.shifts_pct))),
        ),
    )


class ExpiryPage(QWidget):
    """The page."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shifts: tuple[float, ...] = ()
        self.ladder: FigureTable[ExpiryLine] = FigureTable(
            theme,
            columns(()),
            name="Expiries",
            key=lambda line: line.name,
            is_marked=lambda line: line.days is None,
            parent=self,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.ladder)

    def show_state(self, state: ExpiryLadderState) -> None:
        """Shows new figures in place."""
        if state.shifts_pct != self._shifts:
            self._shifts = state.shifts_pct
            self.ladder.set_rows([])
            self.ladder.set_columns(columns(state.shifts_pct))
        lines = [ExpiryLine(fmt.expiry_date(rung.expiry), rung.days_to_expiry, rung) for rung in state.rungs]
        self.ladder.set_rows(lines, total_of(state))

    def retheme(self) -> None:
        """Takes over the colours."""
        self.ladder.figures.retheme()
