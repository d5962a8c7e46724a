"""What one contract does to the book: the columns from which every candidate is put together by sums.

One row per position of the book, then one per contract of the market that is looked at. Every row is valued once, as
the book values it (the same formulas, the same vols where the contract is held, American where it may be exercised),
and revalued in full at every rung of the stress ladder. An American option of the market that is not held would cost a
thousand European values: it is ranked as a European one and made exact (`refined`) once a finalist holds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays, BookGreeks
from analytics.book_columns import Codes, Exclusion, Model, PositionColumns, Rows, UnderlyingColumns
from analytics.hedge_market import SearchInput
from analytics.hedge_pool import LEAST_LIFE_S, Pick, by_delta, is_tradeable, quoted, shortlist
from analytics.scenarios.columns import Moves, freeze
from analytics.scenarios.shocks import VolDynamics
from analytics.scenarios.values import grouped_pnl
from models.contract import Contract
from models.enums import Metric
from models.hedge import SearchLimits

#: Columns of `Units.greeks`.
GREEK_METRICS = (Metric.SPX_DELTA, Metric.GAMMA, Metric.THETA, Metric.VEGA)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """One row per position of the book (`held` of them), then one per market contract looked at; all per contract.

    contract: number that equal contracts share. root: number of its class. group: class, expiry and right of an option
    of the market, -1 else. core: taken for its delta (others only as far legs of calendars).
    greeks [row, 4]: `GREEK_METRICS`, beta-weighted. stress [row, rung]: dollars of P&L of one contract held. mid,
    half_spread: dollars of one contract. delta: per unit of the own underlying. can_buy, can_sell: quoted well enough,
    and the order ticket takes it.
    value: dollars of one contract by the model. spot: of the underlying. book_stress: the whole book's P&L
    [rung]. rough: American options valued as European so far. book: one of every row, as a book.
    """

    contracts: tuple[Contract, ...]
    held: int
    contract: Rows
    root: Rows
    group: Rows
    core: Bools
    greeks: Floats
    stress: Floats
    mid: Floats
    half_spread: Floats
    delta: Floats
    value: Floats
    spot: Floats
    multiplier: Floats
    model: Codes
    strike: Floats
    expiry_epoch_s: Floats
    is_call: Bools
    underlying: Rows
    symbols: tuple[str, ...]
    beta: Floats
    can_buy: Bools
    can_sell: Bools
    quantity: Floats
    excluded: Bools
    book_stress: Floats
    rough: Bools
    book: BookArrays

    def __len__(self) -> int:
        return len(self.contracts)

    def mid_price(self, row: int) -> Decimal:
        """Midpoint of a row's quote, per unit of the underlying, without the noise of a float."""
        return (Decimal(str(self.book.bid[row])) + Decimal(str(self.book.ask[row]))) / 2


def unit_columns(given: SearchInput, wish: SearchLimits) -> Units:
    """Values every contract that a search may trade."""
    pick = shortlist(given, wish)
    everything = _as_book(given, pick.rows)
    held = len(given.book)
    everything.refresh_vols(given.now_epoch_s, np.arange(held, len(everything)))
    greeks = everything.greeks(given.now_epoch_s, given.spx_price)
    columns = given.market.columns
    core = by_delta(pick, columns, np.where(greeks.exclusion[held:] == Exclusion.INCLUDED, greeks.delta[held:], np.nan))
    keep = core | _partners(pick, given, core, greeks.delta[held:])
    rows = np.concatenate([np.arange(held), held + np.flatnonzero(keep)]).astype(np.intp)
    book = _taken(everything, rows)
    chosen = Pick(pick.rows[keep], pick.group[keep])
    excluded = greeks.exclusion[rows] != Exclusion.INCLUDED
    bid, ask = everything.bid[rows], everything.ask[rows]
    with np.errstate(invalid="ignore"):
        dead = everything.expiry_epoch_s[rows] - given.now_epoch_s <= LEAST_LIFE_S
    stress = _stress(book, given)
    quantity = np.concatenate([given.book.quantity, np.zeros(rows.size - held)])
    contracts = (*(row.contract for row in given.rows), *(columns.contracts[row] for row in chosen.rows.tolist()))
    allowed = np.array([is_tradeable(one) for one in contracts], dtype=np.bool_)
    two_sided = quoted(bid, ask) & allowed & ~dead & ~excluded & np.isfinite(stress).all(axis=1)
    numbers = {key: number for number, key in enumerate(dict.fromkeys(one.key for one in contracts))}
    roots = {name: number for number, name in enumerate(dict.fromkeys(one.root for one in contracts))}
    multiplier = everything.multiplier[rows]
    known = np.where(excluded[:held, None], 0.0, stress[:held])
    return Units(
        contracts=contracts,
        held=held,
        contract=np.array([numbers[one.key] for one in contracts], dtype=np.intp),
        root=np.array([roots[one.root] for one in contracts], dtype=np.intp),
        group=np.concatenate([np.full(held, -1), chosen.group]).astype(np.intp),
        core=np.concatenate([np.zeros(held, dtype=np.bool_), core[keep]]),
        greeks=_weighted(greeks)[rows],
        stress=stress,
        mid=0.5 * (bid + ask) * multiplier,
        half_spread=0.5 * (ask - bid) * multiplier,
        delta=greeks.delta[rows],
        value=greeks.price[rows] * multiplier,
        spot=book.spot[book.underlying],
        multiplier=multiplier,
        model=everything.model[rows],
        strike=everything.strike[rows],
        expiry_epoch_s=everything.expiry_epoch_s[rows],
        is_call=everything.is_call[rows],
        underlying=everything.underlying[rows],
        symbols=everything.symbols,
        beta=np.where(np.isnan(everything.beta), 1.0, everything.beta),
        can_buy=two_sided,
        can_sell=two_sided & (bid > 0.0),
        quantity=quantity,
        excluded=excluded,
        book_stress=given.book.quantity @ known if held else np.zeros(stress.shape[1]),
        rough=np.concatenate([np.zeros(held, dtype=np.bool_), columns.is_american[chosen.rows]]) & ~book.is_american,
        book=book,
    )


