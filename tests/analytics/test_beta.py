"""Beta from daily closes: known lines, a second route by numpy's least squares, real closes, gaps and refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.beta import (
    MIN_OBSERVATIONS,
    TWO_YEARS_OF_RETURNS,
    BetaStatus,
    ReturnKind,
    align_closes,
    estimate,
)

pytestmark = pytest.mark.usefixtures("strict_floats")

DICE = np.random.default_rng(11)
MARKET = DICE.normal(0.0004, 0.011, 300)
NOISE = DICE.normal(0.0, 0.015, 300)


def closes_of(returns: Any, start: float = 100.0) -> np.ndarray:
    """Closes that have these simple returns."""
    return start * np.concatenate([[1.0], np.cumprod(1.0 + np.asarray(returns))])


INDEX = closes_of(MARKET, 5000.0)
STOCK = closes_of(0.0002 + 1.4 * MARKET + NOISE, 80.0)


def by_matrix(y: np.ndarray, x: np.ndarray) -> tuple[float, float, float, float]:
    """Slope, its standard error, intercept and R2 the textbook's way: QR and the covariance of the estimates."""
    design = np.column_stack([np.ones_like(x), x])
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    residual = y - design @ solution
    covariance = residual @ residual / (y.size - 2) * np.linalg.inv(design.T @ design)
    r2 = 1.0 - residual @ residual / ((y - y.mean()) @ (y - y.mean()))
    return float(solution[1]), float(np.sqrt(covariance[1, 1])), float(solution[0]), float(r2)


def test_a_symbol_that_moves_with_the_index_exactly_has_the_beta_it_was_made_with() -> None:
    got = estimate(closes=closes_of(0.001 + 1.7 * MARKET), benchmark_closes=INDEX)
    assert float(got.beta) == pytest.approx(1.7, rel=1e-10)
    assert float(got.alpha_per_day) == pytest.approx(0.001, rel=1e-9)
    assert float(got.r_squared) == pytest.approx(1.0, abs=1e-12)
    assert float(got.standard_error) < 1e-12
    assert int(got.observations) == 300
    assert got.window == 300


def test_the_index_has_beta_one_to_itself() -> None:
    got = estimate(closes=INDEX, benchmark_closes=INDEX)
    assert float(got.beta) == 1.0
    assert float(got.beta_blume) == pytest.approx(1.0, abs=1e-15)
    assert float(got.beta_vasicek) == pytest.approx(1.0, abs=1e-15)
    assert float(got.standard_error) == 0.0


@pytest.mark.parametrize("kind", ReturnKind)
def test_every_figure_agrees_with_least_squares_by_matrix(kind: ReturnKind) -> None:
    got = estimate(closes=STOCK, benchmark_closes=INDEX, returns=kind)
    of = np.diff(np.log(STOCK)), np.diff(np.log(INDEX))
    if kind is ReturnKind.SIMPLE:
        of = STOCK[1:] / STOCK[:-1] - 1.0, INDEX[1:] / INDEX[:-1] - 1.0
    slope, error, intercept, r2 = by_matrix(*of)
    assert float(got.beta) == pytest.approx(slope, rel=1e-11)
    assert float(got.standard_error) == pytest.approx(error, rel=1e-11)
    assert float(got.alpha_per_day) == pytest.approx(intercept, rel=1e-10)
    assert float(got.r_squared) == pytest.approx(r2, rel=1e-11)
    residual = of[0] - intercept - slope * of[1]
    assert float(got.residual_stdev_per_day) == pytest.approx(np.sqrt(residual @ residual / 298), rel=1e-11)


