"""Performance: every figure of the reference file, other libraries explained, textbook cases, properties, edges."""

import json
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from analytics.performance import (
    PERIODS_PER_YEAR,
    PerformanceError,
    SeriesStatistics,
    TradeStatistics,
    series_statistics,
    trade_statistics,
)

pytestmark = pytest.mark.usefixtures("strict_floats")

# Returns to a hundredth of a basis point, as anybody has them.
RETURNS = st.lists(st.integers(-300_000, 400_000).map(lambda step: step / 1e6), min_size=2, max_size=60)
CENTS = st.lists(st.integers(-100_000, 100_000), max_size=40)


@pytest.fixture(scope="module")
def reference(shared_reference: Path) -> dict[str, Any]:
    """The whole reference file."""
    document: dict[str, Any] = json.loads((shared_reference / "stats.json").read_text())
    return document


def of_series(series: dict[str, Any], periods: float = PERIODS_PER_YEAR) -> dict[str, Any]:
    """Our figures of one reference series."""
    return series_statistics(
        returns=series["returns"], benchmark=series["benchmark"], periods_per_year=periods
    )._asdict()


def test_every_hand_figure_of_every_series_comes_out(reference: dict[str, Any]) -> None:
    assert len(reference["series"]) >= 3
    for series in reference["series"]:
        got = of_series(series, reference["periods_per_year"])
        assert set(got) == set(series["by_hand"])
        for name, want in series["by_hand"].items():
            if want is None:
                assert got[name] is None, (series["name"], name)
            else:
                assert got[name] == pytest.approx(want, rel=1e-13, abs=1e-18), (series["name"], name)


def test_every_figure_of_every_trade_list_is_exact(reference: dict[str, Any]) -> None:
    assert len(reference["trade_lists"]) >= 5
    for trades in reference["trade_lists"]:
        assert trade_statistics(pnl=trades["pnl"])._asdict() == trades["stats"], trades["name"]


def as_empyrical(got: dict[str, Any]) -> dict[str, Any]:
    """What empyrical prints, from our figures: the same, or ours in its reading."""
    return {
        **{name: got[name] for name in ("total_return", "cagr", "volatility_annual", "sharpe", "sortino", "beta")},
        **{name: got[name] for name in ("max_drawdown", "calmar")},
        "downside_risk": got["downside_deviation_full_n"],
        "omega": got["omega_0"],
        "alpha": got["alpha_annual_compound"],
        "var_95": got["var_95_historical_linear"],
        "cvar_95": got["cvar_95_mean_of_tail_le_var"],
        "excess_sharpe": got["information_ratio_annual"] / math.sqrt(PERIODS_PER_YEAR),
    }


def as_quantstats(got: dict[str, Any], n: int) -> dict[str, Any]:
    """What quantstats prints, from our figures: the same, or ours in its reading."""
    skew, kurtosis, decisive = (
        got["skew_population"],
        got["kurtosis_excess_population"],
        got["win_rate_excluding_flats"],
    )
    return {
        **{name: got[name] for name in ("total_return", "cagr", "volatility_annual", "sharpe", "sortino", "beta")},
        **{name: got[name] for name in ("max_drawdown", "calmar", "profit_factor", "payoff_ratio")},
        "omega": got["omega_0"],
        "alpha": got["alpha_annual_simple"],
        "win_rate": decisive,
        "avg_win": got["average_win"],
        "avg_loss": -got["average_loss"],
        "skew": skew * math.sqrt(n * (n - 1)) / (n - 2),
        "kurtosis": ((n + 1) * kurtosis + 6.0) * (n - 1) / ((n - 2) * (n - 3)),
        "information_ratio": got["information_ratio_annual"] / math.sqrt(PERIODS_PER_YEAR),
        "gain_to_pain": (got["gross_profit"] - got["gross_loss"]) / got["gross_loss"],
        "expected_return": math.expm1(math.log1p(got["total_return"]) / n),
        "kelly": decisive - (1.0 - decisive) / got["payoff_ratio"],
        "var_95": got["mean"] - 1.6448536269514722 * got["stdev_ddof1"],
        # The mean of a normal tail; the file's note says "of returns below", its figures are this.
        "cvar_95": got["mean"] - 2.0627128075074257 * got["stdev_ddof1"],
    }


