"""The volatility surface of the simulated markets: one eSSVI slice an expiry, free of static arbitrage by construction.

A slice gives total variance w (vol squared x t_years) at k = ln(strike / forward):
    w(k) = (theta + rho psi k + sqrt((psi k + theta rho)^2 + theta^2 (1 - rho^2))) / 2
theta is w at the money, psi / 2 times (1 - rho) and (1 + rho) are the slopes of the left and right wing.
Sources: Gatheral & Jacquier, "Arbitrage-free SVI volatility surfaces" (2014), theorem 4.2 (butterfly);
Hendriks & Martini, "The extended SSVI volatility surface" (2019) and Corbetta, Cohort, Laachir & Martini, "Robust
calibration and arbitrage-free interpolation of SSVI slices" (2019) (calendar).
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Parameter = FloatArray | float

_SAFETY = 1.0 - 1e-9
_MAX_CORRELATION = 0.999
_TAIL_TILT: Final = -0.85
#: Just under the butterfly bounds 2 / sqrt(1 + |rho|) and 4 / (1 + |rho|).
_TAIL_WING: Final = 1.45
_TAIL_WING_CAP: Final = 2.1


class Slices(NamedTuple):
    """eSSVI parameters of expiries in time order; equal shapes (n,). theta, psi >= 0 (0 = expired), |rho| < 1."""

    theta: FloatArray
    rho: FloatArray
    psi: FloatArray


class Tail(NamedTuple):
    """A share `weight` of every price comes from a surface `stretch` times as wide, tilted to the left: far puts.

    A mixture of two arbitrage-free surfaces of one forward, at a weight that no expiry or strike changes, is free of
    arbitrage again (prices add up).
    """

    weight: float
    stretch: float


NO_TAIL: Final = Tail(0.0, 1.0)


class Smile(Protocol):
    """The surface of one underlying, as the simulation moves it."""

    @property
    def tail(self) -> Tail:
        """Returns the far wings' share."""
        ...

    def slices(self, expires_s: FloatArray, at_s: float, log_variance: float) -> Slices:
        """Returns the slices of expiries (POSIX seconds, ascending) at `at_s`; expired ones have theta 0.

        `log_variance`: natural log of the short-term variance over its base.
        """
        ...

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """Returns ln(forward / spot) of each expiry; 0 for expired ones."""
        ...

    def knows(self, expires_s: float) -> bool:
        """Returns whether this surface can price the expiry."""
        ...


def total_variance(theta: Parameter, rho: Parameter, psi: Parameter, k: FloatArray) -> FloatArray:
    """Returns total variance at log-moneyness `k` = ln(strike / forward); arguments broadcast."""
    wing = psi * k + theta * rho
    root = np.sqrt(wing * wing + theta * theta * (1.0 - rho * rho))
    return np.asarray(np.maximum(0.5 * (theta + rho * psi * k + root), 0.0), dtype=np.float64)


def black(forward: FloatArray, strike: FloatArray, variance: FloatArray, is_call: BoolArray) -> FloatArray:
    """Returns undiscounted Black-76 prices from total variance; shapes broadcast; 0 variance gives intrinsic value.

    Kept beside `analytics.black_scholes` because the tape needs prices alone, from total variance, every few
    milliseconds; a test holds the two equal.
    """
    deviation = np.sqrt(np.maximum(variance, 1e-18))
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    sign = np.where(is_call, 1.0, -1.0)
    price = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - deviation)))
    return np.asarray(np.maximum(price, np.maximum(sign * (forward - strike), 0.0)), dtype=np.float64)


def slice_price(
    theta: Parameter,
    rho: Parameter,
    psi: Parameter,
    *,
    forward: FloatArray,
    strike: FloatArray,
    is_call: BoolArray,
    tail: Tail = NO_TAIL,
) -> FloatArray:
    """Returns undiscounted prices on eSSVI slices with a tail; arguments broadcast."""
    body = black(forward, strike, total_variance(theta, rho, psi, np.log(strike / forward)), is_call)
    if tail.weight == 0.0:
        return body
    wide = black(forward, strike, tail_variance(theta, np.log(strike / forward), tail), is_call)
    return (1.0 - tail.weight) * body + tail.weight * wide


def tail_variance(theta: Parameter, k: FloatArray, tail: Tail) -> FloatArray:
    """Returns the tail's total variance: an SSVI surface tilted to the left, `stretch` times as wide at the money."""
    wide = np.asarray(tail.stretch**2 * np.asarray(theta), dtype=np.float64)
    psi = np.minimum(_TAIL_WING * np.sqrt(wide), _TAIL_WING_CAP)
    return total_variance(wide, _TAIL_TILT, psi, k)


