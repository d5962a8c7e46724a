"""P&L explain: what delta, gamma, theta, vega, trades and the rest made between two snapshots of the book.

Greeks are those of the first snapshot (the usual desk convention: a Taylor expansion from the start, Hull, Options,
Futures and Other Derivatives, chapter 19); what the expansion misses is the residual and is shown, not spread.
The parts of every position, and of the total, add up to what it actually made, to rounding.
"""

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Floats
from analytics.scenarios.shocks import ScenarioError

_POINT = 0.01


class ExplainStatus(IntEnum):
    """What could be said of a row."""

    EXPLAINED = 0
    #: It has a P&L, but a Greek, spot or vol is missing at one end: all of it is in `unexplained`.
    NO_GREEKS = 1
    #: A price or the cash of its trades is missing: its P&L is not known and is in no total.
    NO_PRICE = 2


@dataclass(frozen=True, slots=True, eq=False)
class ExplainInputs:
    """One entry per position that was in either snapshot; a single value holds for all. NaN = unknown.

    quantity_start, quantity_end: signed, 0 = not there. multiplier: dollars per point. price: mark per unit.
    spot: of its underlying. vol: annual. days: calendar days between the snapshots. delta, gamma, theta_per_day,
    vega_per_point: per unit at the start (1, 0, 0, 0 for shares and futures, whose price is the spot). trade_cash:
    dollars paid for the position's trades in between, fees included; positive = paid, negative = received, 0 = none.
    vanna (delta per 1.00 of vol), volga (dollars per 1.00 of vol squared): per unit, None leaves them out (they are
    then part of the residual).
    Where the position was not there at the start, its start figures are not looked at; at the end likewise.
    """

    quantity_start: npt.ArrayLike
    quantity_end: npt.ArrayLike
    multiplier: npt.ArrayLike
    price_start: npt.ArrayLike
    price_end: npt.ArrayLike
    spot_start: npt.ArrayLike
    spot_end: npt.ArrayLike
    vol_start: npt.ArrayLike
    vol_end: npt.ArrayLike
    days: npt.ArrayLike
    delta: npt.ArrayLike
    gamma: npt.ArrayLike
    theta_per_day: npt.ArrayLike
    vega_per_point: npt.ArrayLike
    trade_cash: npt.ArrayLike = 0.0
    vanna: npt.ArrayLike | None = None
    volga: npt.ArrayLike | None = None


class PnlParts(NamedTuple):
    """Dollars; actual = delta + gamma + theta + vega + vanna + volga + trades + residual + unexplained.

    One entry per row (NaN where actual is unknown, and in the parts of a row that has no Greeks) or per sum.
    trades: what the trades in between have made by the end. For a position closed in between and no longer marked it
    is all of its P&L.
    """

    actual: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats
    vanna: Floats
    volga: Floats
    trades: Floats
    residual: Floats
    unexplained: Floats


class PnlExplain(NamedTuple):
    """rows: per position. totals: their sum, arrays of one entry. status: codes of `ExplainStatus` per row.

    no_greeks, no_price: rows that could not be split, or not even be valued.
    """

    rows: PnlParts
    totals: PnlParts
    status: npt.NDArray[np.int8]
    no_greeks: npt.NDArray[np.intp]
    no_price: npt.NDArray[np.intp]


def pnl_explain(inputs: ExplainInputs) -> PnlExplain:
    """Split the P&L of every position between two snapshots.

    With q quantities, m the multiplier and p prices: actual = m (q_end p_end - q_start p_start) - trade_cash. What
    was held from the start made m q_start (p_end - p_start): delta m q dS, gamma m q dS^2 / 2, theta per day x days,
    vega per point x points, vanna m q dS dvol, volga m q dvol^2 / 2, and the residual. The trades made the rest.
    Raises `ScenarioError` when the columns do not have one length.
    """
    columns = _columns(inputs)
    start, end, cash = columns["quantity_start"], columns["quantity_end"], columns["trade_cash"]
    mult, p0, p1 = columns["multiplier"], columns["price_start"], columns["price_end"]
    held = start != 0.0
    closed = held & (end == 0.0) & np.isnan(p1)
    begin = np.where(held, start * mult * p0, 0.0)
    finish = np.where(end == 0.0, 0.0, end * mult * p1)
    actual = finish - begin - cash
    valued = np.isfinite(actual)
    made = np.where(held & ~closed, start * mult * (p1 - p0), 0.0)
    moves = _moves(columns, held & ~closed)
    explained = sum(moves, np.zeros(start.size))
    split = valued & np.isfinite(explained + made)
    status = np.where(valued, np.where(split, ExplainStatus.EXPLAINED, ExplainStatus.NO_GREEKS), ExplainStatus.NO_PRICE)
    known = np.where(valued, actual, np.nan)
    shown = [np.where(split, part, np.nan) for part in (*moves, actual - made, made - explained)]
    rows = PnlParts(*[known, *shown, np.where(split, 0.0, known)])
    codes = status.astype(np.int8)
    return PnlExplain(
        rows=rows,
        totals=sum_by(rows, group=np.zeros(start.size, dtype=np.intp), groups=1),
        status=codes,
        no_greeks=np.flatnonzero(codes == ExplainStatus.NO_GREEKS),
        no_price=np.flatnonzero(codes == ExplainStatus.NO_PRICE),
    )


def sum_by(rows: PnlParts, *, group: npt.ArrayLike, groups: int) -> PnlParts:
    """Sums of per-row parts per group code 0..groups-1; rows whose P&L is unknown are in no sum.

    The parts of a row without Greeks count in `unexplained` alone, so every sum still adds up.
    """
    codes = np.asarray(group, dtype=np.intp)
    known = [np.where(np.isnan(part), 0.0, part) for part in rows]
    return PnlParts(*(np.asarray(np.bincount(codes, part, groups), dtype=np.float64) for part in known))


def _columns(inputs: ExplainInputs) -> dict[str, Floats]:
    """Every column at one length; higher Greeks that were not given are 0."""
    named = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    arrays = {
        name: np.atleast_1d(np.asarray(0.0 if values is None else values, dtype=np.float64))
        for name, values in named.items()
    }
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shape = ()
    if len(shape) != 1:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise ScenarioError(f"the columns to explain differ in length: {shapes}. Give one entry per position.")
    return {name: np.broadcast_to(array, shape) for name, array in arrays.items()}


def _moves(columns: dict[str, Floats], counted: npt.NDArray[np.bool_]) -> tuple[Floats, ...]:
    """Dollars of delta, gamma, theta, vega, vanna and volga; 0 where nothing was held through."""
    units = columns["quantity_start"] * columns["multiplier"]
    moved = columns["spot_end"] - columns["spot_start"]
    vol_moved = columns["vol_end"] - columns["vol_start"]
    terms = (
        (columns["delta"], moved),
        (columns["gamma"], 0.5 * moved * moved),
        (columns["theta_per_day"], columns["days"]),
        (columns["vega_per_point"], vol_moved / _POINT),
        (columns["vanna"], moved * vol_moved),
        (columns["volga"], 0.5 * vol_moved * vol_moved),
    )
    # A Greek of exactly 0 makes nothing however unknown its driver is: a share has no vol.
    return tuple(np.where(counted & (greek != 0.0), units * greek * driver, 0.0) for greek, driver in terms)