# Two figures of empyrical that the app does not show: the 95 % over the 5 % quantile, and the R2 of a line through the
# cumulative log returns. Everything else the two libraries print is one of ours.
NOT_SHOWN = {"empyrical": {"tail_ratio", "stability"}, "quantstats": set[str]()}


def test_every_figure_of_the_two_libraries_is_ours_or_ours_in_another_reading(reference: dict[str, Any]) -> None:
    for series in reference["series"]:
        got, n = of_series(series), len(series["returns"])
        for library, readings in (("empyrical", as_empyrical(got)), ("quantstats", as_quantstats(got, n))):
            assert set(series[library]) == set(readings) | NOT_SHOWN[library], library
            for name, ours in readings.items():
                # empyrical raises a rounded 1 + a to a power, quantstats takes a root of rounded wealth.
                bar = 1e-11 if name in {"alpha", "kelly", "expected_return"} else 1e-12
                assert series[library][name] == pytest.approx(ours, rel=bar), (series["name"], library, name)


def test_the_worked_example_of_the_definitions_page() -> None:
    """Three months at +10 %, -20 %, +30 %, by hand: W = 1.1, 0.88, 1.144."""
    got = series_statistics(returns=[0.1, -0.2, 0.3], periods_per_year=12)
    assert got.total_return == pytest.approx(0.144, rel=1e-14)
    assert got.max_drawdown == pytest.approx(-0.2, rel=1e-14)
    assert (got.max_drawdown_peak_index, got.max_drawdown_trough_index, got.max_drawdown_recovery_index) == (1, 2, 3)
    assert got.cagr == pytest.approx(1.144**4 - 1.0, rel=1e-13)
    assert got.stdev_ddof1 == pytest.approx(math.sqrt(0.19 / 3), rel=1e-14)
    assert got.downside_deviation_full_n == pytest.approx(math.sqrt(0.04 / 3) * math.sqrt(12), rel=1e-14)
    assert got.profit_factor == pytest.approx(2.0, rel=1e-14)
    assert got.var_95_historical_linear == pytest.approx(-0.2 + 0.1 * 0.3, rel=1e-14)
    assert got.cvar_95_mean_of_tail_le_var == -0.2


def test_a_risk_free_rate_is_taken_off_before_the_ratios_and_on_both_sides_of_the_line() -> None:
    returns, market = np.array([0.01, -0.005, 0.012, 0.003]), np.array([0.008, -0.01, 0.01, 0.001])
    got = series_statistics(returns=returns, benchmark=market, risk_free_per_period=0.001)
    off = series_statistics(returns=returns - 0.001, benchmark=market - 0.001)
    for name in ("sharpe", "sortino", "beta", "alpha_per_period", "alpha_annual_compound", "correlation"):
        assert getattr(got, name) == pytest.approx(getattr(off, name), rel=1e-12), name
    assert got.mean == pytest.approx(0.005, rel=1e-14)


def exact(returns: list[float]) -> dict[str, float]:
    """Second route: figures in rational arithmetic, wealth by multiplication."""
    parts = [Fraction(r) for r in returns]
    wealth, path = Fraction(1), [Fraction(1)]
    for part in parts:
        wealth *= 1 + part
        path.append(wealth)
    depth = min(path[i] / max(path[: i + 1]) - 1 for i in range(len(path)))
    mean = sum(parts) / len(parts)
    variance = sum((part - mean) ** 2 for part in parts) / (len(parts) - 1)
    return {
        "total_return": float(wealth - 1),
        "max_drawdown": float(depth),
        "mean": float(mean),
        "stdev_ddof1": math.sqrt(variance),
        "gross_profit": float(sum(part for part in parts if part > 0)),
    }


@example([0.4] * 40 + [-1e-6, 0.1])
@example([0.1, 0.1 + 1e-12, 0.1])
@given(RETURNS)
def test_figures_agree_with_rational_arithmetic(returns: list[float]) -> None:
    got = series_statistics(returns=returns)._asdict()
    for name, want in exact(returns).items():
        assert got[name] == pytest.approx(want, rel=1e-12, abs=1e-17), name


