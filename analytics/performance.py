"""Performance of a series of periodic returns, and of a list of closed trades (`trade_statistics`).

Conventions
    returns are simple and periodic; wealth W0 = 1, W_i = W_{i-1} (1 + r_i), so drawdowns are of compounded equity
    252 periods a year unless told otherwise; annualised by x 252 (means), x sqrt(252) (deviations), power (growth)
    standard deviations are of a sample (n - 1); skew and kurtosis are of the population (n), kurtosis less 3
    the downside deviation is the root mean square of min(r - rf, 0) over ALL n periods
    value at risk is the historical 5 % quantile, interpolated (h = (n - 1) x 5 %), and conditional value at risk the
    mean of the returns at or below it; both are returns, negative for a loss

Where libraries differ, the app follows
    Sortino        over all n periods (empyrical, quantstats); `sortino_negatives_only_stdev` is the other reading
    alpha          `alpha_annual_compound` (empyrical) and `alpha_annual_simple` (quantstats), each by name
    win rate       `win_rate_excluding_flats` (quantstats) and `win_rate_including_flats`, each by name
    VaR, CVaR      historical (empyrical); quantstats takes a normal's quantile and tail mean, which hide the tail a
                   seller of premium lives with
    information    annual; empyrical and quantstats show it per period
    skew, kurtosis of the population; quantstats shows the bias-adjusted sample figures
    no losses      profit factor, payoff and omega are undefined (None), not 0 and not a large number
Growth is summed in logarithms with the rounding errors carried along, so that a small total over many periods keeps
its digits. All work is in float64 and off the live path.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Floats
from analytics.performance_trades import PerformanceError, TradeStatistics, trade_statistics

__all__ = [
    "PERIODS_PER_YEAR",
    "PerformanceError",
    "SeriesStatistics",
    "TradeStatistics",
    "series_statistics",
    "trade_statistics",
]

PERIODS_PER_YEAR = 252
TAIL = 0.05
_MAX_RETURN = 1e60  # the fourth power of it still fits
_EPS = float(np.finfo(np.float64).eps)


class SeriesStatistics(NamedTuple):
    """Figures of one series; None = undefined for this series (too short, no losses, no benchmark, no movement).

    Rates and ratios are pure numbers, 0.05 = 5 %. `_annual` figures are per year, the others per period or over the
    whole series. Drawdown indices count wealth, 0 = the start; peak and trough are None without a drawdown, recovery
    is None while wealth is below the peak. gross_profit, gross_loss: sums of positive and of negative returns, both
    >= 0. omega_0 is the profit factor under its other name. expectancy_per_period is the mean, and so is
    expectancy_from_rates (win rate x average win - loss rate x average loss, flats counted: the same by algebra).
    beta to information_ratio_annual need a benchmark.
    """

    n: int
    total_return: float | None
    mean: float | None
    stdev_ddof1: float | None
    volatility_annual: float | None
    sharpe: float | None
    downside_deviation_full_n: float | None
    sortino: float | None
    sortino_negatives_only_stdev: float | None
    max_drawdown: float | None
    max_drawdown_peak_index: int | None
    max_drawdown_trough_index: int | None
    max_drawdown_recovery_index: int | None
    cagr: float | None
    calmar: float | None
    best: float | None
    worst: float | None
    wins: int
    losses: int
    flats: int
    win_rate_excluding_flats: float | None
    win_rate_including_flats: float | None
    gross_profit: float
    gross_loss: float
    profit_factor: float | None
    average_win: float | None
    average_loss: float | None
    payoff_ratio: float | None
    expectancy_per_period: float | None
    expectancy_from_rates: float | None
    skew_population: float | None
    kurtosis_excess_population: float | None
    omega_0: float | None
    var_95_historical_linear: float | None
    cvar_95_mean_of_tail_le_var: float | None
    beta: float | None
    alpha_per_period: float | None
    alpha_annual_compound: float | None
    alpha_annual_simple: float | None
    correlation: float | None
    tracking_error_annual: float | None
    information_ratio_annual: float | None


class _LogWealth(NamedTuple):
    """Logarithm of wealth as two numbers each: their sum, and what it rounded away."""

    rounded: Floats
    carried: Floats

    def above(self, index: npt.NDArray[np.intp] | int) -> Floats:
        """How far each lies above the entry (or its own entry) of `index`, to the last digit of the steps between."""
        return (self.rounded - self.rounded[index]) + (self.carried - self.carried[index])


class _Drawdown(NamedTuple):
    depth: float | None
    peak: int | None
    trough: int | None
    recovery: int | None


class _WinsAndLosses(NamedTuple):
    """Fields of `SeriesStatistics`: counts, rates and averages of the periods that gained and that lost."""

    wins: int
    losses: int
    flats: int
    win_rate_excluding_flats: float | None
    win_rate_including_flats: float | None
    gross_profit: float
    gross_loss: float
    profit_factor: float | None
    omega_0: float | None
    average_win: float | None
    average_loss: float | None
    payoff_ratio: float | None


class _Against(NamedTuple):
    """Fields of `SeriesStatistics` that need a benchmark."""

    beta: float | None = None
    alpha_per_period: float | None = None
    alpha_annual_compound: float | None = None
    alpha_annual_simple: float | None = None
    correlation: float | None = None
    tracking_error_annual: float | None = None
    information_ratio_annual: float | None = None


def series_statistics(
    *,
    returns: npt.ArrayLike,
    benchmark: npt.ArrayLike | None = None,
    periods_per_year: float = PERIODS_PER_YEAR,
    risk_free_per_period: float = 0.0,
) -> SeriesStatistics:
    """Statistics of simple periodic returns, oldest first, and of their relation to a benchmark's.

    returns, benchmark: shape (n,), 0.01 = 1 %, the same periods. risk_free_per_period is taken off before Sharpe and
    Sortino, and off both sides before alpha and beta. Raises PerformanceError for shapes that differ, an entry that is
    not a number, or a return below -100 % (wealth below nothing cannot compound).
    """
    r = _checked("returns", returns)
    log_wealth = _log_wealth(r)
    excess, n = r - risk_free_per_period, r.size
    fall, growth = _drawdown(log_wealth), float(log_wealth.rounded[-1] + log_wealth.carried[-1])
    cagr = math.expm1(periods_per_year / n * growth) if n else None
    year = math.sqrt(periods_per_year)
    mean, stdev = _mean(r), _stdev(r)
    mean_excess = _mean(excess)
    downside = None if n == 0 else math.sqrt(math.fsum(np.minimum(excess, 0.0) ** 2) / n) * year
    below = _stdev(excess[excess < 0.0])
    skew, kurtosis = _shape(r)
    var, cvar = _tail(r)
    against = _Against() if benchmark is None else _against(r, benchmark, periods_per_year, risk_free_per_period)
    return SeriesStatistics(
        n=n,
        total_return=math.expm1(growth) if n else None,
        mean=mean,
        stdev_ddof1=stdev,
        volatility_annual=_scaled(stdev, year),
        sharpe=_scaled(_over(mean_excess, stdev), year),
        downside_deviation_full_n=downside,
        sortino=_scaled(_over(mean_excess, downside), periods_per_year),
        sortino_negatives_only_stdev=_scaled(_over(mean_excess, below), year),
        max_drawdown=fall.depth,
        max_drawdown_peak_index=fall.peak,
        max_drawdown_trough_index=fall.trough,
        max_drawdown_recovery_index=fall.recovery,
        cagr=cagr,
        calmar=_over(cagr, None if fall.depth is None else -fall.depth),
        best=float(r.max()) if n else None,
        worst=float(r.min()) if n else None,
        **_wins_and_losses(r)._asdict(),
        expectancy_per_period=mean,
        expectancy_from_rates=mean,
        skew_population=skew,
        kurtosis_excess_population=kurtosis,
        var_95_historical_linear=var,
        cvar_95_mean_of_tail_le_var=cvar,
        **against._asdict(),
    )


def _checked(name: str, given: npt.ArrayLike) -> Floats:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1:
        raise PerformanceError(f"{name} have the shape {values.shape}: give one number per period, in one row.")
    bad = np.flatnonzero(~((values >= -1.0) & (values <= _MAX_RETURN)))
    if bad.size:
        raise PerformanceError(
            f"{name}[{bad[0]}] is {values[bad[0]]}: a return is a number, not below -1 (-100 %), not absurd. "
            "Leave out periods without one, and measure an account that went below nothing in dollars."
        )
    return values


def _log_wealth(r: Floats) -> _LogWealth:
    """Logarithm of wealth, n + 1 entries from 0; -inf from a total loss on."""
    alive = np.cumprod(r > -1.0) > 0
    steps = np.log1p(np.where(alive, r, 0.0))
    rounded = np.concatenate(([0.0], np.cumsum(steps)))
    # What each addition rounded away (Knuth's two-sum), summed up.
    back = rounded[1:] - rounded[:-1]
    lost = (rounded[:-1] - (rounded[1:] - back)) + (steps - back)
    rounded[1:][~alive] = -np.inf
    return _LogWealth(rounded, np.concatenate(([0.0], np.cumsum(lost))))


def _drawdown(wealth: _LogWealth) -> _Drawdown:
    total = wealth.rounded + wealth.carried
    if total.size == 1:
        return _Drawdown(None, None, None, None)
    higher = np.concatenate(([True], total[1:] > np.maximum.accumulate(total)[:-1]))
    peak_of = np.maximum.accumulate(np.where(higher, np.arange(total.size), 0))
    falls = wealth.above(peak_of)
    trough = int(falls.argmin())
    if falls[trough] >= 0.0:
        return _Drawdown(0.0, None, None, None)
    peak = int(peak_of[trough])
    # Wealth that is back at the peak to the last digits is back, whichever way the rounding went.
    back = np.flatnonzero(wealth.above(peak)[trough:] >= -4.0 * _EPS * total.size)
    return _Drawdown(math.expm1(falls[trough]), peak, trough, trough + int(back[0]) if back.size else None)


def _wins_and_losses(r: Floats) -> _WinsAndLosses:
    up, down = r[r > 0.0], r[r < 0.0]
    gain, loss, decided = math.fsum(up), math.fsum(-down), up.size + down.size
    average_win, average_loss = _over(gain, up.size), _over(loss, down.size)
    return _WinsAndLosses(
        wins=up.size,
        losses=down.size,
        flats=r.size - decided,
        win_rate_excluding_flats=_over(up.size, decided),
        win_rate_including_flats=_over(up.size, r.size),
        gross_profit=gain,
        gross_loss=loss,
        profit_factor=_over(gain, loss),
        omega_0=_over(gain, loss),
        average_win=average_win,
        average_loss=average_loss,
        payoff_ratio=_over(average_win, average_loss),
    )


def _shape(r: Floats) -> tuple[float | None, float | None]:
    """Population skew and excess kurtosis; None when nothing moves."""
    if _is_constant(r):
        return None, None
    centred = _centred(r)
    second, third, fourth = (math.fsum(centred**power) / r.size for power in (2, 3, 4))
    kurtosis = _over(fourth, second**2)
    return _over(third, second**1.5), None if kurtosis is None else kurtosis - 3.0


def _tail(r: Floats) -> tuple[float | None, float | None]:
    """Historical value at risk and the mean of what lies at or below it."""
    if r.size == 0:
        return None, None
    ordered = np.sort(r)
    place = (r.size - 1) * TAIL
    if abs(place - round(place)) < 1e-9:  # a whole place is an entry of the list, not a hair below it
        place = float(round(place))
    low = int(place)
    share = place - low
    var = float(ordered[low] + share * (ordered[min(low + 1, r.size - 1)] - ordered[low]))
    return var, _mean(ordered[ordered <= var])


def _against(r: Floats, benchmark: npt.ArrayLike, periods_per_year: float, risk_free: float) -> _Against:
    b = _checked("benchmark returns", benchmark)
    if b.size != r.size:
        raise PerformanceError(f"{r.size} returns against {b.size} of the benchmark: give the same periods of both.")
    mean, mean_b, stdev, stdev_b = _mean(r), _mean(b), _stdev(r), _stdev(b)
    if mean is None or mean_b is None or stdev is None or stdev_b is None:
        return _Against()
    active = r - b
    noise = 4.0 * _EPS * float(np.max(np.abs(r) + np.abs(b)))
    error = 0.0 if float(np.ptp(active)) <= noise else (_stdev(active) or 0.0)
    tracking = error * math.sqrt(periods_per_year)
    information = _scaled(_over(_mean(active), error), math.sqrt(periods_per_year))
    if stdev_b == 0.0:
        return _Against(tracking_error_annual=tracking, information_ratio_annual=information)
    x, y = _centred(b), _centred(r)
    xy, xx, yy = math.fsum(x * y), math.fsum(x * x), math.fsum(y * y)
    beta = xy / xx
    alpha = (mean - risk_free) - beta * (mean_b - risk_free)
    return _Against(
        beta=beta,
        alpha_per_period=alpha,
        alpha_annual_compound=math.expm1(periods_per_year * math.log1p(alpha)) if alpha > -1.0 else None,
        alpha_annual_simple=periods_per_year * alpha,
        correlation=_over(xy, 0.0 if stdev == 0.0 else math.sqrt(xx * yy)),
        tracking_error_annual=tracking,
        information_ratio_annual=information,
    )


def _mean(values: Floats) -> float | None:
    return math.fsum(values) / values.size if values.size else None


def _centred(values: Floats) -> Floats:
    """Values less their mean, and less what rounding left of it."""
    first = values - math.fsum(values) / values.size
    return first - math.fsum(first) / values.size


def _is_constant(values: Floats) -> bool:
    return values.size == 0 or float(values.min()) == float(values.max())


def _stdev(values: Floats) -> float | None:
    """Sample standard deviation; None for fewer than two, exactly 0 when nothing moves."""
    if values.size < 2:
        return None
    return 0.0 if _is_constant(values) else math.sqrt(math.fsum(_centred(values) ** 2) / (values.size - 1))


def _over(numerator: float | None, denominator: float | None) -> float | None:
    """Quotient; None when a side is unknown, there is nothing to divide by, or it is too large to hold."""
    quotient = None if numerator is None or not denominator else numerator / denominator
    return None if quotient is None or math.isinf(quotient) else quotient


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