def test_a_printed_regression_comes_out() -> None:
    """Anscombe's first set: y = 3.00 + 0.500 x, standard error 0.118, R2 0.667 (as shares of a thousand)."""
    x = np.array([10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]) / 1000.0
    y = np.array([8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]) / 1000.0
    got = estimate(closes=closes_of(y), benchmark_closes=closes_of(x), min_observations=3)
    assert float(got.beta) == pytest.approx(0.5001, abs=5e-5)
    assert float(got.alpha_per_day) == pytest.approx(0.0030001, abs=5e-8)
    assert float(got.standard_error) == pytest.approx(0.1179, abs=5e-5)
    assert float(got.r_squared) == pytest.approx(0.6665, abs=5e-5)


def test_shrinkage_follows_its_formulas() -> None:
    got = estimate(closes=STOCK, benchmark_closes=INDEX, prior_mean=0.9, prior_stdev=0.3)
    beta, error = float(got.beta), float(got.standard_error)
    assert float(got.beta_blume) == pytest.approx(0.67 * beta + 0.33, abs=0.005)
    assert float(got.beta_blume) == pytest.approx((2.0 * beta + 1.0) / 3.0, rel=1e-14)
    precision, prior = 1.0 / error**2, 1.0 / 0.09
    assert float(got.beta_vasicek) == pytest.approx((precision * beta + prior * 0.9) / (precision + prior), rel=1e-12)


@given(st.floats(-3.0, 3.0), st.floats(0.05, 2.0), st.floats(-1.0, 2.0))
def test_vasicek_lies_between_the_sample_and_the_prior(made_with: float, spread: float, mean: float) -> None:
    got = estimate(
        closes=closes_of(made_with * MARKET + 0.3 * NOISE), benchmark_closes=INDEX, prior_mean=mean, prior_stdev=spread
    )
    low, high = sorted((float(got.beta), mean))
    assert low - 1e-12 <= float(got.beta_vasicek) <= high + 1e-12


@given(st.floats(0.01, 1e4), st.floats(0.01, 1e4))
def test_the_currency_of_the_closes_does_not_matter(factor: float, index_factor: float) -> None:
    plain = estimate(closes=STOCK, benchmark_closes=INDEX)
    scaled = estimate(closes=factor * STOCK, benchmark_closes=index_factor * INDEX)
    assert float(scaled.beta) == pytest.approx(float(plain.beta), rel=1e-9)
    assert float(scaled.standard_error) == pytest.approx(float(plain.standard_error), rel=1e-9)


def test_a_shorter_window_looks_at_the_newest_returns_only() -> None:
    got = estimate(closes=STOCK, benchmark_closes=INDEX, window=100)
    tail = estimate(closes=STOCK[-101:], benchmark_closes=INDEX[-101:])
    assert float(got.beta) == float(tail.beta)
    assert (got.window, int(got.observations)) == (100, 100)


def test_many_symbols_are_estimated_as_one_by_one_and_keep_their_shape() -> None:
    table = np.stack([STOCK, INDEX, closes_of(-0.5 * MARKET + NOISE), STOCK[::-1]]).reshape(2, 2, -1)
    table[1, 0, 40:44] = np.nan
    got = estimate(closes=table, benchmark_closes=INDEX)
    assert got.beta.shape == got.status.shape == (2, 2)
    for i, j in np.ndindex(2, 2):
        alone = estimate(closes=table[i, j], benchmark_closes=INDEX)
        for one, other in zip(got[:9], alone[:9], strict=True):
            assert float(np.asarray(one)[i, j]) == pytest.approx(float(np.asarray(other)), rel=1e-12, abs=1e-15)


def test_a_missing_day_costs_the_two_returns_that_touch_it_and_is_never_bridged() -> None:
    gappy = STOCK.copy()
    gappy[[50, 120]] = np.nan
    got = estimate(closes=gappy, benchmark_closes=INDEX)
    assert (int(got.observations), int(got.missing)) == (296, 4)
    keep = np.setdiff1d(np.arange(300), [49, 50, 119, 120])
    y, x = STOCK[1:] / STOCK[:-1] - 1.0, INDEX[1:] / INDEX[:-1] - 1.0
    assert float(got.beta) == pytest.approx(by_matrix(y[keep], x[keep])[0], rel=1e-11)
    missing_index = INDEX.copy()
    missing_index[10] = np.nan
    assert int(estimate(closes=STOCK, benchmark_closes=missing_index).observations) == 298


