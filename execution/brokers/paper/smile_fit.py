"""Fits forwards and a volatility surface to a recorded chain whose prices were not made at one moment.

Every price gets an uncertainty: its tick or spread, how far the underlying may have moved between its trade and the
close, and how well the model can know its part of the smile. Stale prints thus count for little, prints of an earlier
day or outside the no-arbitrage bounds not at all, and what contradicts its neighbours is damped (Cauchy weights). What
was left out is counted by reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from scipy.special import ndtr

from analytics.implied_vol import implied_vol_forward
from analytics.volatility.solver import Observations, fit_shapes
from execution.brokers.paper.chain_file import ChainFile
from execution.brokers.paper.early_exercise import Terms, american_vols, european_prices
from execution.brokers.paper.fitted_smile import variance_lift
from execution.brokers.paper.paths import LOG_VARIANCE_BOUND
from execution.brokers.paper.surface import BoolArray, FloatArray, IntArray, years_between
from models.clock import epoch_s
from models.enums import ExerciseStyle, Settlement
from models.errors import InvalidInput
from models.expiry import settlement_instant_utc
from models.product import option_product

#: Assumed spread of the underlying's moves, per square root of a minute: 15 % a year over 252 days of 390 minutes.
_DRIFT_PER_ROOT_MINUTE: Final = 0.15 / float(np.sqrt(252.0 * 390.0))
#: How much of a minute's variance a minute after the close brings.
_AFTER_HOURS_PACE: Final = 0.1
#: Age given to a trade whose time the file does not tell.
_UNKNOWN_AGE_MIN: Final = 60.0
_LATE_CLOSE_MIN: Final = 15.0
_BOTH_SIDES_WITHIN_SD: Final = 0.3
_OUTLIER_SD: Final = 6.0
_CARRY_ROUNDS: Final = 8
_GUESS_VOL: Final = 0.20
#: Forwards need premiums of early exercise, which need forwards: these many rounds settle both.
_EARLY_ROUNDS: Final = 3
_MIDDLE_ROUNDING: Final = 0.02
#: How closely a shape can follow the true smile, of the vol.
_MODEL_SD: Final = 0.004


class Reason(StrEnum):
    """Why a row of the chain did not take part in the fit."""

    EXPIRED = "expires on the day of the chain"
    ADJUSTED = "adjusted contract, deliverable not known"
    NO_PRICE = "no price"
    EARLIER_DAY = "last traded on an earlier day"
    NO_VOL = "outside the no-arbitrage bounds"
    IN_THE_MONEY = "in the money, its twin is used"
    OUTLIER = "contradicts its neighbours"
    DEARER = "middle of a wide market, dearer than options nearer the money"


@dataclass(frozen=True, slots=True)
class FitReport:
    """What a fit used: `rows` in the file, `used` in the smile, `left_out` by reason (they add up to rows)."""

    rows: int
    used: int
    left_out: Mapping[Reason, int]


@dataclass(frozen=True, slots=True)
class FittedSeries:
    """One expiration of one root; `rows` are the rows of the chain file that belong to it."""

    root: str
    expiry: date
    settlement: Settlement
    expires_s: float
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FittedChain:
    """Series in time order, as of `at_s` (the close).

    Each has one total variance at the money, one shape (a row of coefficients, see `analytics.volatility.spline`) and
    one carry, ln(forward / spot), of which `lean` is the same for all and no carry: see `surface.Smile.lean`.
    """

    series: tuple[FittedSeries, ...]
    expires_s: FloatArray
    theta: FloatArray
    shapes: FloatArray
    carry: FloatArray
    lean: float
    at_s: float
    report: FitReport


class _Prices(NamedTuple):
    """Per row of the file: price (NaN = none usable), half-width of its tick or quote, minutes from the close."""

    price: FloatArray
    noise: FloatArray
    age_min: FloatArray
    reason: list[Reason | None]
    is_middle: BoolArray


def fit_chain(chain: ChainFile, *, rate: float) -> FittedChain:
    """Returns the surface of `chain` at the close of its day; `rate` continuous per year, discounts the prices.

    Expiries that settle by that close and adjusted contracts are dropped; raises InvalidInput when nothing is left.
    """
    at_s = epoch_s(settlement_instant_utc(chain.recorded_on, Settlement.PM))
    prices = _prices(chain, at_s)
    series = _series(chain, at_s, prices.reason)
    if not series:
        raise InvalidInput(
            "expiry",
            f"Chain file {chain.path.name} holds no contract that is standard and expires after {chain.recorded_on}.",
            cure="Give a chain with later expiries; nothing was loaded.",
        )
    expires_s = np.array([one.expires_s for one in series])
    t = years_between(at_s, expires_s)
    terms = _terms(chain, series, prices, t, rate)
    seen, reference = _observations(chain, series, prices, terms)
    theta = reference**2 * t
    shapes, residual = fit_shapes(seen, t, theta * variance_lift(t, LOG_VARIANCE_BOUND))
    outlier = np.abs(residual) > _OUTLIER_SD
    for row in seen.row[outlier]:
        prices.reason[row] = Reason.OUTLIER
    counts = {why: prices.reason.count(why) for why in Reason if why in prices.reason}
    report = FitReport(len(chain.key), int(seen.row.size - outlier.sum()), counts)
    return FittedChain(tuple(series), expires_s, theta, shapes, terms.carry, terms.lean, at_s, report)


def _prices(chain: ChainFile, at_s: float) -> _Prices:
    tick = float(option_product(chain.root[0]).tick.below)
    since = (chain.last_time_s - at_s) / 60.0
    age = np.where(since > 0.0, _AFTER_HOURS_PACE * since, -since)
    age = np.where(np.isfinite(age), age, _UNKNOWN_AGE_MIN)
    traded = np.where(chain.close > 0, chain.close, chain.last)
    # A close unlike the last trade was made before it: at the end of the regular session, not at the last trade's time.
    age = np.where((chain.close > 0) & (chain.close != chain.last), np.minimum(age, _LATE_CLOSE_MIN), age)
    quoted = (chain.bid >= 0) & (chain.ask > 0)
    middle = np.where(quoted, 0.5 * (chain.bid + chain.ask), chain.mid)
    has_middle = middle > 0
    price = np.where(has_middle, middle, traded)
    noise = np.where(quoted, 0.5 * (chain.ask - chain.bid), 0.01 * np.nan_to_num(price)) + 0.5 * tick
    # A trade is made at the bid or at the ask, a midpoint is not.
    noise = np.where(has_middle, noise, noise + 0.005 * np.nan_to_num(price))
    day_start_s = at_s - 86400.0
    old = ~has_middle & (chain.last_time_s < day_start_s + 6.0 * 3600.0)
    usable = (price > 0) & ~old
    reason: list[Reason | None] = [
        None if ok else Reason.EARLIER_DAY if late and worth > 0 else Reason.NO_PRICE
        for ok, late, worth in zip(usable.tolist(), old.tolist(), np.nan_to_num(price).tolist(), strict=True)
    ]
    return _Prices(np.where(usable, price, np.nan), noise, np.where(has_middle, 0.0, age), reason, has_middle)


def _series(chain: ChainFile, at_s: float, reason: list[Reason | None]) -> list[FittedSeries]:
    rows_of: dict[tuple[date, str], list[int]] = {}
    for row, (root, expiry) in enumerate(zip(chain.root, chain.expiry, strict=True)):
        rows_of.setdefault((expiry, root), []).append(row)
    series = []
    for (expiry, root), rows in rows_of.items():
        product = option_product(root)
        expires_s = epoch_s(settlement_instant_utc(expiry, product.settlement))
        adjusted = root != product.underlying and root[-1].isdigit()
        if adjusted or expires_s <= at_s:
            for row in rows:
                reason[row] = Reason.ADJUSTED if adjusted else Reason.EXPIRED
            continue
        series.append(FittedSeries(root, expiry, product.settlement, expires_s, tuple(rows)))
    return sorted(series, key=lambda one: (one.expires_s, one.root))


def _terms(chain: ChainFile, series: list[FittedSeries], prices: _Prices, t: FloatArray, rate: float) -> Terms:
    """Carry of every series and what the vols are taken with; for American options parity without early exercise."""
    of = np.full(len(chain.key), -1)
    for number, one in enumerate(series):
        of[list(one.rows)] = number
    carry, lean = _carry(chain, series, prices, t, rate)
    terms = Terms(t, carry, np.full(t.size, _GUESS_VOL), lean, rate)
    if not _is_american(chain):
        return terms
    for _ in range(_EARLY_ROUNDS):
        row = np.flatnonzero((of >= 0) & np.isfinite(prices.price))
        terms = terms._replace(
            vol=_at_money_vol(*_european_vols(chain, prices.price[row], row, of[row], terms), of[row], t)
        )
        european = european_prices(chain, prices.price, of, terms)
        carry, lean = _carry(chain, series, prices._replace(price=european), t, rate)
        terms = terms._replace(carry=carry, lean=lean)
    return terms


def _is_american(chain: ChainFile) -> bool:
    return option_product(chain.underlying).style is ExerciseStyle.AMERICAN


def _european_vols(
    chain: ChainFile, price: FloatArray, row: IntArray, of: IntArray, terms: Terms
) -> tuple[FloatArray, FloatArray]:
    """ln(strike / forward) of file rows and the vols at which European options would be worth `price`."""
    forward = chain.underlying_price * np.exp(terms.carry[of])
    vol = implied_vol_forward(
        price=price,
        forward=forward,
        strike=chain.strike[row],
        t_years=terms.t_years[of],
        rate=terms.rate,
        is_call=chain.is_call[row],
    ).vol
    return np.log(chain.strike[row] / forward), vol


def _carry(
    chain: ChainFile, series: list[FittedSeries], prices: _Prices, t: FloatArray, rate: float
) -> tuple[FloatArray, float]:
    """ln(forward / spot) a series, and the part of it that is the same for all.

    Put-call parity near the money, then drawn to a smooth curve of the yearly carry. The prints may be of another
    moment than the recorded underlying (options trade on after the index closes): what
    all expiries have in common, however near, is such an offset and not a carry.
    """
    discount = np.exp(-rate * t)
    found = np.array([_parity(chain, one, prices, float(d)) for one, d in zip(series, discount, strict=True)])
    value, sd = found[:, 0], found[:, 1]
    known = np.isfinite(value)
    if not known.any():
        return rate * t, 0.0
    log_t = np.log(t)
    value, sd = np.where(known, value, 0.0), np.where(known, sd, 1.0)
    smooth, offset = np.full(t.size, _weighted_median(value[known] / t[known], (t[known] / sd[known]) ** 2)), 0.0
    for _ in range(_CARRY_ROUNDS):
        offset = _weighted_median((value - smooth * t)[known], 1.0 / sd[known] ** 2)
        miss = (value - offset - smooth * t) / sd
        weight = np.where(known, (t / sd) ** 2 / (1.0 + (miss / 3.0) ** 2), 0.0)
        kernel = np.exp(-0.5 * ((log_t[:, None] - log_t[None, :]) / 0.5) ** 2) * weight[None, :]
        smooth = (kernel @ ((value - offset) / t) + 1e-3 * rate) / (kernel.sum(axis=1) + 1e-3)
    expected = offset + smooth * t
    prior_sd = 3e-4 * np.sqrt(t / 0.1)
    own, prior = np.where(known, 1.0 / sd**2, 0.0), 1.0 / prior_sd**2
    own = own / (1.0 + ((value - expected) / np.hypot(sd, prior_sd) / 2.0) ** 2)
    return np.asarray((own * value + prior * expected) / (own + prior)), float(offset)


def _parity(chain: ChainFile, one: FittedSeries, prices: _Prices, discount: float) -> tuple[float, float]:
    """ln(forward / spot) and its uncertainty from the strikes near the money with both sides; NaN without any."""
    rows = np.array(one.rows)
    rows = rows[np.isfinite(prices.price[rows]) & (np.abs(chain.strike[rows] / chain.underlying_price - 1.0) < 0.06)]
    calls, puts = rows[chain.is_call[rows]], rows[~chain.is_call[rows]]
    strikes, of_call, of_put = np.intersect1d(chain.strike[calls], chain.strike[puts], return_indices=True)
    if strikes.size == 0:
        return float("nan"), float("nan")
    call, put = calls[of_call], puts[of_put]
    implied = strikes + (prices.price[call] - prices.price[put]) / discount
    apart, young = (
        np.abs(prices.age_min[call] - prices.age_min[put]),
        np.minimum(prices.age_min[call], prices.age_min[put]),
    )
    drift = chain.underlying_price * _DRIFT_PER_ROOT_MINUTE
    variance = drift**2 * (0.5 * apart + young) + prices.noise[call] ** 2 + prices.noise[put] ** 2
    ratio = np.log(np.maximum(implied, 1e-3) / chain.underlying_price)
    # Prints of one moment share their error: the evidence of many strikes does not add up as if independent.
    sd = 1.5 * float(np.sqrt(variance.size**0.5 / np.sum(1.0 / variance))) / chain.underlying_price
    return _weighted_median(ratio, 1.0 / variance), sd


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values)
    mass = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(mass, 0.5 * mass[-1])])


def _observations(
    chain: ChainFile, series: list[FittedSeries], prices: _Prices, terms: Terms
) -> tuple[Observations, FloatArray]:
    """The usable vols of every series, each with its uncertainty, and every series' reference vol."""
    row = np.concatenate([np.array(one.rows) for one in series])
    of = np.repeat(np.arange(len(series)), [len(one.rows) for one in series])
    keep = np.isfinite(prices.price[row])
    row, of = row[keep], of[keep]
    t, price, strike, call = terms.t_years, prices.price[row], chain.strike[row], chain.is_call[row]
    k, vol = _european_vols(chain, price, row, of, terms)
    twin = _is_twin(k / (_at_money_vol(k, vol, of, t) * np.sqrt(t))[of], call)
    if _is_american(chain):
        own = np.flatnonzero(~twin)
        vol[twin] = np.nan
        vol[own] = american_vols(chain, price[own], row[own], of[own], terms, guess=vol[own])
    reference = _at_money_vol(k, vol, of, t)
    at_money = reference[of]
    z = k / (at_money * np.sqrt(t[of]))
    no_vol = ~twin & (~np.isfinite(vol) | (vol > 5.0))
    dearer = ~(no_vol | twin) & _dearer_than_nearer(price, strike, of, call, prices.is_middle[row])
    for at in row[no_vol]:
        prices.reason[at] = Reason.NO_VOL
    for at in row[twin]:
        prices.reason[at] = Reason.IN_THE_MONEY
    for at in row[dearer]:
        prices.reason[at] = Reason.DEARER
    good = ~(no_vol | twin | dearer)
    row, of, k, vol, z, scale = row[good], of[good], k[good], vol[good], z[good], at_money[good]
    sd = _relative_uncertainty(chain, prices, row, k, vol, t[of])
    return Observations(of, z, np.log(vol / scale), sd, row), reference