@given(RETURNS, st.floats(0.1, 3.0))
def test_ratios_do_not_see_the_size_and_deviations_scale_with_it(returns: list[float], factor: float) -> None:
    assume(np.ptp(returns) > 1e-6)
    one, scaled = (series_statistics(returns=np.array(returns) * k) for k in (1.0, 0.5 * factor))
    assert scaled.stdev_ddof1 == pytest.approx(0.5 * factor * (one.stdev_ddof1 or math.nan), rel=1e-9)
    assert scaled.sharpe == pytest.approx(one.sharpe, rel=1e-9, abs=1e-9)
    assert (scaled.profit_factor is None) == (one.profit_factor is None)
    assert scaled.profit_factor == pytest.approx(one.profit_factor or 0.0, rel=1e-9) or scaled.profit_factor is None
    assert scaled.wins == one.wins


@given(RETURNS)
def test_the_order_of_the_returns_matters_only_to_the_drawdown(returns: list[float]) -> None:
    forward, backward = (series_statistics(returns=order)._asdict() for order in (returns, returns[::-1]))
    for name in forward:
        if "drawdown" not in name and name != "calmar":
            want = forward[name]
            assert backward[name] == (None if want is None else pytest.approx(want, rel=1e-9, abs=1e-12)), name


@given(RETURNS)
def test_a_series_is_its_own_benchmark_with_beta_one_and_no_alpha(returns: list[float]) -> None:
    assume(np.ptp(returns) > 1e-6)
    got = series_statistics(returns=returns, benchmark=returns)
    assert (got.beta, got.alpha_per_period, got.tracking_error_annual) == (1.0, 0.0, 0.0)
    assert got.correlation == pytest.approx(1.0, rel=1e-15)
    assert got.information_ratio_annual is None


@given(RETURNS)
def test_a_drawdown_is_between_total_loss_and_nothing_and_lies_where_it_says(returns: list[float]) -> None:
    got = series_statistics(returns=returns)
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + np.array(returns))])
    assert got.max_drawdown is not None
    assert -1.0 <= got.max_drawdown <= 0.0
    peak, trough = got.max_drawdown_peak_index, got.max_drawdown_trough_index
    if peak is None or trough is None:
        assert got.max_drawdown == 0.0
        return
    assert peak < trough
    assert wealth[trough] / wealth[peak] - 1.0 == pytest.approx(got.max_drawdown, rel=1e-9, abs=1e-15)
    back = got.max_drawdown_recovery_index
    assert (wealth[trough : back or None] < wealth[peak] * (1.0 + 1e-12)).all()


def test_a_fall_that_is_made_good_to_the_cent_has_recovered_whatever_the_rounding() -> None:
    for wins in (0, 3, 9):
        got = series_statistics(returns=[0.07] * wins + [-0.2, 0.25, -0.01])
        assert got.max_drawdown_recovery_index == wins + 2


def test_nothing_at_all_has_counts_and_sums_but_no_figures() -> None:
    got = series_statistics(returns=[], benchmark=[])
    known = {name: value for name, value in got._asdict().items() if value is not None}
    assert known == {"n": 0, "wins": 0, "losses": 0, "flats": 0, "gross_profit": 0.0, "gross_loss": 0.0}
    assert math.copysign(1.0, got.gross_loss) == 1.0


def test_one_return_has_no_deviation() -> None:
    got = series_statistics(returns=[0.01], benchmark=[0.02])
    assert (got.n, got.mean, got.best) == (1, 0.01, 0.01)
    assert got.total_return == pytest.approx(0.01)
    for name in ("stdev_ddof1", "volatility_annual", "sharpe", "skew_population", "beta", "correlation", "calmar"):
        assert getattr(got, name) is None, name


@pytest.mark.parametrize("constant", [0.001, 0.1, -0.003, 1e-9])
def test_a_constant_return_has_no_ratio_to_a_deviation_that_is_not_there(constant: float) -> None:
    """Rounding must not make a deviation of 1e-19 and a Sharpe ratio of 1e17 of it."""
    returns = np.full(7, constant)
    market = np.array([0.01, -0.02, 0.005, 0.0, 0.003, -0.001, 0.002])
    got = series_statistics(returns=returns, benchmark=market)
    assert got.stdev_ddof1 == 0.0
    for name in (
        "sharpe",
        "skew_population",
        "kurtosis_excess_population",
        "correlation",
        "sortino_negatives_only_stdev",
    ):
        assert getattr(got, name) is None, name
    assert got.beta == pytest.approx(0.0, abs=1e-15)
    above = series_statistics(returns=market + constant, benchmark=market)
    assert above.tracking_error_annual == 0.0
    assert above.information_ratio_annual is None