def is_arbitrage_free(slices: Slices) -> bool:
    """Returns whether the slices (in time order) meet the butterfly and calendar conditions."""
    theta, rho, psi = slices
    live = theta > 0.0
    if not live.all():
        theta, rho, psi = theta[live], rho[live], psi[live]
    cap = np.minimum(4.0 / (1.0 + np.abs(rho)), 2.0 * np.sqrt(theta / (1.0 + np.abs(rho))))
    if (psi > cap).any():
        return False
    left, right, curvature = psi * (1.0 - rho), psi * (1.0 + rho), psi / theta
    rising = all(bool((np.diff(column) >= -1e-12 * column[1:]).all()) for column in (theta, left, right))
    return rising and bool((np.diff(curvature) <= 1e-12 * curvature[1:]).all())


def without_arbitrage(slices: Slices) -> Slices:
    """Returns the nearest slices, from the first expiry on, that meet the conditions; the same ones if they do."""
    if is_arbitrage_free(slices):
        return slices
    theta, rho, psi = (column.tolist() for column in slices)
    before: tuple[float, float, float] | None = None
    for i in range(len(theta)):
        if theta[i] <= 0.0:
            theta[i], psi[i] = 0.0, 0.0
            continue
        theta[i], rho[i], psi[i] = _admissible(theta[i], rho[i], psi[i], before)
        before = (theta[i], rho[i], psi[i])
    return Slices(np.array(theta), np.array(rho), np.array(psi))


def _admissible(
    theta: float, rho: float, psi: float, before: tuple[float, float, float] | None
) -> tuple[float, float, float]:
    rho = min(max(rho, -_MAX_CORRELATION), _MAX_CORRELATION)
    floor, ceiling = 0.0, np.inf
    if before is not None:
        theta_0, rho_0, psi_0 = before
        theta = max(theta, theta_0)
        floor = psi_0 * max((1.0 + rho_0) / (1.0 + rho), (1.0 - rho_0) / (1.0 - rho))
        ceiling = psi_0 * theta / theta_0
        if floor > min(ceiling, _butterfly_cap(theta, rho)):
            # The wings would cross: keep the earlier slice's tilt, for which a psi in between always exists.
            rho, floor = rho_0, psi_0
    cap = min(ceiling, _butterfly_cap(theta, rho))
    return theta, rho, min(max(psi, floor), cap)


def _butterfly_cap(theta: float, rho: float) -> float:
    return float(min(4.0 / (1.0 + abs(rho)), 2.0 * np.sqrt(theta / (1.0 + abs(rho))))) * _SAFETY


class ParametricSmile:
    """An SSVI surface with a mean-reverting variance term structure, for the synthetic market.

    theta(t) = long^2 t + (short^2 e^x - long^2)(1 - e^(-kappa t)) / kappa, x = log variance; psi = eta
    sqrt(theta / (1 + theta)) (power law with gamma 1/2), rho constant: free of arbitrage when eta (1 + |rho|) <= 2.
    """

    tail: Tail

    def __init__(
        self,
        *,
        short_vol: float,
        long_vol: float,
        kappa: float,
        rho: float,
        eta: float,
        rate: float,
        dividend_yield: float,
        tail: Tail = NO_TAIL,
    ) -> None:
        self.tail = tail
        if eta * (1.0 + abs(rho)) > 2.0:
            raise ValueError(f"eta {eta} with rho {rho} allows butterfly arbitrage")
        self._short, self._long, self._kappa = short_vol**2, long_vol**2, kappa
        self._rho, self._eta = rho, eta
        self._net_carry = rate - dividend_yield

    def slices(self, expires_s: FloatArray, at_s: float, log_variance: float) -> Slices:
        """As the protocol says, for any expiries."""
        t = years_between(at_s, expires_s)
        front = (self._short * np.exp(log_variance) - self._long) * -np.expm1(-self._kappa * t) / self._kappa
        theta = self._long * t + front
        return Slices(theta, np.full_like(t, self._rho), self._eta * np.sqrt(theta / (1.0 + theta)))

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: rate less dividend yield, times the time left."""
        return self._net_carry * years_between(at_s, expires_s)

    def knows(self, expires_s: float) -> bool:
        """As the protocol says: any."""
        return expires_s > 0.0


class FittedSmile:
    """Slices fitted to a recorded chain, moved from there.

    Time: an expiry keeps its at-the-money vol as it comes nearer. Level: the forward variance between expiries is
    multiplied by 1 + (e^x - 1) e^(-kappa t), so the front reacts most and theta stays rising; psi moves with
    sqrt(theta), which keeps the smile's shape in standard deviations. Whatever would cross is put right by
    `without_arbitrage`.
    """

    def __init__(
        self,
        *,
        expires_s: FloatArray,
        fitted: Slices,
        carry: FloatArray,
        fitted_at_s: float,
        kappa: float,
        tail: Tail = NO_TAIL,
    ) -> None:
        self.tail = tail
        self._expires_s, self._fitted, self._carry = expires_s, without_arbitrage(fitted), carry
        self._t_fitted = years_between(fitted_at_s, expires_s)
        self._kappa = kappa

    def slices(self, expires_s: FloatArray, at_s: float, log_variance: float) -> Slices:
        """As the protocol says; `expires_s` must be fitted ones."""
        t = years_between(at_s, self._expires_s)
        aged = self._fitted.theta * t / self._t_fitted
        lift = np.expm1(log_variance) * np.exp(-self._kappa * t)
        steps = np.diff(aged, prepend=0.0) * (
            1.0 + 0.5 * (lift + np.concatenate(([np.expm1(log_variance)], lift[:-1])))
        )
        theta = np.cumsum(steps)
        psi = self._fitted.psi * np.sqrt(theta / self._fitted.theta)
        moved = without_arbitrage(Slices(theta, self._fitted.rho, psi))
        rows = np.searchsorted(self._expires_s, expires_s)
        return Slices(moved.theta[rows], moved.rho[rows], moved.psi[rows])

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: the fitted carry, shrinking with the time left."""
        rows = np.searchsorted(self._expires_s, expires_s)
        return self._carry[rows] * years_between(at_s, self._expires_s[rows]) / self._t_fitted[rows]

    def knows(self, expires_s: float) -> bool:
        """As the protocol says: fitted ones."""
        return bool((self._expires_s == expires_s).any())