def refined(given: SearchInput, units: Units, rows: Rows) -> Units:
    """The columns with some rough rows valued exactly; one whose quote has no vol then is excluded."""
    some = _taken(units.book, rows, is_american=True)
    some.set_quotes(np.arange(rows.size), units.book.bid[rows], units.book.ask[rows])
    some.refresh_vols(given.now_epoch_s)
    found = some.greeks(given.now_epoch_s, given.spx_price)
    vol, american = units.book.vol.copy(), units.book.is_american.copy()
    vol[rows], american[rows] = some.vol, True
    book = _taken(units.book, np.arange(len(units)), is_american=american)
    book.set_vols(np.arange(len(units)), vol)
    columns = {
        name: getattr(units, name).copy() for name in ("greeks", "stress", "delta", "value", "excluded", "rough")
    }
    columns["greeks"][rows] = _weighted(found)
    columns["stress"][rows] = _stress(some, given)
    columns["delta"][rows] = found.delta
    columns["value"][rows] = found.price * units.multiplier[rows]
    columns["excluded"][rows] = found.exclusion != Exclusion.INCLUDED
    columns["rough"][rows] = False
    return replace(units, book=book, **columns)


def _weighted(greeks: BookGreeks) -> Floats:
    """Beta-weighted figures [row, 4] in the order of `GREEK_METRICS`."""
    four = (greeks.spx_equiv_delta, greeks.gamma_bw, greeks.theta_dollars_per_day, greeks.vega_dollars_per_point)
    return np.stack(four, axis=1)


def market_positions(given: SearchInput, rows: Rows, index_of: dict[str, int]) -> PositionColumns:
    """One contract of each market row as position columns; `index_of`: entry of each underlying in the table."""
    market, columns = given.market, given.market.columns
    place = np.array([index_of[symbol] for symbol in columns.symbols], dtype=np.intp)
    linear = columns.model[rows] == Model.LINEAR
    return PositionColumns(
        quantity=np.ones(rows.size),
        multiplier=columns.multiplier[rows],
        model=columns.model[rows],
        underlying=place[columns.underlying[rows]] if rows.size else np.empty(0, dtype=np.intp),
        strike=columns.strike[rows],
        expiry_epoch_s=columns.expiry_epoch_s[rows],
        is_call=columns.is_call[rows],
        rate=np.where(linear, 0.0, market.rate[rows]),
        dividend_yield=np.where(linear, 0.0, market.dividend_yield[rows]),
        vol=_held_vols(given, rows),
        is_american=columns.is_american[rows],
    )