def test_a_flat_benchmark_gives_no_line_but_a_tracking_error() -> None:
    got = series_statistics(returns=[0.01, -0.02, 0.03], benchmark=[0.001] * 3)
    assert (got.beta, got.alpha_per_period, got.correlation) == (None, None, None)
    assert got.tracking_error_annual == pytest.approx((got.stdev_ddof1 or 0.0) * math.sqrt(252), rel=1e-12)


def test_only_gains_leave_what_divides_by_losses_undefined() -> None:
    got = series_statistics(returns=[0.01, 0.02, 0.005])
    for name in ("sortino", "profit_factor", "omega_0", "payoff_ratio", "average_loss", "calmar"):
        assert getattr(got, name) is None, name
    assert (got.downside_deviation_full_n, got.max_drawdown, got.win_rate_excluding_flats) == (0.0, 0.0, 1.0)
    assert got.max_drawdown_peak_index is got.max_drawdown_trough_index is got.max_drawdown_recovery_index is None


def test_a_quotient_too_large_to_hold_is_undefined_and_not_infinity() -> None:
    assert series_statistics(returns=[0.25, -5e-324]).profit_factor is None
    assert trade_statistics(pnl=[1e290, -1e-290]).profit_factor is None


def test_only_flats_have_no_decisive_win_rate() -> None:
    got = series_statistics(returns=[0.0, 0.0])
    assert (got.win_rate_excluding_flats, got.win_rate_including_flats, got.flats) == (None, 0.0, 2)


def test_a_total_loss_ends_the_compounding() -> None:
    got = series_statistics(returns=[0.1, -1.0, 0.5])
    assert (got.total_return, got.cagr, got.max_drawdown, got.calmar) == (-1.0, -1.0, -1.0, -1.0)
    assert (got.max_drawdown_peak_index, got.max_drawdown_trough_index) == (1, 2)
    assert got.max_drawdown_recovery_index is None


def test_an_intercept_of_total_loss_does_not_compound() -> None:
    """Alpha below -100 % a period has no power: unknown, while the simple one stands."""
    got = series_statistics(returns=[-1.0, -0.9, -0.8], benchmark=[0.2, 0.3, 0.4])
    assert got.alpha_per_period == pytest.approx(-1.2)
    assert got.alpha_annual_compound is None
    assert got.alpha_annual_simple == pytest.approx(-1.2 * 252)
    every_time = series_statistics(returns=[-1.0, -1.0, -1.0], benchmark=[0.2, 0.3, 0.4])
    assert (every_time.alpha_per_period, every_time.alpha_annual_compound) == (-1.0, None)