def _is_twin(z: FloatArray, call: BoolArray) -> BoolArray:
    """Which options lie well in the money, standard deviations `z`: their twins of the other right are used."""
    return np.asarray(np.where(call, z < -_BOTH_SIDES_WITHIN_SD, z > _BOTH_SIDES_WITHIN_SD))


def _dearer_than_nearer(
    worth: FloatArray, strike: FloatArray, of: IntArray, call: BoolArray, is_middle: BoolArray
) -> BoolArray:
    """Which middles lie above one of the same expiry and right nearer the money, by more than rounding.

    No option is worth more than one nearer the money: the market was so wide that its middle says nothing.
    """
    nearer_first = np.lexsort((np.where(call, strike, -strike), call, of))
    dearer = np.zeros(worth.size, dtype=np.bool_)
    side = 2 * of[nearer_first] + call[nearer_first]
    starts = np.flatnonzero(np.diff(side, prepend=-1))
    for both in np.split(nearer_first, starts[1:]):
        rows = both[is_middle[both]]
        least = np.minimum.accumulate(worth[rows])
        dearer[rows] = worth[rows] > least * (1.0 + _MIDDLE_ROUNDING)
    return dearer


def _at_money_vol(k: FloatArray, vol: FloatArray, of: IntArray, t: FloatArray) -> FloatArray:
    """A first at-the-money vol a series: the median of the twelve nearest; filled from its neighbours in time."""
    first = np.full(t.size, np.nan)
    for number in range(t.size):
        mine = np.flatnonzero((of == number) & np.isfinite(vol))
        if mine.size:
            nearest = mine[np.argsort(np.abs(k[mine]))[:12]]
            first[number] = np.median(vol[nearest])
    known = np.isfinite(first)
    if not known.any():
        return np.full(t.size, _GUESS_VOL)
    return np.asarray(np.interp(np.log(t), np.log(t[known]), first[known]))


def _relative_uncertainty(
    chain: ChainFile, prices: _Prices, row: IntArray, k: FloatArray, vol: FloatArray, t: FloatArray
) -> FloatArray:
    """How well ln(vol) is known: the price's noise and the underlying's moves since, over vega."""
    spot = chain.underlying_price
    deviation = vol * np.sqrt(t)
    d1 = -k / deviation + 0.5 * deviation
    vega = spot * np.sqrt(t) * np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi) + 1e-9 * spot
    delta = np.where(chain.is_call[row], ndtr(d1), ndtr(d1) - 1.0)
    moved = np.abs(delta) * spot * _DRIFT_PER_ROOT_MINUTE * np.sqrt(prices.age_min[row])
    return np.asarray(np.sqrt(_MODEL_SD**2 + (prices.noise[row] ** 2 + moved**2) / (vega * vol) ** 2))