def test_each_unusable_symbol_says_why_and_leaves_the_others_alone() -> None:
    table = np.tile(STOCK, (7, 1))
    table[1, 30], table[2, 30], table[3, 30] = 0.0, -37.63, np.inf
    table[4, MIN_OBSERVATIONS:] = np.nan
    table[5] = 25.0
    table[6] = 1.7 * 1.0001 ** np.arange(301)
    got = estimate(closes=table, benchmark_closes=INDEX)
    bad = BetaStatus.BAD_CLOSE
    flat = BetaStatus.FLAT_CLOSES
    assert got.status.tolist() == [BetaStatus.OK, bad, bad, bad, BetaStatus.TOO_FEW_OBSERVATIONS, flat, flat]
    for figure in got[:7]:
        assert np.isfinite(figure[0])
        assert np.isnan(figure[1:]).all()
    assert int(got.observations[4]) == MIN_OBSERVATIONS - 1


def test_one_return_more_is_enough() -> None:
    table = STOCK.copy()
    table[MIN_OBSERVATIONS + 1 :] = np.nan
    got = estimate(closes=table, benchmark_closes=INDEX)
    assert (int(got.status), int(got.observations)) == (BetaStatus.OK, MIN_OBSERVATIONS)


def test_three_returns_are_the_least_that_can_be_asked_for() -> None:
    got = estimate(closes=STOCK, benchmark_closes=INDEX, window=3, min_observations=3)
    assert (int(got.status), int(got.observations)) == (BetaStatus.OK, 3)


def test_a_bad_close_before_the_window_does_no_harm() -> None:
    table = STOCK.copy()
    table[0] = -1.0
    assert int(estimate(closes=table, benchmark_closes=INDEX, window=299).status) == BetaStatus.OK


def test_a_benchmark_that_is_flat_or_broken_gives_nobody_a_beta() -> None:
    broken = INDEX.copy()
    broken[7] = 0.0
    table = np.stack([STOCK, INDEX])
    assert estimate(closes=table, benchmark_closes=broken).status.tolist() == [BetaStatus.BAD_BENCHMARK_CLOSE] * 2
    flat = estimate(closes=table, benchmark_closes=np.full(301, 4000.0))
    assert flat.status.tolist() == [BetaStatus.FLAT_BENCHMARK] * 2
    assert np.isnan(flat.beta).all()


