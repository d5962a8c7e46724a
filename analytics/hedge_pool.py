"""Which of the listed contracts a hedge search looks at: sensible expiries, and strikes from near to far by delta.

A chain of 30,000 contracts holds few ideas: strikes five points apart are one. Expiries held in the book are always
looked at, and those next to `_TARGET_DAYS`; a class with no more expiries than that is taken whole, and so is an
expiry with no more strikes a side than `_DELTAS` has entries.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytics.black_scholes import Bools, Floats
from analytics.book_columns import Model, Rows
from analytics.hedge_market import ContractColumns, SearchInput
from models.contract import Contract
from models.enums import InstrumentKind
from models.hedge import SearchLimits

#: Underlyings whose options and shares hedge the whole book.
INDEX_SYMBOLS = frozenset({"SPX", "XSP", "SPY"})
INDEX_FUTURES = ("/ES", "/MES")
#: A contract that settles within this time is not opened any more, nor closed.
LEAST_LIFE_S = 60.0
_TARGET_DAYS = (1.0, 3.0, 7.0, 14.0, 21.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0)
#: Without a wish nothing is opened further out than so many days beyond the last expiry held, or so many days at all.
_REACH_BEYOND_DAYS, _LEAST_REACH_DAYS = 30.0, 60.0
#: Later expiries of a held class that is no index: what its options can be rolled to.
_ROLL_EXPIRIES = 3
_DELTAS = np.array([0.02, 0.035, 0.05, 0.07, 0.10, 0.13, 0.16, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.60, 0.70])
#: Strikes further from the money than this many deviations at `_WIDE_VOL` are not looked at.
_DEVIATIONS, _WIDE_VOL, _LEAST_MONEYNESS = 3.5, 0.30, 0.03
_SECONDS_PER_DAY = 86_400.0


class Pick(NamedTuple):
    """Rows of a market, and the number of (class, expiry, right) each belongs to; -1 for shares and futures."""

    rows: Rows
    group: Rows


def is_index_future(symbol: str) -> bool:
    """Whether it is a future on the S&P 500."""
    return any(symbol.startswith(root) and not symbol[len(root) :].isalpha() for root in INDEX_FUTURES)


def is_tradeable(contract: Contract) -> bool:
    """Whether the order ticket takes it: what an adjusted option delivers is not known, crypto is only shown."""
    return not contract.is_adjusted and contract.kind is not InstrumentKind.CRYPTO


def quoted(bid: Floats, ask: Floats) -> Bools:
    """Which quotes have two sides, uncrossed; a bid of 0 is a side."""
    with np.errstate(invalid="ignore"):
        return np.asarray((bid >= 0.0) & (ask > 0.0) & (bid <= ask) & (ask < 1e12))


def shortlist(given: SearchInput, wish: SearchLimits) -> Pick:
    """The contracts whose vols are worth solving: chosen expiries, and strikes that can matter."""
    market, columns = given.market, given.market.columns
    count = len(columns)
    if count == 0:
        return Pick(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))
    alive = quoted(market.bid, market.ask) & _wanted(columns, wish)
    option = columns.model != Model.LINEAR
    days = (columns.expiry_epoch_s - given.now_epoch_s) / _SECONDS_PER_DAY
    with np.errstate(invalid="ignore"):
        alive &= ~option | (days * _SECONDS_PER_DAY > LEAST_LIFE_S)
        alive &= ~option | (days <= _furthest_days(given, wish))
    linear = np.flatnonzero(alive & ~option & _hedging_lines(columns))
    options = _near_the_money(given, np.flatnonzero(alive & option), days)
    kept = [options[_expiry_mask(given, options, days)]] if options.size else []
    rows = np.concatenate([linear, *kept]).astype(np.intp)
    return Pick(rows, _groups(columns, rows))


def _furthest_days(given: SearchInput, wish: SearchLimits) -> float:
    """As far out as wished, else a little beyond what is held: vega of a far expiry is not that of a near one."""
    if wish.max_days_to_expiry is not None:
        return float(wish.max_days_to_expiry)
    expiries = given.book.expiry_epoch_s[given.book.option_rows]
    last = (expiries.max() - given.now_epoch_s) / _SECONDS_PER_DAY if expiries.size else 0.0
    return max(_LEAST_REACH_DAYS, float(last) + _REACH_BEYOND_DAYS)


def by_delta(pick: Pick, columns: ContractColumns, delta: Floats) -> Bools:
    """Which of the picked rows to trade: per class, expiry and right those next to the deltas of `_DELTAS`.

    delta: per unit, one per picked row; NaN (no vol) drops the row.
    """
    keep = (pick.group < 0) & np.isfinite(delta)
    size = np.abs(delta)
    at = np.flatnonzero((pick.group >= 0) & np.isfinite(delta))
    order = at[np.lexsort((columns.strike[pick.rows[at]], pick.group[at]))]
    for run in np.split(order, np.flatnonzero(np.diff(pick.group[order])) + 1):
        if run.size <= _DELTAS.size:
            keep[run] = True
        else:
            keep[run[np.abs(size[run][:, None] - _DELTAS).argmin(axis=0)]] = True
    return keep


def _wanted(columns: ContractColumns, wish: SearchLimits) -> Bools:
    if wish.underlyings is None:
        return np.ones(len(columns), dtype=np.bool_)
    named = np.array([_is_named(symbol, wish.underlyings) for symbol in columns.symbols], dtype=np.bool_)
    return np.asarray(named[columns.underlying])


def _is_named(symbol: str, names: frozenset[str]) -> bool:
    """Whether a wish means this underlying; `/ES` means every /ES future."""
    return symbol in names or any(symbol.startswith(name) and is_index_future(symbol) for name in names if "/" in name)


def wants(symbol: str, wish: SearchLimits) -> bool:
    """Whether a wish lets trades on this underlying through."""
    return wish.underlyings is None or _is_named(symbol, wish.underlyings)


def _hedging_lines(columns: ContractColumns) -> Bools:
    """Shares and futures that hedge the whole book."""
    named = np.array([one in INDEX_SYMBOLS or is_index_future(one) for one in columns.symbols], dtype=np.bool_)
    return np.asarray(named[columns.underlying])


def _near_the_money(given: SearchInput, rows: Rows, days: Floats) -> Rows:
    """Options of an index or of an underlying held as options, not absurdly far from the money."""
    columns = given.market.columns
    spots = spot_of(given)
    held = {given.book.symbols[at] for at in np.unique(given.book.underlying[given.book.option_rows]).tolist()}
    useful = np.array([one in INDEX_SYMBOLS or one in held for one in columns.symbols], dtype=np.bool_)
    spot = np.array([spots.get(one, np.nan) for one in columns.symbols])
    under = columns.underlying[rows]
    reach = np.maximum(_DEVIATIONS * _WIDE_VOL * np.sqrt(days[rows] / 365.0), _LEAST_MONEYNESS)
    with np.errstate(invalid="ignore"):
        near = np.abs(np.log(columns.strike[rows] / spot[under])) <= reach
    return np.asarray(rows[useful[under] & near])


def spot_of(given: SearchInput) -> dict[str, float]:
    """Price of every underlying known; the book's own counts first."""
    table = given.market.underlyings
    spots = np.broadcast_to(np.asarray(table.spot, dtype=np.float64), (len(table.symbols),))
    market = dict(zip(table.symbols, spots.tolist(), strict=True))
    return {**market, **dict(zip(given.book.symbols, given.book.spot.tolist(), strict=True))}


