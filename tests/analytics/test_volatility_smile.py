"""Smiles: true where vols are seen, free of arbitrage everywhere, and honest about what they do not know."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.black_scholes import Floats, black76_price
from analytics.volatility import Region, SmileStatus, SmileSurface, fit_smiles, vol_uncertainty
from analytics.volatility.smile_checks import Points, measured
from analytics.volatility.spline import COEFFICIENTS, HIGH, LOW, SmileShapes
from analytics.volatility.surface import Fitted

pytestmark = pytest.mark.usefixtures("strict_floats")

T = np.array([0.02, 0.1, 0.25, 1.0])
FORWARD = 6000.0 * np.exp(0.03 * T)


def _ssvi(t: Floats, k: Floats) -> Floats:
    """Vols of an SSVI surface without static arbitrage (Gatheral & Jacquier 2014, section 4): not our form."""
    theta, rho = 0.03 * t, -0.6
    phi = 1.2 / np.sqrt(theta)
    w = 0.5 * theta * (1.0 + rho * phi * k + np.sqrt((phi * k + rho) ** 2 + 1.0 - rho**2))
    return np.asarray(np.sqrt(w / t))


def _points(points: int = 41, low: float = -5.0, high: float = 3.0) -> dict[str, Any]:
    number = np.repeat(np.arange(T.size), points)
    k = np.tile(np.linspace(low, high, points), T.size) * 0.17 * np.sqrt(T[number])
    strike = FORWARD[number] * np.exp(k)
    return {"expiry": number, "strike": strike, "vol": _ssvi(T[number], k), "vol_sd": 1e-4}


def _fit(points: dict[str, Any]) -> SmileSurface:
    return fit_smiles(**points, forward=FORWARD, t_years=T)


def _worst_butterfly(surface: SmileSurface, number: int) -> float:
    """Least second difference of call prices over even strikes, of the forward: the density, by another way."""
    spread = 0.2 * np.sqrt(surface.fitted.t_years[number])
    strike = FORWARD[number] * np.linspace(max(1.0 - 6.0 * spread, 0.02), 1.0 + 6.0 * spread, 1501)
    vol = surface.vol(expiry=number, strike=strike).vol
    call = black76_price(forward=FORWARD[number], strike=strike, t_years=T[number], rate=0.0, vol=vol, is_call=True)
    return float(np.diff(call, 2).min() / FORWARD[number])


def _worst_calendar(surface: SmileSurface) -> float:
    k = np.linspace(-1.5, 0.8, 701)
    vol = surface.vol(expiry=np.arange(T.size)[:, None], strike=FORWARD[:, None] * np.exp(k)).vol
    return float(np.diff(vol**2 * T[:, None], axis=0).min())


def test_the_vols_of_another_arbitrage_free_form_are_given_back_between_the_strikes_seen() -> None:
    surface = _fit(_points())
    k = np.linspace(-4.8, 2.8, 77) * 0.17 * np.sqrt(T[:, None])
    found = surface.vol(expiry=np.arange(T.size)[:, None], strike=FORWARD[:, None] * np.exp(k))
    assert np.abs(found.vol - _ssvi(T[:, None], k)).max() < 0.002
    assert (found.region == Region.INTERPOLATED).all()
    assert (surface.report.status == SmileStatus.OK).all()
    assert surface.report.vol_error_p95.max() < 0.002
    assert surface.report.calendar_lift.max() < 1e-3


def test_strikes_left_out_of_the_fit_are_marked_as_well_as_those_in_it() -> None:
    points = _points(81)
    left_out = np.arange(points["strike"].size) % 4 == 1
    noise = np.random.default_rng(4).normal(0.0, 0.003, left_out.size)
    seen = {"expiry": points["expiry"][~left_out], "strike": points["strike"][~left_out], "vol_sd": 0.003}
    surface = _fit({**seen, "vol": (points["vol"] + noise)[~left_out]})
    marked = surface.vol(expiry=points["expiry"][left_out], strike=points["strike"][left_out]).vol
    assert np.abs(marked - points["vol"][left_out]).max() < 0.006
    assert np.median(np.abs(marked - points["vol"][left_out])) < 0.001


def test_prices_from_the_smiles_hold_no_butterfly_and_no_calendar_spread_below_zero() -> None:
    surface = _fit(_points())
    assert min(_worst_butterfly(surface, number) for number in range(T.size)) > -1e-12
    assert _worst_calendar(surface) > -1e-12
    assert (surface.report.butterfly_least > 0.0).all()
    assert (np.fmax(surface.report.left_slope, surface.report.right_slope) <= 2.0).all()


@given(seed=st.integers(0, 10_000), noise=st.floats(0.0, 0.6), size=st.integers(1, 60), sd=st.floats(1e-4, 0.2))
@settings(max_examples=25, deadline=None)
def test_whatever_vols_come_in_no_arbitrage_comes_out(seed: int, noise: float, size: int, sd: float) -> None:
    random = np.random.default_rng(seed)
    number = random.integers(0, T.size, size)
    k = random.uniform(-8.0, 5.0, size) * 0.17 * np.sqrt(T[number])
    vol = np.clip(_ssvi(T[number], k) * np.exp(noise * random.standard_normal(size)), 0.02, 5.0)
    surface = _fit({"expiry": number, "strike": FORWARD[number] * np.exp(k), "vol": vol, "vol_sd": sd})
    assert not (surface.report.status == SmileStatus.ARBITRAGE_LEFT).any()
    assert min(_worst_butterfly(surface, at) for at in range(T.size)) > -1e-9
    assert _worst_calendar(surface) > -1e-12


def test_a_shape_that_allows_a_butterfly_is_reported_with_its_amount() -> None:
    shape = np.zeros((1, COEFFICIENTS))
    shape[0, COEFFICIENTS // 2] = 1.5
    one = np.zeros(1, dtype=np.int64)
    fitted = Fitted(one, one, np.array([100.0]), np.array([0.5]), np.array([0.02]), shape, SmileShapes(shape))
    points = Points(one, one, np.zeros(1), np.array([0.2]), np.array([0.01]))
    report = measured(fitted, points, np.array([True]), np.array([False]), one + 1)
    assert report.status.tolist() == [SmileStatus.ARBITRAGE_LEFT]
    assert report.butterfly_least[0] < -0.1
    steep = np.clip(0.5 * (LOW + 0.5 * np.arange(COEFFICIENTS)), -2.0, 2.0)[None, ::-1].copy()
    wide = fitted._replace(theta=np.array([2.0]), coefficients=steep, shapes=SmileShapes(steep))
    slopes = measured(wide, points, np.array([True]), np.array([False]), one + 1)
    assert slopes.status.tolist() == [SmileStatus.ARBITRAGE_LEFT]


def test_an_earlier_expiry_that_is_too_dear_lifts_the_later_one_and_says_by_how_much() -> None:
    points = _points()
    points["vol"] = np.where(points["expiry"] == 1, 1.6 * points["vol"], points["vol"])
    surface = _fit(points)
    assert _worst_calendar(surface) > -1e-12
    lift = surface.report.calendar_lift
    assert lift[0] == lift[1] == 0.0
    assert lift[2] > 0.001


def test_a_point_that_contradicts_its_neighbours_is_an_outlier_and_moves_nothing() -> None:
    clean, points = _fit(_points()), _points()
    points["vol"][60] += 0.3
    surface = _fit(points)
    assert np.flatnonzero(surface.is_outlier).tolist() == [60]
    assert surface.residual_sd[60] > 6.0
    assert surface.report.outliers.tolist() == [0, 1, 0, 0]
    near = FORWARD[1] * np.exp(np.linspace(-0.2, 0.1, 20))
    moved = surface.vol(expiry=1, strike=near).vol - clean.vol(expiry=1, strike=near).vol
    assert np.abs(moved).max() < 0.001


def test_a_point_known_badly_counts_for_less_than_its_neighbours() -> None:
    points = _points()
    sd = np.full(points["vol"].size, 1e-3)
    points["vol"][61], sd[61] = points["vol"][61] + 0.05, 0.1
    surface = _fit({**points, "vol_sd": sd})
    marked = float(surface.vol(expiry=1, strike=points["strike"][61]).vol)
    assert marked == pytest.approx(points["vol"][61] - 0.05, abs=0.002)
    assert not surface.is_outlier[61]


def test_an_expiry_with_few_points_borrows_the_shape_of_its_neighbours_and_says_so() -> None:
    points = _points()
    keep = (points["expiry"] != 2) | (np.arange(points["expiry"].size) % 41 == 25)
    surface = _fit({name: value if np.ndim(value) == 0 else value[keep] for name, value in points.items()})
    assert surface.report.status.tolist() == [0, 0, SmileStatus.TOO_FEW_POINTS, 0]
    k = np.linspace(-0.3, 0.15, 10)
    found = surface.vol(expiry=2, strike=FORWARD[2] * np.exp(k))
    assert (found.region == Region.BORROWED).all()
    assert np.abs(found.vol - _ssvi(T[2:3], k)).max() < 0.01


def test_beyond_the_strikes_seen_the_vol_goes_on_and_says_that_it_does() -> None:
    surface = _fit(_points(low=-2.0, high=1.5))
    found = surface.vol(expiry=3, strike=[1.0, 3000.0, 6000.0, 9000.0, 1e6])
    below, above = Region.BELOW_STRIKES, Region.ABOVE_STRIKES
    assert found.region.tolist() == [below, below, Region.INTERPOLATED, above, above]
    assert np.isfinite(found.vol).all()
    assert found.vol[1] > found.vol[2]


def test_a_bad_expiry_or_point_has_no_smile_and_disturbs_no_other() -> None:
    points, clean = _points(), _fit(_points())
    forward, t = np.append(FORWARD, [np.nan, 6000.0, 6000.0]), np.append(T, [0.5, 0.0, np.nan])
    bad = {
        "expiry": [0, 0, 0, 0, 0, 4, 5, 99, -1, np.nan],
        "strike": [6000.0, np.nan, -5.0, 6000.0, 6000.0, *[6000.0] * 5],
        "vol": [np.nan, 0.2, 0.2, 0.0, 50.0, *[0.2] * 5],
    }
    more = {name: np.append(points[name], value) for name, value in bad.items()}
    surface = fit_smiles(**more, vol_sd=1e-4, forward=forward, t_years=t)
    assert surface.report.status.tolist() == [0, 0, 0, 0, *[SmileStatus.NO_SMILE] * 3]
    assert surface.report.points_given.tolist() == [46, 41, 41, 41, 1, 1, 0]
    assert surface.report.points_used.tolist() == [41, 41, 41, 41, 0, 0, 0]
    assert np.isnan(surface.residual_sd[-10:]).all()
    found = surface.vol(expiry=[0, 3, 4, 5, 6, 7, -1, 0], strike=[*[5900.0] * 7, np.nan])
    assert np.flatnonzero(found.region == Region.NONE).tolist() == [2, 3, 4, 5, 6, 7]
    assert np.isnan(found.vol[2:]).all()
    assert found.vol[:2].tolist() == clean.vol(expiry=[0, 3], strike=5900.0).vol.tolist()


def test_without_any_vol_there_is_no_smile_and_no_error() -> None:
    for vol in (np.array([np.nan]), np.zeros(0)):
        surface = fit_smiles(
            expiry=np.zeros(np.size(vol)), strike=100.0, vol=vol, vol_sd=1.0, forward=[100.0], t_years=1.0
        )
        assert surface.report.status.tolist() == [SmileStatus.NO_SMILE]
        assert np.isnan(surface.vol(expiry=0, strike=100.0).vol)


def test_the_order_of_expiries_and_points_does_not_matter_and_arguments_broadcast() -> None:
    points, surface = _points(), _fit(_points())
    turned = {**points, "expiry": 3 - points["expiry"]}
    shuffle = np.random.default_rng(0).permutation(points["strike"].size)
    turned = {name: value if np.ndim(value) == 0 else value[shuffle] for name, value in turned.items()}
    other = fit_smiles(**turned, forward=FORWARD[::-1], t_years=T[::-1])
    strike = np.linspace(5000.0, 7000.0, 9)
    grid = surface.vol(expiry=np.arange(4)[:, None], strike=strike)
    assert grid.vol.shape == grid.region.shape == (4, 9)
    assert other.vol(expiry=np.arange(3, -1, -1)[:, None], strike=strike).vol == pytest.approx(grid.vol, rel=1e-9)
    assert surface.vol(expiry=2, strike=6000.0).vol.shape == ()


def test_scaling_forwards_and_strikes_scales_nothing_else() -> None:
    points, surface = _points(), _fit(_points())
    small = fit_smiles(**{**points, "strike": points["strike"] / 50.0}, forward=FORWARD / 50.0, t_years=T)
    assert small.vol(expiry=1, strike=119.0).vol == pytest.approx(surface.vol(expiry=1, strike=5950.0).vol, rel=1e-9)
    assert small.report.price_error_median * 50.0 == pytest.approx(surface.report.price_error_median, rel=1e-6)


def test_the_splines_ends_are_further_out_than_any_listed_strike_needs() -> None:
    assert LOW <= -10.0
    assert HIGH >= 6.0


def test_a_vols_uncertainty_is_the_prices_over_vega_and_grows_with_age() -> None:
    fresh = vol_uncertainty(price_sd=0.05, vega_per_point=5.0, delta=0.5, spot=6000.0, age_minutes=0.0)
    assert float(fresh) == pytest.approx(0.0001)
    moved = 0.5 * 6000.0 * 0.15 * np.sqrt(98.0 / (252.0 * 390.0))
    old = vol_uncertainty(price_sd=0.05, vega_per_point=5.0, delta=[-0.5, 0.0], spot=6000.0, age_minutes=98.0)
    assert old == pytest.approx([np.hypot(0.05, moved) / 500.0, 0.0001])
    assert np.isinf(vol_uncertainty(price_sd=0.05, vega_per_point=0.0, delta=1.0, spot=6000.0, age_minutes=0.0))
