"""Greeks of a frozen book after a shock, summed per group: first-order values of every contract in every cell."""

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from analytics.american import american_first_order
from analytics.black_scholes import FirstOrderValues, Floats, bsm_first_order
from analytics.scenarios.columns import Frozen, Options
from analytics.scenarios.kernel import VolField, prices_of
from analytics.scenarios.values import blocks, group_starts

_DAYS_PER_YEAR = 365.0
#: Greeks keep about twenty arrays alive, prices six.
_CELLS = 4_096


class GroupedGreeks(NamedTuple):
    """Totals [group, vol, spot] after the shock, whole positions.

    spx_equiv_delta, gamma: per point of the shifted index (NaN while the index is unknown or not positive).
    delta_dollars: dollars per 1.00 relative move of every underlying alike (delta x price). theta_per_day,
    vega_per_point: dollars per calendar day and per vol point.
    """

    spx_equiv_delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    delta_dollars: Floats


def index_levels(index_price: float, spots: Floats) -> Floats:
    """Levels of the index at relative shifts; NaN where it is unknown or would not be positive."""
    index = index_price * (1.0 + spots)
    return np.asarray(np.where((index > 0.0) & np.isfinite(index), index, np.nan))


def grouped_greeks(
    frozen: Frozen, spots: Floats, vols: Floats, days_forward: float, index_price: float
) -> GroupedGreeks:
    """Greeks of every group on spots x vols, `days_forward` calendar days from now."""
    totals = tuple(np.zeros((frozen.groups, vols.size, spots.size)) for _ in range(5))
    index = index_levels(index_price, spots)
    _add_linear(frozen, spots, index, totals)
    for options, first_order in ((frozen.european, bsm_first_order), (frozen.american, american_first_order)):
        for rows, run in blocks(len(options), spots.size, _CELLS):
            part = options.take(rows)
            prices = prices_of(part, spots[run])
            ratio = part.beta[:, None] * prices / index[run]
            field = VolField(part, spots[run], prices, frozen.moves.dynamics.response)
            for j, shift in enumerate(vols.tolist()):
                vol, _ = field.at(shift, frozen.moves.vol_mode)
                values = _unit_values(first_order, part, prices, vol, days_forward)
                weighed = (
                    values.delta * ratio,
                    values.gamma * ratio * ratio,
                    values.theta_per_day,
                    values.vega_per_point,
                    values.delta * prices,
                )
                for total, value in zip(totals, weighed, strict=True):
                    _add(total[:, j, run], value, part)
    return GroupedGreeks(*totals)


class _FirstOrder(Protocol):
    """`bsm_first_order` or `american_first_order`."""

    def __call__(
        self,
        *,
        spot: npt.ArrayLike,
        strike: npt.ArrayLike,
        t_years: npt.ArrayLike,
        rate: npt.ArrayLike,
        dividend_yield: npt.ArrayLike,
        vol: npt.ArrayLike,
        is_call: npt.ArrayLike,
    ) -> FirstOrderValues: ...


def _unit_values(
    first_order: _FirstOrder, options: Options, prices: Floats, vol: Floats, days_forward: float
) -> FirstOrderValues:
    """Unit values [row, spot]; handed over as [spot, row], where a vol per row needs one exercise boundary per row."""
    found = first_order(
        spot=prices.T,
        strike=options.strike,
        t_years=np.maximum(options.days_left - days_forward, 0.0) / _DAYS_PER_YEAR,
        rate=options.rate,
        dividend_yield=options.carry_yield,
        vol=vol[:, 0] if vol.shape[1] == 1 else vol.T,
        is_call=options.is_call,
    )
    return FirstOrderValues(*(value.T for value in found))


def _add_linear(frozen: Frozen, spots: Floats, index: Floats, totals: tuple[Floats, ...]) -> None:
    linear = frozen.linear
    moved = linear.spot[:, None] * np.maximum(1.0 + linear.slope[:, None] * spots + linear.extra[:, None], 0.0)
    dollars = linear.units[:, None] * moved
    weighed = linear.beta[:, None] * dollars / index
    for row, group in enumerate(linear.group.tolist()):
        totals[0][group] += weighed[row]
        totals[4][group] += dollars[row]


def _add(out: Floats, values: npt.NDArray[np.float64], options: Options) -> None:
    """Add whole positions of unit values [row, spot] to `out` [group, spot]; the rows are sorted by group."""
    starts = group_starts(options.group)
    out[options.group[starts]] += np.add.reduceat(values * options.units[:, None], starts, axis=0)