def _expiry_mask(given: SearchInput, rows: Rows, days: Floats) -> Bools:
    """Which options have an expiry to look at."""
    columns = given.market.columns
    held = {
        (row.contract.root, float(given.book.expiry_epoch_s[at]))
        for at, row in enumerate(given.rows)
        if row.contract.is_option
    }
    is_index = np.array([one in INDEX_SYMBOLS for one in columns.symbols], dtype=np.bool_)
    mask = np.zeros(rows.size, dtype=np.bool_)
    root = columns.root[rows]
    for code in np.unique(root).tolist():
        mine = np.flatnonzero(root == code)
        name = columns.roots[code]
        expiry = columns.expiry_epoch_s[rows[mine]]
        listed, of = np.unique(expiry, return_inverse=True)
        left = days[rows[mine[np.unique(of, return_index=True)[1]]]]
        chosen = np.array([(name, one) in held for one in listed.tolist()], dtype=np.bool_)
        if is_index[columns.underlying[rows[mine[0]]]]:
            chosen |= _next_to_targets(left)
        elif chosen.any():
            last = int(np.flatnonzero(chosen)[-1])
            chosen[last + 1 : last + 1 + _ROLL_EXPIRIES] = True
        mask[mine] = chosen[of]
    return mask


def _next_to_targets(days: Floats) -> Bools:
    """The expiries nearest to the target terms; all when there are no more than those."""
    chosen = np.full(days.size, days.size <= len(_TARGET_DAYS))
    chosen[np.abs(days[:, None] - np.array(_TARGET_DAYS)).argmin(axis=0)] = True
    return chosen


def _groups(columns: ContractColumns, rows: Rows) -> Rows:
    """Number of the (class, expiry, right) of each row; -1 for shares and futures."""
    group = np.full(rows.size, -1, dtype=np.intp)
    at = np.flatnonzero(columns.model[rows] != Model.LINEAR)
    if at.size:
        some = rows[at]
        expiry = np.unique(columns.expiry_epoch_s[some], return_inverse=True)[1]
        keys = (expiry * len(columns.roots) + columns.root[some]) * 2 + columns.is_call[some]
        group[at] = np.unique(keys, return_inverse=True)[1]
    return group
