"""Solves for the eSSVI slices of many expiries at once from vols of unequal certainty."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.implied_vol import implied_vol_forward
from execution.brokers.paper.surface import (
    NO_TAIL,
    BoolArray,
    FloatArray,
    Slices,
    Tail,
    black,
    slice_price,
    tail_variance,
    without_arbitrage,
)

_ITERATIONS: Final = 25
_TAIL_WEIGHTS: Final = (0.02, 0.05, 0.1, 0.2, 0.3)
_TAIL_STRETCHES: Final = (1.15, 1.3, 1.6)
_TAIL_SERIES: Final = 12
_START_VOL: Final = 0.2


class Observations(NamedTuple):
    """Vols seen, as padded (series, observation) arrays; `mask` False = padding.

    k: ln(strike / forward). sd: uncertainty of the vol. row: row of the chain file.
    """

    k: FloatArray
    vol: FloatArray
    sd: FloatArray
    mask: BoolArray
    row: FloatArray

    def only(self, series: NDArray[np.intp]) -> Observations:
        """Returns the observations of some series."""
        return Observations(self.k[series], self.vol[series], self.sd[series], self.mask[series], self.row[series])


def fit_with_tail(seen: Observations, t: FloatArray) -> tuple[Slices, Tail, FloatArray]:
    """Slices, the best tail of the candidates, and residuals in uncertainties.

    The candidates compete, by the Cauchy loss, on the series with the most prices; the best is then fitted to all.
    """
    plain = without_arbitrage(_fit_slices(seen, t))
    fullest = np.sort(np.argsort(-seen.mask.sum(axis=1), kind="stable")[:_TAIL_SERIES])
    some = seen.only(fullest)
    tail, least = NO_TAIL, np.inf
    for candidate in (NO_TAIL, *(Tail(weight, stretch) for weight in _TAIL_WEIGHTS for stretch in _TAIL_STRETCHES)):
        slices = _fit_body(some, t[fullest], plain.theta[fullest], candidate)
        loss = float(np.log1p(_misfit(some, t[fullest], slices, candidate) ** 2 / 4.0).sum())
        if loss < least:
            tail, least = candidate, loss
    slices = _fit_body(seen, t, plain.theta, tail)
    return slices, tail, _misfit(seen, t, slices, tail)


def _fit_body(seen: Observations, t: FloatArray, theta: FloatArray, tail: Tail) -> Slices:
    body = seen if tail.weight == 0.0 else _without_tail(seen, t, theta, tail)
    return without_arbitrage(_fit_slices(body, t))


def _misfit(seen: Observations, t: FloatArray, slices: Slices, tail: Tail) -> FloatArray:
    """(model - seen) price over what the vol's uncertainty is worth; 0 in the padding."""
    forward, strike, is_call = np.ones_like(seen.k), np.exp(seen.k), seen.k >= 0.0
    columns = (column[:, None] for column in slices)
    model = slice_price(*columns, forward=forward, strike=strike, is_call=is_call, tail=tail)
    price = black(forward, strike, seen.vol**2 * t[:, None], is_call)
    vega = np.maximum(_vega(seen.k, seen.vol, t[:, None]), 1e-12)
    return np.where(seen.mask, (model - price) / (seen.sd * vega), 0.0)


def _without_tail(seen: Observations, t: FloatArray, theta: FloatArray, tail: Tail) -> Observations:
    """The vols that are left for the body once the tail's share is taken out of every price."""
    forward, strike, is_call = np.ones_like(seen.k), np.exp(seen.k), seen.k >= 0.0
    years = np.broadcast_to(t[:, None], seen.k.shape)
    price = black(forward, strike, seen.vol**2 * years, is_call)
    wide = black(forward, strike, tail_variance(theta[:, None], seen.k, tail), is_call)
    body = (price - tail.weight * wide) / (1.0 - tail.weight)
    mask = seen.mask & (body > 0.0)
    vol = seen.vol.copy()
    found = implied_vol_forward(
        price=body[mask], forward=1.0, strike=strike[mask], t_years=years[mask], rate=0.0, is_call=is_call[mask]
    )
    vol[mask] = found.vol
    known = mask & np.isfinite(vol)
    vol = np.where(known, vol, seen.vol)
    # A vol that carries less of the price is known less well.
    worse = _vega(seen.k, seen.vol, years) / np.maximum(_vega(seen.k, vol, years), 1e-12)
    return seen._replace(vol=vol, sd=seen.sd * np.clip(worse, 1.0, 1e3), mask=known)