class CarriedSmile:
    """The surface of an index for what tracks it (a fund, a tenth-size index, a future), with its own carry."""

    def __init__(self, base: Smile, *, net_carry: float) -> None:
        self._base, self._net_carry = base, net_carry
        self.tail = base.tail

    def slices(self, expires_s: FloatArray, at_s: float, log_variance: float) -> Slices:
        """As the protocol says."""
        return self._base.slices(expires_s, at_s, log_variance)

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: own carry."""
        return self._net_carry * years_between(at_s, expires_s)

    def knows(self, expires_s: float) -> bool:
        """As the protocol says: what the base knows."""
        return self._base.knows(expires_s)


_YEAR_S = 365.0 * 86400.0


def years_between(at_s: float, expires_s: FloatArray) -> FloatArray:
    """Returns act/365 years from `at_s` to each expiry (POSIX seconds), never negative."""
    return np.maximum(expires_s - at_s, 0.0) / _YEAR_S


def variance_index(smile: Smile, expires_s: FloatArray, at_s: float, log_variance: float, *, days: int) -> float | None:
    """Returns the fair 30-day (or other) vol in index points, as Cboe defines VIX; None without two expiries.

    The replication of Cboe's VIX white paper, 2/T sum(dK/K^2 Q(K)) on a dense grid of the model's own out-of-the-money
    prices, for the expiries on both sides of `days`, then linear in total variance.
    """
    t = years_between(at_s, expires_s)
    live = np.flatnonzero(t > 1.0 / 365.0)
    target = days / 365.0
    if live.size < 2:
        return None
    near = int(np.searchsorted(t[live], target, side="right")) - 1
    near = min(max(near, 0), live.size - 2)
    pair = live[near : near + 2]
    slices = smile.slices(expires_s[pair], at_s, log_variance)
    fair = [_fair_variance(float(th), float(r), float(p), smile.tail) for th, r, p in zip(*slices, strict=True)]
    weight = (target - t[pair[0]]) / (t[pair[1]] - t[pair[0]])
    total = fair[0] + weight * (fair[1] - fair[0])
    return 100.0 * float(np.sqrt(max(total, 0.0) / target))


def _fair_variance(theta: float, rho: float, psi: float, tail: Tail) -> float:
    """Total variance of a log contract on one slice: 2 * integral of OTM price / K^2 dK with forward 1."""
    reach = 10.0 * np.sqrt(theta)
    k = np.linspace(-reach, reach, 241)
    strike, forward = np.exp(k), np.ones_like(k)
    price = slice_price(theta, rho, psi, forward=forward, strike=strike, is_call=k >= 0.0, tail=tail)
    return 2.0 * float(np.trapezoid(price / strike, k))
