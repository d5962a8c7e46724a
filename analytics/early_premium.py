"""The early-exercise premium of live rows: solved now and then, carried along in between.

An American value is the European one plus a premium that varies slowly. Solving it costs a hundred European values, so
a live book keeps each row's premium with its Greeks and moves it by them (second order in spot and vol, first in time)
as long as the row stays near where it was solved: the spot within 0.1 %, the vol within 2 % of itself, a minute, the
same rate and yield. The error this leaves is below 5e-6 of the spot in the price (0.05 cents at 100) and 5e-4 in delta,
ten times that only next to the exercise boundary, and 0.1 points in a vol found by steps (tests hold it); the European
part is exact at every tick.
"""

from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from analytics.american import american, american_implied_vol
from analytics.black_scholes import Bools, FirstOrderValues, Floats, bsm, bsm_first_order
from analytics.implied_vol import ImpliedVol, IvStatus

_SPOT_REACH = 1e-3
#: Shares of the vol: as far as Greeks are carried, and as far as a new vol may be found by steps.
_VOL_REACH, _STEP_REACH = 0.02, 0.04
#: A premium below these shares of the spot and of delta hardly bends: it is carried so many times as far in vol.
_SLIGHT_PRICE, _SLIGHT_DELTA, _SLIGHT_REACH = 1e-5, 1e-4, 10.0
_TIME_REACH_S = 60.0
#: So many rows a tick are solved before they have to be, from this share of the reach on.
_AHEAD, _AHEAD_FROM = 16, 0.7
_SECONDS_PER_DAY = 86_400.0
_POINT = 0.01
#: Steps at most, and the last one's size at most.
_NEWTON_STEPS, _SETTLED = 4, 1e-5
_TERMS = ("price", "delta", "gamma", "theta_per_day", "vega_per_point", "vanna", "volga")
_Rows = npt.NDArray[np.intp]


class QuotedArguments(TypedDict):
    """Columns of options by the names that implied-vol functions give them."""

    spot: Floats
    strike: Floats
    t_years: Floats
    rate: Floats
    dividend_yield: Floats
    is_call: Bools


class Arguments(QuotedArguments):
    """Columns of options by the names that pricing functions give them."""

    vol: Floats


class LiveOptions(NamedTuple):
    """American rows as they are now, one entry each; carry_yield: the rate for an option on a future."""

    spot: Floats
    strike: Floats
    t_years: Floats
    rate: Floats
    carry_yield: Floats
    vol: Floats
    is_call: Bools

    def arguments(self) -> Arguments:
        """As the pricing functions take them."""
        return Arguments(
            spot=self.spot,
            strike=self.strike,
            t_years=self.t_years,
            rate=self.rate,
            dividend_yield=self.carry_yield,
            vol=self.vol,
            is_call=self.is_call,
        )

    def quoted(self) -> QuotedArguments:
        """As the implied-vol functions take them, the price apart."""
        return QuotedArguments(
            spot=self.spot,
            strike=self.strike,
            t_years=self.t_years,
            rate=self.rate,
            dividend_yield=self.carry_yield,
            is_call=self.is_call,
        )

    def take(self, at: _Rows | Bools) -> "LiveOptions":
        """Some of the rows."""
        spot, strike, t_years, rate, carry_yield, vol = (column[at] for column in self[:6])
        return LiveOptions(spot, strike, t_years, rate, carry_yield, vol, self.is_call[at])