@pytest.mark.parametrize("n", [1, 2, 20, 21, 41, 61, 100, 141, 281])
def test_the_tail_is_at_or_below_the_quantile_at_every_length(n: int) -> None:
    returns = [Fraction(k * 7 % n - n // 2, 10 * n) for k in range(n)]
    ordered = sorted(returns)
    place = Fraction(5 * (n - 1), 100)
    low = int(place)
    quantile = ordered[low] + (place - low) * (ordered[min(low + 1, n - 1)] - ordered[low])
    tail = [value for value in ordered if value <= quantile]
    got = series_statistics(returns=[float(value) for value in returns])
    assert got.var_95_historical_linear == pytest.approx(float(quantile), rel=1e-12, abs=1e-16)
    assert got.cvar_95_mean_of_tail_le_var == pytest.approx(float(sum(tail) / len(tail)), rel=1e-12, abs=1e-16)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"returns": [[0.1], [0.2]]}, "shape"),
        ({"returns": [0.1, math.nan, 0.2]}, r"returns\[1\] is nan"),
        ({"returns": [0.1, math.inf]}, r"returns\[1\] is inf"),
        ({"returns": [0.1, -1.5]}, r"returns\[1\] is -1.5"),
        ({"returns": [0.1, 0.2], "benchmark": [0.1]}, "2 returns against 1"),
        ({"returns": [0.1, 0.2], "benchmark": [0.1, math.nan]}, r"benchmark returns\[1\]"),
    ],
)
def test_a_series_that_cannot_be_measured_is_refused_by_name(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(PerformanceError, match=says):
        series_statistics(**wrong)


def test_no_trades_have_counts_and_sums_but_no_rates() -> None:
    got = trade_statistics(pnl=[])
    known = {name: value for name, value in got._asdict().items() if value is not None}
    assert set(known.values()) == {0}
    assert {"trades", "net", "gross_profit", "gross_loss", "max_drawdown_dollars"} <= set(known)
    assert got.win_rate_all is got.profit_factor is got.expectancy is got.largest_loss is None


def test_decimals_of_the_ledger_are_summed_to_the_cent() -> None:
    cents = [Decimal("0.10"), Decimal("0.20"), Decimal("-0.30")]
    got = trade_statistics(pnl=cents)
    assert (got.net, got.profit_factor, got.max_drawdown_dollars) == (0.0, 1.0, -0.3)
    assert trade_statistics(pnl=[0.1, 0.2, -0.3]).net != 0.0  # what floats cannot say


def test_a_scratch_is_a_trade_but_neither_a_win_nor_part_of_a_streak() -> None:
    got = trade_statistics(pnl=[5.0, 5.0, 0.0, 5.0, -1.0, 0.0, -1.0])
    assert (got.wins, got.losses, got.scratches) == (3, 2, 2)
    assert (got.longest_win_streak, got.longest_loss_streak) == (2, 1)
    assert got.win_rate_all == pytest.approx(3 / 7)
    assert got.win_rate_excl_scratch == pytest.approx(3 / 5)


def test_a_drawdown_of_trades_starts_at_nothing() -> None:
    assert trade_statistics(pnl=[-50.0, 20.0, -30.0, 100.0]).max_drawdown_dollars == -60.0


@given(CENTS)
def test_trade_figures_agree_with_plain_counting(cents: list[int]) -> None:
    got = trade_statistics(pnl=[Decimal(cent).scaleb(-2) for cent in cents])
    assert got.net == sum(cents) / 100
    assert got.trades == got.wins + got.losses + got.scratches == len(cents)
    assert got.gross_profit == sum(c for c in cents if c > 0) / 100
    runs = "".join("w" if c > 0 else "l" if c < 0 else "s" for c in cents)
    assert got.longest_win_streak == max(map(len, runs.replace("l", "s").split("s")), default=0)
    assert got.longest_loss_streak == max(map(len, runs.replace("w", "s").split("s")), default=0)
    path = np.cumsum([0, *cents])
    assert got.max_drawdown_dollars == int((path - np.maximum.accumulate(path)).min()) / 100


@given(CENTS)
def test_five_times_every_trade_is_five_times_the_money_and_the_same_rates(cents: list[int]) -> None:
    one, five = (trade_statistics(pnl=[Decimal(k * cent) for cent in cents])._asdict() for k in (1, 5))
    money = {"net", "gross_profit", "gross_loss", "average_win", "average_loss", "expectancy", "max_drawdown_dollars"}
    for name in money | {"largest_win", "largest_loss"}:
        want = None if one[name] is None else pytest.approx(5.0 * one[name], rel=1e-14)
        assert five[name] == want, name
    for name in set(one) - money - {"largest_win", "largest_loss"}:
        assert five[name] == one[name], name


@given(CENTS)
def test_expectancy_is_the_rates_times_the_averages(cents: list[int]) -> None:
    got = trade_statistics(pnl=[float(cent) for cent in cents])
    if got.expectancy is None:
        assert not cents
        return
    rates = got.wins * (got.average_win or 0.0) - got.losses * (got.average_loss or 0.0)
    assert got.expectancy == pytest.approx(rates / got.trades, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("unknown", [math.nan, math.inf, Decimal("NaN"), Decimal("-Infinity"), 1.8e308])
def test_a_trade_without_a_result_is_refused_by_its_place(unknown: Decimal | float) -> None:
    with pytest.raises(PerformanceError, match="trade 1 has the result"):
        trade_statistics(pnl=[1.0, unknown])


def test_field_names_are_those_of_the_reference(reference: dict[str, Any]) -> None:
    """Others look figures up by these names."""
    assert set(SeriesStatistics._fields) == set(reference["series"][0]["by_hand"])
    assert set(TradeStatistics._fields) == set(reference["trade_lists"][0]["stats"])