def new_underlyings(given: SearchInput) -> UnderlyingColumns:
    """Underlyings of the market's contracts that the book does not have; one without a price or beta given is NaN."""
    table, known = given.market.underlyings, set(given.book.symbols)
    spot, beta, flagged = (
        np.broadcast_to(np.asarray(values), (len(table.symbols),))
        for values in (table.spot, table.beta, table.beta_defaulted)
    )
    place = {symbol: at for at, symbol in enumerate(table.symbols)}
    names = [symbol for symbol in given.market.columns.symbols if symbol not in known]
    return UnderlyingColumns(
        symbols=tuple(names),
        spot=np.array([spot[place[name]] if name in place else np.nan for name in names], dtype=np.float64),
        beta=np.array([beta[place[name]] if name in place else np.nan for name in names], dtype=np.float64),
        beta_defaulted=np.array(
            [bool(flagged[place[name]]) if name in place else True for name in names], dtype=np.bool_
        ),
    )


def _held_vols(given: SearchInput, rows: Rows) -> Floats:
    """The book's vol where a market contract is held: a trade in it must be worth what the position is."""
    vol, row_of = np.full(rows.size, np.nan), given.market.columns.row_of
    place = {row: at for at, row in enumerate(rows.tolist())}
    for at, row in enumerate(given.rows):
        found = place.get(row_of.get(row.contract.key, -1))
        if found is not None:
            vol[found] = given.book.vol[at]
    return vol


def _as_book(given: SearchInput, rows: Rows) -> BookArrays:
    """One of every position and one of every market row, as a book of its own, with prices and quotes."""
    extra = new_underlyings(given)
    index_of = {symbol: at for at, symbol in enumerate((*given.book.symbols, *extra.symbols))}
    positions = market_positions(given, rows, index_of)
    early = np.asarray(positions.is_american) & np.isfinite(np.asarray(positions.vol))
    positions = replace(positions, is_american=early)
    book = given.book.with_positions(positions, extra)
    held, count = len(given.book), len(book)
    book.set_quantities(np.arange(held), np.ones(held))
    book.set_quotes(np.arange(held, count), given.market.bid[rows], given.market.ask[rows])
    # What is held is on the book's vol; it is exact from the start.
    known = np.flatnonzero(np.isfinite(np.asarray(positions.vol))) + held
    book.set_vols(known, book.vol[known])
    return book


def _taken(book: BookArrays, rows: Rows, *, is_american: Bools | bool | None = None) -> BookArrays:
    """Some rows of a book with their quotes and vols, and their style of exercise unless another one is given."""
    table = UnderlyingColumns(book.symbols, book.spot, book.beta, book.beta_defaulted)
    columns = PositionColumns(
        quantity=book.quantity[rows],
        multiplier=book.multiplier[rows],
        model=book.model[rows],
        underlying=book.underlying[rows],
        strike=book.strike[rows],
        expiry_epoch_s=book.expiry_epoch_s[rows],
        is_call=book.is_call[rows],
        rate=book.rate[rows],
        dividend_yield=book.dividend_yield[rows],
        vol=book.vol[rows],
        is_american=book.is_american[rows] if is_american is None else is_american,
    )
    taken = BookArrays(columns, table)
    taken.set_quotes(np.arange(rows.size), book.bid[rows], book.ask[rows])
    taken.set_vols(np.arange(rows.size), book.vol[rows])
    return taken


def _stress(book: BookArrays, given: SearchInput) -> Floats:
    """Dollars of P&L of one contract [row, rung]; NaN in rows that cannot be valued."""
    count = len(book)
    shifts = np.array(given.stress_shifts)
    if count == 0:
        return np.zeros((0, shifts.size))
    moves = Moves(dynamics=VolDynamics(response=given.response))
    frozen = freeze(book, given.now_epoch_s, moves, np.arange(count), count)
    pnl = grouped_pnl(frozen, shifts, np.zeros(1), np.zeros(1)).pnl[:, 0, 0]
    pnl[~frozen.included] = np.nan
    return pnl


def _partners(pick: Pick, given: SearchInput, keep: Bools, delta: Floats) -> Bools:
    """Contracts of the strikes kept near the money, in the other expiries kept: the far legs of calendars."""
    columns = given.market.columns
    size = np.abs(delta)
    with np.errstate(invalid="ignore"):
        near = keep & (pick.group >= 0) & (size >= 0.10) & (size <= 0.60)
    if not near.any():
        return np.zeros(keep.size, dtype=np.bool_)
    strike = np.unique(columns.strike[pick.rows], return_inverse=True)[1]
    keys = (strike * len(columns.roots) + columns.root[pick.rows]) * 2 + columns.is_call[pick.rows]
    of = np.unique(keys, return_inverse=True)[1]
    wanted = np.zeros(int(of.max()) + 1, dtype=np.bool_)
    wanted[of[near]] = True
    return np.asarray(wanted[of] & (pick.group >= 0) & np.isfinite(delta))