class EarlyPremiums:
    """Premiums of the rows of one book, by row number. One thread owns it, as it owns the book."""

    def __init__(self, count: int) -> None:
        #: Spot, vol, rate, yield and time (seconds) where each premium was solved.
        self._anchor = np.full((5, count), np.nan)
        #: `_TERMS` of the premium where it was solved.
        self._terms = np.zeros((len(_TERMS), count))

    def lend(self, other: "EarlyPremiums", count: int) -> None:
        """Gives the first `count` rows' premiums to another book of the same rows."""
        other.borrow(self._anchor[:, :count], self._terms[:, :count])

    def borrow(self, anchor: Floats, terms: Floats) -> None:
        """Takes over premiums of the first rows."""
        count = anchor.shape[1]
        self._anchor[:, :count], self._terms[:, :count] = anchor, terms

    def add_to(self, european: FirstOrderValues, rows: _Rows, now_epoch_s: float, live: LiveOptions) -> Floats:
        """American price, delta, gamma, theta and vega, [5, row], from the European ones of the same rows."""
        self._solve(self._due(rows, now_epoch_s, live), rows, now_epoch_s, live)
        return self._carried(european, rows, now_epoch_s, live)

    def _carried(self, european: FirstOrderValues, rows: _Rows, now_epoch_s: float, live: LiveOptions) -> Floats:
        """The European values plus the premiums as they were solved, moved to where the rows are now."""
        spot, vol, _, _, at_s = self._anchor[:, rows]
        moved, wider, days = live.spot - spot, live.vol - vol, (now_epoch_s - at_s) / _SECONDS_PER_DAY
        price, delta, gamma, theta, vega, vanna, volga = self._terms[:, rows]
        by_vol = vega / _POINT + vanna * moved + 0.5 * volga * wider
        values = np.array(european)
        values[0] += price + moved * (delta + 0.5 * gamma * moved) + by_vol * wider + theta * days
        values[1] += delta + gamma * moved + vanna * wider
        values[2] += gamma
        values[3] += theta
        values[4] += vega + (volga * wider + vanna * moved) * _POINT
        intrinsic = np.where(live.is_call, live.spot - live.strike, live.strike - live.spot)
        np.maximum(values[0], intrinsic, out=values[0])
        return values

    def implied_vol(self, rows: _Rows, now_epoch_s: float, live: LiveOptions, price: Floats) -> ImpliedVol:
        """Vols at which rows are worth `price`; `live.vol` holds their last ones, NaN where there is none.

        A row near where its premium was solved takes Newton steps from its last vol; what has no last vol, has
        moved further or does not settle is solved from the start.
        """
        vol, status = np.full(rows.size, np.nan), np.full(rows.size, IvStatus.OK, dtype=np.int8)
        near = np.flatnonzero(self._distance(rows, now_epoch_s, live) <= 1.0)
        if near.size:
            vol[near] = self._stepped(rows[near], now_epoch_s, live.take(near), price[near])
        far = np.flatnonzero(np.isnan(vol))
        if far.size:
            at = live.take(far)
            found = american_implied_vol(price=price[far], guess=at.vol, **at.quoted())
            vol[far], status[far] = found.vol, found.status
        return ImpliedVol(vol, status)

    def _stepped(self, rows: _Rows, now_epoch_s: float, live: LiveOptions, price: Floats) -> Floats:
        """Vols after a few Newton steps; NaN where they lead away or have not settled."""
        start, reach = live.vol, _STEP_REACH * live.vol * self._stretch(rows)
        step = np.full(rows.size, np.inf)
        for _ in range(_NEWTON_STEPS):
            values = self._carried(bsm_first_order(**live.arguments()), rows, now_epoch_s, live)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = (price - values[0]) / values[4] * _POINT
            moved = live.vol + step
            live = live._replace(vol=np.where(np.abs(moved - start) <= reach, moved, np.nan))
            if not np.any(np.abs(step) > _SETTLED):
                break
        return np.where(np.abs(step) <= _SETTLED, live.vol, np.nan)

    def _distance(self, rows: _Rows, now_epoch_s: float, live: LiveOptions) -> Floats:
        """How far each row is from where its premium was solved: 1 = as far as a premium is carried, inf = never."""
        spot, vol, rate, carry_yield, at_s = self._anchor[:, rows]
        by_vol = np.abs(live.vol - vol) / (_VOL_REACH * vol * self._stretch(rows))
        way = np.maximum(np.abs(live.spot - spot) / (_SPOT_REACH * spot), by_vol)
        way = np.maximum(way, np.abs(now_epoch_s - at_s) / _TIME_REACH_S)
        same = (live.rate == rate) & (live.carry_yield == carry_yield)
        return np.where(same & np.isfinite(way), way, np.inf)

    def _stretch(self, rows: _Rows) -> Floats:
        """How many times further a row's premium may be carried in vol."""
        slight = np.abs(self._terms[0, rows]) <= _SLIGHT_PRICE * self._anchor[0, rows]
        slight &= np.abs(self._terms[1, rows]) <= _SLIGHT_DELTA
        return np.where(slight, _SLIGHT_REACH, 1.0)

    def _due(self, rows: _Rows, now_epoch_s: float, live: LiveOptions) -> Bools:
        """Which rows are solved now: those out of reach, and beforehand the furthest of those on the way there.

        One underlying moves all its rows alike; so they are not all due at the same tick.
        """
        way = self._distance(rows, now_epoch_s, live)
        due = way > 1.0
        room = _AHEAD - int(np.count_nonzero(due))
        ahead = np.flatnonzero(~due & (way > _AHEAD_FROM))
        if room > 0 and ahead.size:
            due[ahead[np.argsort(-way[ahead], kind="stable")[:room]]] = True
        return due

    def _solve(self, far: Bools, rows: _Rows, now_epoch_s: float, live: LiveOptions) -> None:
        if not far.any():
            return
        chosen, at = live.take(far), rows[far]
        early, plain = american(**chosen.arguments()), bsm(**chosen.arguments())
        for place, name in enumerate(_TERMS):
            self._terms[place, at] = getattr(early, name) - getattr(plain, name)
        self._anchor[:4, at] = chosen.spot, chosen.vol, chosen.rate, chosen.carry_yield
        self._anchor[4, at] = now_epoch_s
