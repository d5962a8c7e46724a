"""First estimates of margin, good enough to rank by; finalists are worked out exactly (`analytics.hedge_margin`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.black_scholes import Floats
from analytics.book_columns import Model, Rows
from analytics.hedge_market import SearchInput
from analytics.hedge_shapes import Ints
from analytics.hedge_units import Units

#: Shares of the underlying's price: uncovered options of broad indices and of others, their minimum, long and short
#: shares (FINRA 4210), futures near the exchanges' outrights.
_BROAD, _OTHER, _LEAST, _LONG_SHARE, _SHORT_SHARE, _FUTURE = 0.15, 0.20, 0.10, 0.25, 0.30, 0.07


def naked_base(given: SearchInput, units: Units) -> Floats:
    """Dollars against net liquidation that one contract held short and uncovered needs; of a line, held either way."""
    terms = {symbol: one for account in reversed(given.accounts) for symbol, one in account.terms.items()}
    broad = np.array([s in terms and terms[s].kind.margin_class.is_broad for s in units.symbols], dtype=np.bool_)
    future = np.array([symbol.startswith("/") for symbol in units.symbols], dtype=np.bool_)
    percent = np.where(broad, _BROAD, _OTHER)[units.underlying]
    out = np.maximum(np.where(units.is_call, units.strike - units.spot, units.spot - units.strike), 0.0)
    least = _LEAST * np.where(units.is_call, units.spot, units.strike)
    option = np.maximum(percent * units.spot - out, least)
    line = np.where(future[units.underlying], _FUTURE, _LONG_SHARE) * units.spot
    return np.where(units.model == Model.LINEAR, line, option) * units.multiplier


def standing_requirement(units: Units, naked: Floats, strategies: Sequence[Sequence[tuple[int, int]]]) -> Floats:
    """Dollars that one contract of each held row needs where it stands, by the strategies (row, signed quantity).

    A short is covered to the width when its strategy's longs of its right, expiring no sooner, are as many as its
    shorts, else it is naked. A long option needs the money it ties up; what it covers is not looked at here.
    """
    held = units.held
    quantity, option = units.quantity[:held], units.model[:held] != Model.LINEAR
    need = np.where(option & (quantity < 0), 0.0, np.where(option, units.value[:held], naked[:held]))
    for members in strategies:
        for row in (row for row, size in members if size < 0 and option[row]):
            longs = [other for other, size in members if size > 0 and option[other] and _covers(units, other, row)]
            count = sum(size for other, size in members if other in longs)
            shorts = sum(-size for other, size in members if size < 0 and units.is_call[other] == units.is_call[row])
            width = min((abs(float(units.strike[other] - units.strike[row])) for other in longs), default=np.inf)
            alone = float(naked[row])
            covered = min(alone, width * float(units.multiplier[row])) if longs and count >= shorts else alone
            need[row] = max(float(need[row]), covered)
    return np.where(np.isfinite(need), need, 0.0)


def _covers(units: Units, long: int, short: int) -> bool:
    """Whether a long option stands against a short one: same right, no earlier expiry."""
    later = units.expiry_epoch_s[long] >= units.expiry_epoch_s[short]
    return bool(units.is_call[long] == units.is_call[short] and later)


def least_margin(units: Units, naked: Floats, rows: Rows, ratio: Ints) -> Floats:
    """The least requirement that one unit of each shape could add, dollars [N]; nothing frees more than this says.

    A bought option frees at most what the hungriest short of its underlying and right needs uncovered.
    """
    held = units.held
    hungriest = np.zeros((len(units.symbols), 2))
    shorts = np.flatnonzero((units.quantity[:held] < 0) & (units.model[:held] != Model.LINEAR) & ~units.excluded[:held])
    np.maximum.at(hungriest, (units.underlying[shorts], units.is_call[shorts].astype(np.intp)), naked[shorts])
    option = units.model[rows] != Model.LINEAR
    relief = hungriest[units.underlying[rows], units.is_call[rows].astype(np.intp)]
    relief = np.where(option, np.maximum(ratio, 0) * relief, np.abs(ratio) * naked[rows])
    value = np.where(option, ratio * np.nan_to_num(units.value[rows]), 0.0)
    return np.asarray(np.where(ratio == 0, 0.0, value - relief).sum(axis=1))


def structure_margin(units: Units, rows: Rows, ratio: Floats) -> Floats:
    """Dollars that one unit of a structure of one expiry needs against net liquidation, [N] of legs [N, legs].

    Its greatest loss at expiry (bounded by construction) and what it is worth now.
    """
    strike, call = units.strike[rows], units.is_call[rows]
    size = ratio * units.multiplier[rows]
    levels = np.concatenate([strike, np.zeros((rows.shape[0], 1)), 2.0 * strike.max(axis=1, keepdims=True)], axis=1)
    apart = levels[:, :, None] - strike[:, None, :]
    worth = (np.maximum(np.where(call[:, None, :], apart, -apart), 0.0) * size[:, None, :]).sum(axis=2)
    return np.asarray(np.maximum(-worth.min(axis=1), 0.0) + (ratio * units.value[rows]).sum(axis=1))
