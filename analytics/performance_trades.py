"""Statistics of a list of closed trades, in exact arithmetic.

Every figure is a quotient of whole numbers, rounded once at the end: a sum of cents is that sum, whatever the order
and length of the list. Signs: a profit > 0, a loss < 0, a scratch is exactly 0. Losses are shown as positive sizes
where the name says loss (gross_loss, average_loss) and with their sign where it says worst (largest_loss).
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

_MAX_RESULT = 1e300  # a broker's unset 1.8e308 is no result


class PerformanceError(ValueError):
    """Figures that cannot be a record of returns or trades; the message says which entry and what to do."""


class TradeStatistics(NamedTuple):
    """Closed trades of one list; None = undefined for this list, never 0 or infinity in its stead.

    Money is in the money of the list. win_rate_all counts scratches as trades, win_rate_excl_scratch does not.
    profit_factor: gross_profit / gross_loss, None without a loss. payoff_ratio: average_win / average_loss.
    expectancy: net per trade, scratches included. max_drawdown_dollars: largest fall of the running sum below its
    highest point so far, 0 being the first, <= 0. A scratch ends a streak of either kind.
    """

    trades: int
    net: float
    gross_profit: float
    gross_loss: float
    wins: int
    losses: int
    scratches: int
    win_rate_all: float | None
    win_rate_excl_scratch: float | None
    average_win: float | None
    average_loss: float | None
    profit_factor: float | None
    expectancy: float | None
    payoff_ratio: float | None
    max_drawdown_dollars: float
    longest_win_streak: int
    longest_loss_streak: int
    largest_win: float | None
    largest_loss: float | None


def trade_statistics(*, pnl: Sequence[Decimal | float]) -> TradeStatistics:
    """Statistics of closed trades in the order in which they were closed.

    pnl: profit or loss of each trade after costs, Decimal or float, one per trade (a spread is one trade, not one per
    leg). Raises PerformanceError when one is not a number.
    """
    units, scale = _whole_numbers(pnl)
    profits, losses = [u for u in units if u > 0], [-u for u in units if u < 0]
    gain, loss, count, decided = sum(profits), sum(losses), len(units), len(profits) + len(losses)
    return TradeStatistics(
        trades=count,
        net=(gain - loss) / scale,
        gross_profit=gain / scale,
        gross_loss=loss / scale,
        wins=len(profits),
        losses=len(losses),
        scratches=count - decided,
        win_rate_all=_ratio(len(profits), count),
        win_rate_excl_scratch=_ratio(len(profits), decided),
        average_win=_ratio(gain, len(profits) * scale),
        average_loss=_ratio(loss, len(losses) * scale),
        profit_factor=_ratio(gain, loss),
        expectancy=_ratio(gain - loss, count * scale),
        payoff_ratio=_ratio(gain * len(losses), loss * len(profits)),
        max_drawdown_dollars=_deepest_fall(units) / scale,
        longest_win_streak=_longest_streak(u > 0 for u in units),
        longest_loss_streak=_longest_streak(u < 0 for u in units),
        largest_win=max(profits) / scale if profits else None,
        largest_loss=-max(losses) / scale if losses else None,
    )


def _whole_numbers(pnl: Sequence[Decimal | float]) -> tuple[list[int], int]:
    """The entries as whole numbers of one common unit, and how many units make 1."""
    exact = []
    for index, value in enumerate(pnl):
        if not math.isfinite(value) or abs(float(value)) > _MAX_RESULT:
            raise PerformanceError(f"trade {index} has the result {value}: leave out trades without one.")
        exact.append(Fraction(value))
    scale = math.lcm(*(value.denominator for value in exact))
    return [value.numerator * (scale // value.denominator) for value in exact], scale


def _ratio(numerator: int, denominator: int) -> float | None:
    """Correctly rounded quotient; None when there is nothing to divide by or it is too large to hold."""
    try:
        return numerator / denominator
    except (ZeroDivisionError, OverflowError):
        return None


def _deepest_fall(units: Sequence[int]) -> int:
    running = list(accumulate(units, initial=0))
    return min(now - peak for now, peak in zip(running, accumulate(running, max), strict=True))


def _longest_streak(hits: Iterable[bool]) -> int:
    return max(accumulate(hits, lambda length, hit: length + 1 if hit else 0, initial=0))
