"""The live book as a structure of arrays: ticks write into it in place, Greeks come out of it in one pass.

One thread owns a `BookArrays` (the engine's); nothing here locks. A row is one position. Every row points at one
entry of the underlying table, which holds the live price it is valued on: a stock, an index, or a future (each
future contract is an underlying of its own, and its options point at it).

Rules
    An option's vol comes from its own quote when that is two-sided and not crossed: from its mid; where the mid is
    not above what exercise pays, the last vol stands as long as its price lies within the quote, else the vol comes
    from the part of the quote that is (`analytics.inside_quote`). Otherwise the last good vol is kept and the row is
    marked stale. A row without a price for its underlying, or an option without any vol, is
    excluded with a reason and never enters a sum as zero. Only rows whose quote changed are solved again; between
    quotes an option rides on its vol (sticky strike) while its underlying moves.
    Options on futures are valued by Black-76. Those that may be exercised early carry a premium on their European
    value that is solved now and then and carried along in between (`analytics.early_premium`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.beta_weighting import PortfolioTotals, beta_weight
from analytics.black_scholes import Bools, FirstOrderValues, Floats, bsm_first_order
from analytics.book_columns import (
    BookError,
    Codes,
    Exclusion,
    Mark,
    Model,
    PositionColumns,
    Rows,
    UnderlyingColumns,
    appended,
    appended_underlyings,
    check_positions,
    column,
    is_carry,
    is_price,
    is_quantity,
    is_vol,
)
from analytics.early_premium import EarlyPremiums, LiveOptions
from analytics.implied_vol import ImpliedVol, IvStatus, implied_vol
from analytics.inside_quote import price_inside_quote, without_time_value

__all__ = [
    "SECONDS_PER_YEAR",
    "BookArrays",
    "BookError",
    "BookGreeks",
    "Codes",
    "Exclusion",
    "Mark",
    "Model",
    "PositionColumns",
    "Rows",
    "UnderlyingColumns",
]

SECONDS_PER_YEAR = 365.0 * 86_400.0


class BookGreeks(NamedTuple):
    """One entry per position (NaN where unknown), and the totals.

    price, delta, gamma, theta_per_day, vega_per_point: per one unit, units of `analytics.black_scholes`. raw_delta,
    spx_equiv_delta, gamma_bw, theta_dollars_per_day, vega_dollars_per_point: whole position, as
    `analytics.beta_weighting`. market_value: quantity x multiplier x mark where the quote is two-sided, else x model
    price (for a future that is its notional). vol_stale: valued on an old vol. exclusion: codes of `Exclusion`.
    """

    price: Floats
    delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    raw_delta: Floats
    spx_equiv_delta: Floats
    gamma_bw: Floats
    theta_dollars_per_day: Floats
    vega_dollars_per_point: Floats
    vol: Floats
    vol_stale: Bools
    t_years: Floats
    market_value: Floats
    beta: Floats
    beta_defaulted: Bools
    exclusion: Codes
    totals: PortfolioTotals


class BookArrays:
    """Positions, underlyings, quotes and vols as columns. Columns are public to read; write through the methods."""

    def __init__(self, positions: PositionColumns, underlyings: UnderlyingColumns) -> None:
        """Copy and check the columns; raises `BookError` naming the column and row that is wrong."""
        self.symbols = tuple(underlyings.symbols)
        count = len(self.symbols)
        self.spot = column("spot", underlyings.spot, count, np.float64)
        self.beta = column("beta", underlyings.beta, count, np.float64)
        flagged = column("beta_defaulted", underlyings.beta_defaulted, count, np.bool_)
        self.beta_defaulted = flagged | np.isnan(self.beta)
        self.spot[~is_price(self.spot)] = np.nan
        n = np.atleast_1d(np.asarray(positions.quantity)).shape[0]
        self.quantity = column("quantity", positions.quantity, n, np.float64)
        self.multiplier = column("multiplier", positions.multiplier, n, np.float64)
        self.model = column("model", positions.model, n, np.int8)
        self.underlying = column("underlying", positions.underlying, n, np.intp)
        self.strike = column("strike", positions.strike, n, np.float64)
        self.expiry_epoch_s = column("expiry_epoch_s", positions.expiry_epoch_s, n, np.float64)
        self.is_call = column("is_call", positions.is_call, n, np.bool_)
        self.rate = column("rate", positions.rate, n, np.float64)
        self.dividend_yield = column("dividend_yield", positions.dividend_yield, n, np.float64)
        self.vol = column("vol", positions.vol, n, np.float64)
        self.vol[~is_vol(self.vol)] = np.nan
        self.is_american = column("is_american", positions.is_american, n, np.bool_) & (self.model != Model.LINEAR)
        self.vol_stale = np.zeros(n, dtype=np.bool_)
        self.vol_status = np.full(n, IvStatus.OK, dtype=np.int8)
        self.bid, self.ask, self.mark = (np.full(n, np.nan) for _ in range(3))
        self.mark_status = np.full(n, Mark.NO_QUOTE, dtype=np.int8)
        self.dirty = np.zeros(n, dtype=np.bool_)
        check_positions(self.positions(), len(self.symbols))
        self._option_rows: Rows = np.flatnonzero(self.model != Model.LINEAR)
        self._premiums = EarlyPremiums(n if self.is_american.any() else 0)

    def __len__(self) -> int:
        return int(self.quantity.shape[0])

    @property
    def option_rows(self) -> Rows:
        """Rows of options, ascending."""
        return self._option_rows

    @property
    def dirty_rows(self) -> Rows:
        """Option rows with a usable quote newer than their vol, or that gave them none yet."""
        return np.flatnonzero(self.dirty)

    def carry_yield(self, rows: Rows) -> Floats:
        """Yield that makes the one pricing formula right for `rows`: the rate itself for options on futures."""
        on_future = self.model[rows] == Model.BLACK76
        return np.where(on_future, self.rate[rows], self.dividend_yield[rows])

    def t_years(self, now_epoch_s: float, rows: Rows) -> Floats:
        """Years (act/365, fractional, never floored to a day) from now to settlement; 0 once it has passed."""
        return np.maximum(self.expiry_epoch_s[rows] - now_epoch_s, 0.0) / SECONDS_PER_YEAR

    def set_quantities(self, rows: npt.ArrayLike, quantities: npt.ArrayLike) -> None:
        """Write signed quantities after fills; raises `BookError` when one is not a number."""
        values = np.asarray(quantities, dtype=np.float64)
        if not is_quantity(values).all():
            raise BookError(f"quantities {values} are not all numbers. Nothing was changed; send every quantity.")
        self.quantity[np.asarray(rows, dtype=np.intp)] = values

    def set_spots(self, indices: npt.ArrayLike, prices: npt.ArrayLike) -> None:
        """Write live prices of underlyings; anything but a positive number (NaN, 0, an unset 1.8e308) is unknown."""
        values = np.asarray(prices, dtype=np.float64)
        self.spot[np.asarray(indices, dtype=np.intp)] = np.where(is_price(values), values, np.nan)

    def set_betas(self, indices: npt.ArrayLike, betas: npt.ArrayLike, defaulted: npt.ArrayLike) -> None:
        """Write betas and whether each is only the default; NaN means unknown and counts as default 1.0."""
        at, values = np.asarray(indices, dtype=np.intp), np.asarray(betas, dtype=np.float64)
        self.beta[at] = values
        self.beta_defaulted[at] = np.asarray(defaulted, dtype=np.bool_) | np.isnan(values)

    def set_carry(self, rows: npt.ArrayLike, rate: npt.ArrayLike, dividend_yield: npt.ArrayLike) -> None:
        """Write rate and yield of rows (for instance from the parity forward) and have their vols solved again.

        A row whose rate or yield is unknown (NaN) or beyond +-300 % keeps what it had.
        """
        at = np.asarray(rows, dtype=np.intp)
        rates, yields = (np.broadcast_to(np.asarray(v, dtype=np.float64), at.shape) for v in (rate, dividend_yield))
        good = is_carry(rates) & is_carry(yields)
        at = at[good]
        self.rate[at], self.dividend_yield[at] = rates[good], yields[good]
        self.dirty[at] = (self.model[at] != Model.LINEAR) & ~np.isnan(self.mark[at])

    def set_quotes(self, rows: npt.ArrayLike, bid: npt.ArrayLike, ask: npt.ArrayLike) -> None:
        """Write quotes; the mark is the mid when both sides are there and bid <= ask, else NaN with a reason.

        A bid of 0 is a real one: a far wing is worth between nothing and its ask. A missing side is NaN, below 0 or an
        ask of 0; a broker's unset (1.8e308) or an infinite side is a bad quote. An option whose quote gives no mark
        keeps its last vol and is marked stale.
        """
        at = np.asarray(rows, dtype=np.intp)
        b, a = np.broadcast_arrays(np.asarray(bid, dtype=np.float64), np.asarray(ask, dtype=np.float64))
        absurd = ((b > 0.0) & ~is_price(b)) | ((a > 0.0) & ~is_price(a))
        two_sided = (is_price(b) | (b == 0.0)) & is_price(a)
        crossed = two_sided & (b > a)
        good = two_sided & ~crossed
        status = np.full(b.shape, Mark.ONE_SIDED, dtype=np.int8)
        status[absurd], status[crossed], status[good] = Mark.BAD_QUOTE, Mark.CROSSED, Mark.TWO_SIDED
        self.bid[at], self.ask[at], self.mark_status[at] = b, a, status
        self.mark[at] = np.where(good, 0.5 * (np.where(good, b, 0.0) + np.where(good, a, 0.0)), np.nan)
        option = self.model[at] != Model.LINEAR
        self.dirty[at] = option & good
        self.vol_stale[at] |= option & ~good & ~np.isnan(self.vol[at])

    def set_vols(self, rows: npt.ArrayLike, vols: npt.ArrayLike) -> None:
        """Write vols known from elsewhere; they count as fresh. NaN or a negative vol means unknown."""
        at, values = np.asarray(rows, dtype=np.intp), np.asarray(vols, dtype=np.float64)
        self.vol[at] = np.where(is_vol(values), values, np.nan)
        self.vol_stale[at] = False
        self.vol_status[at] = IvStatus.OK
        self.dirty[at] = False

    def refresh_vols(self, now_epoch_s: float, rows: npt.ArrayLike | None = None) -> int:
        """Solve implied vols of dirty rows (all, or those among `rows`) and return how many were solved.

        A row waits while its underlying has no price. A row whose quote has no vol keeps the last one, stale, with the
        reason in `vol_status`; without a last one it is tried again when called next, in case its underlying has moved
        out of the way of its quote. Expired rows need no vol and are skipped.
        """
        if rows is None:
            at = np.flatnonzero(self.dirty)
        else:
            wanted = np.unique(np.asarray(rows, dtype=np.intp))
            at = wanted[self.dirty[wanted]]
        at = at[~np.isnan(self.spot[self.underlying[at]]) & (self.expiry_epoch_s[at] > now_epoch_s)]
        if at.size == 0:
            return 0
        found = self._vols_of_quotes(at, now_epoch_s)
        solved = found.status == IvStatus.OK
        self.vol[at] = np.where(solved, found.vol, self.vol[at])
        self.vol_stale[at] = ~solved & ~np.isnan(self.vol[at])
        self.vol_status[at] = found.status
        self.dirty[at] = False
        count = int(np.count_nonzero(solved))
        if count < at.size:
            left = at[~solved]
            self.dirty[left] = np.isnan(self.vol[left]) & without_time_value(self.vol_status[left])
        return count

    def _vols_of_quotes(self, at: Rows, now_epoch_s: float) -> ImpliedVol:
        """Vols of option rows `at` from their marks; where marks have no time value, vols that their quotes allow."""
        found = self._implied_vols(at, now_epoch_s, self.mark[at])
        flat = np.flatnonzero(found.status)  # few or none: `OK` is 0
        if flat.size:
            flat = flat[without_time_value(found.status[flat])]
        if flat.size == 0:
            return found
        rows = at[flat]
        live = self._live(rows, now_epoch_s)
        bid, ask = self.bid[rows], self.ask[rows]
        price = price_inside_quote(bid=bid, ask=ask, terms=live.quoted(), is_american=self.is_american[rows])
        worth = self._first_order(rows, now_epoch_s, live).price
        # A vol whose price the quote brackets is not refuted: solving anew would only make it jump from tick to tick.
        holds = (worth >= bid) & (worth <= ask) & ~np.isnan(price)
        found.vol[flat[holds]], found.status[flat[holds]] = live.vol[holds], IvStatus.OK
        wanted = np.flatnonzero(~holds & ~np.isnan(price))
        if wanted.size:
            some = flat[wanted]
            found.vol[some], found.status[some] = self._implied_vols(at[some], now_epoch_s, price[wanted])
        return found

    def _implied_vols(self, at: Rows, now_epoch_s: float, price: Floats) -> ImpliedVol:
        """Vols of option rows `at` worth `price`, each by its style of exercise."""
        early = self.is_american[at]
        vol, status = np.empty(at.size), np.empty(at.size, dtype=np.int8)
        american, european = np.flatnonzero(early), np.flatnonzero(~early)
        if european.size:
            live = self._live(at[european], now_epoch_s)
            vol[european], status[european] = implied_vol(price=price[european], **live.quoted())
        if american.size:
            rows = at[american]
            live = self._live(rows, now_epoch_s)
            vol[american], status[american] = self._premiums.implied_vol(rows, now_epoch_s, live, price[american])
        return ImpliedVol(vol, status)

    def _live(self, rows: Rows, now_epoch_s: float) -> LiveOptions:
        """Option rows as they are now."""
        return LiveOptions(
            spot=self.spot[self.underlying[rows]],
            strike=self.strike[rows],
            t_years=self.t_years(now_epoch_s, rows),
            rate=self.rate[rows],
            carry_yield=self.carry_yield(rows),
            vol=self.vol[rows],
            is_call=self.is_call[rows],
        )

    def greeks(self, now_epoch_s: float, index_price: float) -> BookGreeks:
        """Value every position at `now_epoch_s` and weigh it into the benchmark at `index_price` (NaN = unknown)."""
        price, delta, gamma, theta, vega, t_years = self._unit_greeks(now_epoch_s)
        spot, beta = self.spot[self.underlying], self.beta[self.underlying]
        defaulted = self.beta_defaulted[self.underlying]
        weighted = beta_weight(
            quantity=self.quantity,
            multiplier=self.multiplier,
            delta=delta,
            gamma=gamma,
            theta_per_day=theta,
            vega_per_point=vega,
            underlying_price=spot,
            beta=beta,
            index_price=index_price,
            beta_defaulted=defaulted,
        )
        market_value = self.quantity * self.multiplier * np.where(np.isnan(self.mark), price, self.mark)
        return BookGreeks(
            price=price,
            delta=delta,
            gamma=gamma,
            theta_per_day=theta,
            vega_per_point=vega,
            raw_delta=weighted.raw_delta,
            spx_equiv_delta=weighted.spx_equiv_delta,
            gamma_bw=weighted.gamma_bw,
            theta_dollars_per_day=weighted.theta_dollars_per_day,
            vega_dollars_per_point=weighted.vega_dollars_per_point,
            vol=self.vol.copy(),
            vol_stale=self.vol_stale.copy(),
            t_years=t_years,
            market_value=market_value,
            beta=np.where(np.isnan(beta), 1.0, beta),
            beta_defaulted=defaulted,
            exclusion=self.exclusions(now_epoch_s),
            totals=weighted.totals,
        )

    def exclusions(self, now_epoch_s: float) -> Codes:
        """Reason per row, codes of `Exclusion`: an option needs a vol until it expires, every row needs a price."""
        codes = np.full(len(self), Exclusion.INCLUDED, dtype=np.int8)
        needs_vol = (self.model != Model.LINEAR) & np.isnan(self.vol)
        codes[needs_vol & (self.expiry_epoch_s > now_epoch_s)] = Exclusion.NO_VOL
        codes[np.isnan(self.spot[self.underlying])] = Exclusion.NO_UNDERLYING_PRICE
        return codes

    def _unit_greeks(self, now_epoch_s: float) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        rows = self._option_rows
        price = self.spot[self.underlying]
        delta, gamma, theta, vega = np.where(np.isnan(price), np.nan, 1.0), *(np.zeros(len(self)) for _ in range(3))
        t_years = np.full(len(self), np.nan)
        if rows.size == 0:
            return price, delta, gamma, theta, vega, t_years
        live = self._live(rows, now_epoch_s)
        # An expired option has no vol left to know; any number gives its intrinsic value.
        live = live._replace(vol=np.where(live.t_years > 0.0, live.vol, 0.0))
        t_years[rows] = live.t_years
        price[rows], delta[rows], gamma[rows], theta[rows], vega[rows] = self._first_order(rows, now_epoch_s, live)
        return price, delta, gamma, theta, vega, t_years

    def _first_order(self, rows: Rows, now_epoch_s: float, live: LiveOptions) -> FirstOrderValues:
        """Price and first Greeks per unit of option rows, by their style of exercise; NaN where the vol is."""
        values = bsm_first_order(**live.arguments())
        early = np.flatnonzero(self.is_american[rows] & (live.t_years > 0.0) & np.isfinite(values.price))
        if early.size:
            some = FirstOrderValues(*(column[early] for column in values))
            found = self._premiums.add_to(some, rows[early], now_epoch_s, live.take(early))
            for column, part in zip(values, found, strict=True):
                column[early] = part
        return values

    def positions(self) -> PositionColumns:
        """A copy of the position columns, vols included."""
        return PositionColumns(
            quantity=self.quantity.copy(),
            multiplier=self.multiplier.copy(),
            model=self.model.copy(),
            underlying=self.underlying.copy(),
            strike=self.strike.copy(),
            expiry_epoch_s=self.expiry_epoch_s.copy(),
            is_call=self.is_call.copy(),
            rate=self.rate.copy(),
            dividend_yield=self.dividend_yield.copy(),
            vol=self.vol.copy(),
            is_american=self.is_american.copy(),
        )

    def borrow_premiums(self, premiums: EarlyPremiums, count: int) -> None:
        """Takes over what is known of the first `count` rows from the premiums of a book that begins with them."""
        premiums.lend(self._premiums, count)

    def copy(self) -> "BookArrays":
        """An independent book with the same positions, prices, quotes and vols."""
        return self._extended(None, None)

    def with_positions(self, extra: PositionColumns, underlyings: UnderlyingColumns | None = None) -> "BookArrays":
        """A copy of this book with `extra` rows appended, for before > after.

        `underlyings` appends to the underlying table, and `extra.underlying` counts through both (the first new one
        is `len(book.symbols)`). The extra rows bring their own vol or get quotes set on the copy.
        """
        return self._extended(extra, underlyings)

    def _extended(self, extra: PositionColumns | None, underlyings: UnderlyingColumns | None) -> "BookArrays":
        positions, count = self.positions(), len(self)
        if extra is not None:
            positions = appended(positions, extra)
        table = UnderlyingColumns(self.symbols, self.spot, self.beta, self.beta_defaulted)
        if underlyings is not None:
            table = appended_underlyings(table, underlyings)
        book = BookArrays(positions, table)
        book.vol_stale[:count], book.vol_status[:count] = self.vol_stale, self.vol_status
        book.bid[:count], book.ask[:count], book.mark[:count] = self.bid, self.ask, self.mark
        book.mark_status[:count], book.dirty[:count] = self.mark_status, self.dirty
        if self.is_american.any():
            book.borrow_premiums(self._premiums, count)
        return book