def _vega(k: FloatArray, vol: FloatArray, t: FloatArray) -> FloatArray:
    """Derivative of the price by vol, forward 1, undiscounted."""
    deviation = vol * np.sqrt(t)
    d1 = -k / deviation + 0.5 * deviation
    return np.asarray(np.sqrt(t / (2.0 * np.pi)) * np.exp(-0.5 * d1 * d1))


def _fit_slices(seen: Observations, t: FloatArray) -> Slices:
    """The slices of every series.

    Two passes of damped Gauss-Newton on all series at once: the first alone, the second drawn to the first's smooth
    course over time, so that a series with few prints takes its shape from its neighbours.
    """
    near = np.where(seen.mask, np.exp(-np.abs(seen.k) / np.sqrt(t)[:, None] / 0.05) / seen.sd**2, 0.0)
    start_vol = np.sum(near * seen.vol, axis=1) / np.maximum(near.sum(axis=1), 1e-300)
    has_any = seen.mask.any(axis=1)
    start_vol = (
        np.interp(np.log(t), np.log(t[has_any]), start_vol[has_any]) if has_any.any() else np.full(t.size, _START_VOL)
    )
    centre = np.column_stack([np.log(start_vol**2 * t), np.full(t.size, -0.5), np.zeros(t.size)])
    u, precision = _gauss_newton(seen, t, centre, np.array([0.5, 0.5, 0.4]))
    drawn = u.copy()
    drawn[:, 0] -= np.log(t)
    drawn = _smooth(drawn, precision, t)
    drawn[:, 0] += np.log(t)
    u, _ = _gauss_newton(seen, t, drawn, np.array([0.06, 0.06, 0.06]))
    return Slices(np.exp(u[:, 0]), np.tanh(u[:, 1]), np.exp(u[:, 2] + 0.5 * u[:, 0]))


def _smooth(u: FloatArray, precision: FloatArray, t: FloatArray) -> FloatArray:
    log_t = np.log(t)
    kernel = np.exp(-0.5 * ((log_t[:, None] - log_t[None, :]) / 0.35) ** 2)
    columns = []
    for number in range(u.shape[1]):
        weight = kernel * precision[None, :, number]
        columns.append(weight @ u[:, number] / weight.sum(axis=1))
    return np.column_stack(columns)


def _gauss_newton(
    seen: Observations, t: FloatArray, centre: FloatArray, prior_sd: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Minimises the Cauchy-damped misfit plus the pull to `centre`; returns parameters and their precisions."""
    u = centre.copy()
    precision = np.zeros_like(u)
    for _ in range(_ITERATIONS):
        model, slope = _model_vol(u, seen.k, t)
        scaled = (seen.vol - model) / seen.sd
        weight = np.where(seen.mask, 1.0 / (1.0 + (scaled / 2.0) ** 2), 0.0) / seen.sd**2
        weighted = slope * weight[..., None]
        normal = np.einsum("imp,imq->ipq", weighted, slope) + np.diag(1.0 / prior_sd**2)
        pull = np.einsum("imp,im->ip", weighted, seen.vol - model) + (centre - u) / prior_sd**2
        step = np.linalg.solve(normal, pull[..., None])[..., 0]
        u = u + np.clip(step, -0.3, 0.3)
        precision = np.einsum("ipp->ip", normal)
        if np.abs(step).max() < 1e-6:
            break
    return u, precision


def _model_vol(u: FloatArray, k: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Vol and its derivatives by (ln theta, atanh rho, ln psi / sqrt(theta)); shapes (n, m) and (n, m, 3)."""
    theta, rho = np.exp(u[:, :1]), np.tanh(u[:, 1:2])
    psi = np.exp(u[:, 2:3]) * np.sqrt(theta)
    wing = psi * k
    root = np.sqrt(wing * wing + 2.0 * wing * theta * rho + theta * theta)
    variance = np.maximum(0.5 * (theta + rho * wing + root), 1e-12)
    by_theta = 0.5 * (1.0 + (wing * rho + theta) / root)
    by_rho = 0.5 * wing * (1.0 + theta / root)
    by_psi = 0.5 * k * (rho + (wing + theta * rho) / root)
    slope = np.stack([theta * by_theta + 0.5 * psi * by_psi, (1.0 - rho * rho) * by_rho, psi * by_psi], axis=-1)
    vol = np.sqrt(variance / t[:, None])
    return vol, slope / (2.0 * t[:, None] * vol)[..., None]