@pytest.mark.parametrize("days", [0, 1, 2])
def test_hardly_any_closes_are_too_few_and_not_an_error(days: int) -> None:
    got = estimate(closes=STOCK[:days], benchmark_closes=INDEX[:days])
    assert int(got.status) == BetaStatus.TOO_FEW_OBSERVATIONS
    assert int(got.observations) == max(days - 1, 0)
    assert np.isnan(float(got.beta))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"closes": STOCK[1:]}, "do not share their days"),
        ({"benchmark_closes": np.stack([INDEX, INDEX])}, "do not share their days"),
        ({"closes": 5.0}, "do not share their days"),
        ({"window": 2}, "must be 3 or more"),
        ({"min_observations": 2}, "must be 3 or more"),
        ({"prior_stdev": 0.0}, "prior_stdev 0.0 > 0"),
        ({"prior_mean": np.nan}, "prior_mean nan a number"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        estimate(**{"closes": STOCK, "benchmark_closes": INDEX, **wrong})


def test_joining_keeps_the_days_both_have_in_order() -> None:
    days = np.datetime64("2026-01-05") + np.arange(6)
    got = align_closes(
        dates=days[[4, 0, 2, 5]], closes=[14.0, 10.0, 12.0, 15.0], benchmark_dates=days[:5], benchmark_closes=range(5)
    )
    assert got.dates.tolist() == days[[0, 2, 4]].tolist()
    assert got.closes.tolist() == [10.0, 12.0, 14.0]
    assert got.benchmark_closes.tolist() == [0.0, 2.0, 4.0]


def test_joining_refuses_a_day_given_twice_and_lengths_that_differ() -> None:
    day = np.datetime64("2026-01-05")
    with pytest.raises(ValueError, match="the symbol has days twice"):
        align_closes(dates=[day, day], closes=[1, 2], benchmark_dates=[day], benchmark_closes=[1])
    with pytest.raises(ValueError, match="the benchmark has"):
        align_closes(dates=[day], closes=[1], benchmark_dates=[day], benchmark_closes=[1, 2])


@pytest.fixture(scope="module")
def market(shared_data: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Symbols, days of SPX, and closes (symbols, days) with NaN where a symbol has none."""
    frame = pl.read_parquet(shared_data / "daily_closes.parquet")
    wide = frame.pivot(on="symbol", index="date", values="close").sort("date").filter(pl.col("SPX").is_not_null())
    symbols = [name for name in wide.columns if name != "date"]
    return symbols, wide["date"].to_numpy(), wide.select(symbols).to_numpy().T.astype(np.float64)


def test_real_closes_agree_with_least_squares_by_matrix_for_every_symbol(
    market: tuple[list[str], np.ndarray, np.ndarray],
) -> None:
    symbols, _, closes = market
    index = closes[symbols.index("SPX")]
    got = estimate(closes=closes, benchmark_closes=index)
    assert (got.status == BetaStatus.OK).all()
    for i in range(len(symbols)):
        own, base = closes[i][-(TWO_YEARS_OF_RETURNS + 1) :], index[-(TWO_YEARS_OF_RETURNS + 1) :]
        y, x = own[1:] / own[:-1] - 1.0, base[1:] / base[:-1] - 1.0
        known = np.isfinite(y)
        slope, error, _, r2 = by_matrix(y[known], x[known])
        assert got.beta[i] == pytest.approx(slope, rel=1e-10, abs=1e-13), symbols[i]
        assert got.standard_error[i] == pytest.approx(error, rel=1e-10, abs=1e-15), symbols[i]
        assert got.r_squared[i] == pytest.approx(r2, rel=1e-9, abs=1e-12), symbols[i]
        assert int(got.observations[i]) == int(known.sum()), symbols[i]


def test_real_betas_are_what_a_trader_knows(market: tuple[list[str], np.ndarray, np.ndarray]) -> None:
    """All twenty years: SPY and RSP about 1, junk bonds and utilities less, Treasuries and VIX against the market."""
    symbols, days, closes = market
    got = estimate(closes=closes, benchmark_closes=closes[symbols.index("SPX")], window=days.size)
    beta = dict(zip(symbols, got.beta.tolist(), strict=True))
    assert beta["SPY"] == pytest.approx(0.98, abs=0.03)
    assert beta["RSP"] == pytest.approx(1.03, abs=0.05)
    assert 0.3 < beta["HYG"] < 0.5
    assert 0.5 < beta["XLU"] < 0.8
    assert -0.35 < beta["TLT"] < -0.15
    assert -0.2 < beta["IEF"] < -0.05
    assert -0.05 < beta["GLD"] < 0.15
    assert beta["VIX"] < -3.0


def test_log_returns_give_a_beta_close_by(market: tuple[list[str], np.ndarray, np.ndarray]) -> None:
    symbols, _, closes = market
    index = closes[symbols.index("SPX")]
    plain = estimate(closes=closes, benchmark_closes=index)
    logs = estimate(closes=closes, benchmark_closes=index, returns=ReturnKind.LOG)
    etfs = [symbols.index(name) for name in ("SPY", "RSP", "TLT", "HYG", "GLD", "XLU")]
    assert logs.beta[etfs] == pytest.approx(plain.beta[etfs], abs=0.02)
    assert (logs.beta != plain.beta)[etfs].all()
