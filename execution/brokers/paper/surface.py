"""Volatility surfaces of the simulated markets: what a surface is, and the one of the synthetic market.

The synthetic market's has one SSVI slice an expiry, free of static arbitrage by construction; `fitted_smile` has the
recorded market's. A slice gives total variance w (vol squared x t_years) at k = ln(strike / forward):
    w(k) = (theta + rho psi k + sqrt((psi k + theta rho)^2 + theta^2 (1 - rho^2))) / 2
theta is w at the money, psi / 2 times (1 - rho) and (1 + rho) are the slopes of the left and right wing.
Sources: Gatheral & Jacquier, "Arbitrage-free SVI volatility surfaces" (2014), theorem 4.2 (butterfly);
Hendriks & Martini, "The extended SSVI volatility surface" (2019) (calendar).
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Parameter = FloatArray | float

IntArray = NDArray[np.int64]


#: The strip of the variance index, in standard deviations at the money.
_LEFT_REACH_SD: Final = -20.0
_RIGHT_REACH_SD: Final = 12.0
_STRIP_POINTS: Final = 641


class Slices(NamedTuple):
    """eSSVI parameters of expiries in time order; equal shapes (n,). theta, psi >= 0 (0 = expired), |rho| < 1."""

    theta: FloatArray
    rho: FloatArray
    psi: FloatArray


class Surface(Protocol):
    """Total variance of some expiries at one moment; arrays in the order in which the expiries were given."""

    @property
    def theta(self) -> FloatArray:
        """Returns total variance about the money, (n,); 0 = expired."""
        ...

    def variance(self, which: IntArray, k: FloatArray) -> FloatArray:
        """Returns total variance of expiry numbers `which` at `k` = ln(strike / forward); equal 1-d shapes."""
        ...


class Smile(Protocol):
    """The surface of one underlying, as the simulation moves it."""

    def surface(self, expires_s: FloatArray, at_s: float, log_variance: float) -> Surface:
        """Returns the surface of expiries (POSIX seconds, ascending) at `at_s`; expired ones have theta 0.

        `log_variance`: natural log of the short-term variance over its base.
        """
        ...

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """Returns ln(forward / spot) of each expiry; 0 for expired ones."""
        ...

    def lean(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """Returns ln(underlying price that the options of each expiry are made on / spot): part of their carry.

        0 but for a recorded chain whose prices are of another minute than its underlying. It is no dividend, so early
        exercise must not be decided by it.
        """
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


class SliceSurface(NamedTuple):
    """A surface of SSVI slices."""

    slices: Slices

    @property
    def theta(self) -> FloatArray:
        """As the protocol says."""
        return self.slices.theta

    def variance(self, which: IntArray, k: FloatArray) -> FloatArray:
        """As the protocol says."""
        theta, rho, psi = self.slices
        return total_variance(theta[which], rho[which], psi[which], k)


class ParametricSmile:
    """An SSVI surface with a mean-reverting variance term structure, for the synthetic market.

    theta(t) = long^2 t + (short^2 e^x - long^2)(1 - e^(-kappa t)) / kappa, x = log variance; psi = eta
    sqrt(theta / (1 + theta)) (power law with gamma 1/2), rho constant: free of arbitrage when eta (1 + |rho|) <= 2.
    """

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
    ) -> None:
        if eta * (1.0 + abs(rho)) > 2.0:
            raise ValueError(f"eta {eta} with rho {rho} allows butterfly arbitrage")
        self._short, self._long, self._kappa = short_vol**2, long_vol**2, kappa
        self._rho, self._eta = rho, eta
        self._net_carry = rate - dividend_yield

    def slices(self, expires_s: FloatArray, at_s: float, log_variance: float) -> Slices:
        """Returns the parameters of the surface."""
        t = years_between(at_s, expires_s)
        front = (self._short * np.exp(log_variance) - self._long) * -np.expm1(-self._kappa * t) / self._kappa
        theta = self._long * t + front
        return Slices(theta, np.full_like(t, self._rho), self._eta * np.sqrt(theta / (1.0 + theta)))

    def surface(self, expires_s: FloatArray, at_s: float, log_variance: float) -> SliceSurface:
        """As the protocol says, for any expiries."""
        return SliceSurface(self.slices(expires_s, at_s, log_variance))

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: rate less dividend yield, times the time left."""
        return self._net_carry * years_between(at_s, expires_s)

    def lean(self, expires_s: FloatArray, at_s: float) -> FloatArray:  # noqa: ARG002 - the protocol's signature
        """As the protocol says: none."""
        return np.zeros(expires_s.size)

    def knows(self, expires_s: float) -> bool:
        """As the protocol says: any."""
        return expires_s > 0.0


class CarriedSmile:
    """The surface of an index for what tracks it (a fund, a tenth-size index, a future), with its own carry."""

    def __init__(self, base: Smile, *, net_carry: float) -> None:
        self._base, self._net_carry = base, net_carry

    def surface(self, expires_s: FloatArray, at_s: float, log_variance: float) -> Surface:
        """As the protocol says."""
        return self._base.surface(expires_s, at_s, log_variance)

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: own carry."""
        return self._net_carry * years_between(at_s, expires_s)

    def lean(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: the base's."""
        return self._base.lean(expires_s, at_s)

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
    surface = smile.surface(expires_s[pair], at_s, log_variance)
    fair = [_fair_variance(surface, number) for number in range(2)]
    weight = (target - t[pair[0]]) / (t[pair[1]] - t[pair[0]])
    total = fair[0] + weight * (fair[1] - fair[0])
    return 100.0 * float(np.sqrt(max(total, 0.0) / target))


def _fair_variance(surface: Surface, number: int) -> float:
    """Total variance of a log contract on one expiry: 2 * integral of OTM price / K^2 dK with forward 1."""
    root = float(np.sqrt(surface.theta[number]))
    k = np.linspace(_LEFT_REACH_SD * root, _RIGHT_REACH_SD * root, _STRIP_POINTS)
    strike, forward = np.exp(k), np.ones_like(k)
    variance = surface.variance(np.full(k.size, number), k)
    return 2.0 * float(np.trapezoid(black(forward, strike, variance, k >= 0.0) / strike, k))
