"""Trades that open something new on the index: options bought, verticals, broken wings, calendars, futures, shares."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.black_scholes import Bools
from analytics.book_columns import Model, Rows
from analytics.hedge_closing import account_numbers, opposed
from analytics.hedge_estimates import naked_base, structure_margin
from analytics.hedge_market import SearchInput
from analytics.hedge_pool import INDEX_SYMBOLS, is_index_future
from analytics.hedge_shapes import Ints, Shapes, shapes_of
from analytics.hedge_units import Units
from models.enums import InstrumentKind
from models.hedge import HedgeKind

#: A new trade holds at least one option of this delta; wings and rolls need not.
LEAST_DELTA = 0.10
#: Strikes between the body of a broken wing and its wings, at most.
_FLY_GAP = 4
#: Broken wings are made in the expiries with at most so many days left: later ones hardly react.
_FLY_DAYS = 65.0
_SECONDS_PER_DAY = 86_400.0
#: Shares at most, by the value of so many contracts of the index.
_MOST_SHARES = 20_000


class OpeningTrades:
    """Shapes of new positions, in the account for new positions."""

    def __init__(self, given: SearchInput, units: Units) -> None:
        self._given, self._units = given, units
        names = account_numbers(given)
        new = given.accounts[0].account_id if given.accounts else None
        mine = np.array([new is None or names[row.account_id] == names[new] for row in given.rows], dtype=np.bool_)
        self._buy = units.can_buy & ~opposed(units, mine, is_buy=True)
        self._sell = units.can_sell & ~opposed(units, mine, is_buy=False)
        index = np.array([one in INDEX_SYMBOLS or is_index_future(one) for one in units.symbols], dtype=np.bool_)
        market = np.arange(len(units)) >= units.held
        self._pool = market & index[units.underlying]
        self._option = self._pool & (units.model != Model.LINEAR) & units.core

    def all(self) -> list[Shapes]:
        """Every family, part by part."""
        parts = [*self._bought(), *self._groups_of_strikes(), *self._calendars()]
        return [*self._lines(), *(part.take(self._is_hedge(part)) for part in parts)]

    def _is_hedge(self, part: Shapes) -> Bools:
        """Which shapes hold an option of some delta: far from the money vega is cheap and hedges little."""
        delta = np.abs(self._units.delta[part.rows]) * (part.ratio != 0)
        return np.asarray(delta.max(axis=1) >= LEAST_DELTA)

    def _bought(self) -> Iterator[Shapes]:
        """One option bought: a put against the fall, a call against the rise."""
        rows = np.flatnonzero(self._option & self._buy)
        if rows.size:
            units = self._units
            yield shapes_of(
                [(rows, 1)],
                kind=HedgeKind.INDEX_HEDGE,
                family=60_000 + 2 * units.underlying[rows] + units.is_call[rows],
                most=self._given.max_contracts_per_leg,
                margin=units.value[rows],
            )

    def _lines(self) -> Iterator[Shapes]:
        """Futures and shares of the index, bought or sold."""
        units = self._units
        naked = naked_base(self._given, units)
        lines = self._pool & (units.model == Model.LINEAR)
        # A future may turn from long to short in one order; shares may not.
        future = np.array([symbol.startswith("/") for symbol in units.symbols], dtype=np.bool_)[units.underlying]
        sides = ((1, self._buy | future & units.can_buy), (-1, self._sell | future & units.can_sell))
        for sign, allowed in sides:
            rows = np.flatnonzero(lines & allowed)
            if rows.size:
                shares = np.array([self._is_share(row) for row in rows.tolist()], dtype=np.bool_)
                yield shapes_of(
                    [(rows, sign)],
                    kind=HedgeKind.INDEX_HEDGE,
                    family=70_000 + units.underlying[rows],
                    most=np.where(shares, _MOST_SHARES, self._given.max_contracts_per_leg),
                    margin=naked[rows],
                )

    def _is_share(self, row: int) -> bool:
        return self._units.contracts[row].kind in (InstrumentKind.STOCK, InstrumentKind.ETF)

    def _groups_of_strikes(self) -> Iterator[Shapes]:
        """Verticals and broken wings of every class, expiry and right."""
        units = self._units
        at = np.flatnonzero(self._option)
        at = at[np.lexsort((units.strike[at], units.group[at]))]
        for run in np.split(at, np.flatnonzero(np.diff(units.group[at])) + 1) if at.size else ():
            yield from self._verticals(run)
            yield from self._flies(run)

    def _verticals(self, run: Rows) -> Iterator[Shapes]:
        """Every pair of strikes, bought either way round."""
        low, high = np.triu_indices(run.size, 1)
        for first, second in ((low, high), (high, low)):
            bought, sold = run[first], run[second]
            kept = self._buy[bought] & self._sell[sold]
            if kept.any():
                yield self._structure(HedgeKind.VERTICAL, [(bought[kept], 1), (sold[kept], -1)])

    def _flies(self, run: Rows) -> Iterator[Shapes]:
        """Two of a body sold, one wing bought on either side, the wings unequally far away or alike."""
        units = self._units
        days = (units.expiry_epoch_s[run[0]] - self._given.now_epoch_s) / _SECONDS_PER_DAY
        if run.size < 3 or days > _FLY_DAYS:
            return
        body, below, above = (
            grid.reshape(-1)
            for grid in np.meshgrid(np.arange(run.size), np.arange(1, _FLY_GAP + 1), np.arange(1, _FLY_GAP + 1))
        )
        kept = (body - below >= 0) & (body + above < run.size)
        low, middle, high = run[(body - below)[kept]], run[body[kept]], run[(body + above)[kept]]
        even = units.strike[high] - units.strike[middle] == units.strike[middle] - units.strike[low]
        allowed = self._buy[low] & self._sell[middle] & self._buy[high] & ~even
        if allowed.any():
            yield self._structure(HedgeKind.BROKEN_WING, [(low[allowed], 1), (middle[allowed], -2), (high[allowed], 1)])

    def _structure(self, kind: HedgeKind, legs: list[tuple[Rows, int]]) -> Shapes:
        """Shapes of one expiry; ideas are told apart by class, right and whether they are paid for."""
        units = self._units
        rows = np.stack([leg for leg, _ in legs], axis=1)
        ratio = np.array([count for _, count in legs], dtype=np.float64)[None, :]
        paid = (units.mid[rows] * ratio).sum(axis=1) > 0.0
        first = rows[:, 0]
        family = 80_000 + 4 * units.root[first] + 2 * units.is_call[first] + paid
        return shapes_of(
            list(legs),
            kind=kind,
            family=family,
            most=self._given.max_contracts_per_leg // int(np.abs(ratio).max()),
            margin=structure_margin(units, rows, np.broadcast_to(ratio, rows.shape)),
        )

    def _calendars(self) -> Iterator[Shapes]:
        """One strike: the nearer expiry sold, a later one bought."""
        units = self._units
        near = np.flatnonzero(self._option & self._sell)
        far = np.flatnonzero(self._pool & (units.model != Model.LINEAR) & self._buy)
        if near.size == 0 or far.size == 0:
            return
        one, other = _matching(_strike_keys(units, near), _strike_keys(units, far))
        sold, bought = near[one], far[other]
        later = units.expiry_epoch_s[bought] > units.expiry_epoch_s[sold]
        sold, bought = sold[later], bought[later]
        if sold.size:
            yield shapes_of(
                [(sold, -1), (bought, 1)],
                kind=HedgeKind.CALENDAR,
                family=90_000 + 2 * units.root[sold] + units.is_call[sold],
                most=self._given.max_contracts_per_leg,
                margin=np.maximum(units.value[bought] - units.value[sold], 0.0),
            )


def _strike_keys(units: Units, rows: Rows) -> Ints:
    """One number per class, right and strike (in thousandths)."""
    strike = np.round(units.strike[rows] * 1000.0).astype(np.int64)
    return np.asarray((strike * 1000 + units.root[rows]) * 2 + units.is_call[rows], dtype=np.int64)


def _matching(one: Ints, other: Ints) -> tuple[Rows, Rows]:
    """Every pair of entries with equal keys."""
    order = np.argsort(other, kind="stable")
    first = np.searchsorted(other[order], one, side="left")
    counts = np.searchsorted(other[order], one, side="right") - first
    left = np.repeat(np.arange(one.size), counts)
    offset = np.arange(left.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return left, order[np.repeat(first, counts) + offset]


def allowed_kinds(shapes: Shapes, kinds: Bools) -> Shapes:
    """The shapes of the kinds marked, by code."""
    return shapes.take(kinds[shapes.kind])
