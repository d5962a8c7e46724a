"""P&L and Greeks of a frozen book after a shock, summed per group: first-order values of every contract in every cell.

European P&L comes from the price kernel, as in every grid. American rows are valued once for both: their exercise
boundary is by far the dearest part, so the price that comes with the Greeks is used and compared with today's price
from the same function.
"""

from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from analytics.american import american_first_order
from analytics.black_scholes import FirstOrderValues, Floats, bsm_first_order
from analytics.scenarios.columns import Frozen, Options
from analytics.scenarios.kernel import VolField, intrinsic, prices_of
from analytics.scenarios.shocks import days_axis
from analytics.scenarios.values import add_rows, blocks, count_floored, grouped_pnl

_DAYS_PER_YEAR = 365.0
#: Greeks keep about twenty arrays alive, prices six.
_CELLS = 4_096


class GroupedGreeks(NamedTuple):
    """Totals [group, vol, spot] after the shock, whole positions.

    pnl: dollars against now. spx_equiv_delta, gamma: per point of the shifted index (NaN while the index is unknown
    or not positive). delta_dollars: dollars per 1.00 relative move of every underlying alike (delta x price).
    theta_per_day, vega_per_point: dollars per calendar day and per vol point. floored: valuations on a vol floor.
    """

    pnl: Floats
    spx_equiv_delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    delta_dollars: Floats
    floored: int


def index_levels(index_price: float, spots: Floats) -> Floats:
    """Levels of the index at relative shifts; NaN where it is unknown or would not be positive."""
    index = index_price * (1.0 + spots)
    return np.asarray(np.where((index > 0.0) & np.isfinite(index), index, np.nan))


def grouped_greeks(
    frozen: Frozen, spots: Floats, vols: Floats, days_forward: float, index_price: float
) -> GroupedGreeks:
    """P&L and Greeks of every group on spots x vols, `days_forward` calendar days from now."""
    index = index_levels(index_price, spots)
    quick = replace(frozen, american=frozen.american.take(slice(0)))
    made = grouped_pnl(quick, spots, vols, days_axis(days_forward))
    totals = [made.pnl[:, 0], *(np.zeros((frozen.groups, vols.size, spots.size)) for _ in range(5))]
    _add_linear(frozen, spots, index, totals)
    floored = made.floored + _add_american(frozen, (spots, vols), days_forward, index, totals)
    for rows, run in blocks(len(frozen.european), spots.size, _CELLS):
        part = frozen.european.take(rows)
        prices = prices_of(part, spots[run])
        field = VolField(part, spots[run], prices, frozen.moves.dynamics.response)
        for j, shift in enumerate(vols.tolist()):
            vol, _ = field.at(shift, frozen.moves.vol_mode)
            values = _unit_values(bsm_first_order, frozen, part, prices, vol, days_forward)
            _add_greeks(totals, (j, run), part, prices, index[run], values)
    pnl, delta, gamma, theta, vega, dollars = totals
    return GroupedGreeks(pnl, delta, gamma, theta, vega, dollars, floored)


def _add_american(
    frozen: Frozen, axes: tuple[Floats, Floats], days_forward: float, index: Floats, totals: list[Floats]
) -> int:
    spots, vols = axes
    moves, floored = frozen.moves, 0
    for rows, run in blocks(len(frozen.american), spots.size, _CELLS):
        part = frozen.american.take(rows)
        prices = prices_of(part, spots[run])
        field = VolField(part, spots[run], prices, moves.dynamics.response)
        exercised, now = intrinsic(part, prices), _american_today(frozen, part)
        live = part.days_left > days_forward
        for j, shift in enumerate(vols.tolist()):
            vol, held = field.at(shift, moves.vol_mode)
            values = _unit_values(american_first_order, frozen, part, prices, vol, days_forward)
            _add_greeks(totals, (j, run), part, prices, index[run], values)
            # A spot of 0 has no boundary to solve; exercise is open there as everywhere.
            add_rows(totals[0][:, j, run], np.maximum(values.price, exercised) - now, part)
            floored += count_floored(held, live, prices.shape[1])
    return floored


def _american_today(frozen: Frozen, options: Options) -> Floats:
    """Unit values [row, 1] with no shock."""
    still, zero = replace(options, extra=np.zeros(len(options))), np.zeros(1)
    prices = prices_of(still, zero)
    moves = frozen.moves
    vol, _ = VolField(still, zero, prices, moves.dynamics.response).at(0.0, moves.vol_mode)
    price = _unit_values(american_first_order, frozen, still, prices, vol, 0.0).price
    return np.maximum(price, intrinsic(still, prices))


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
    first_order: _FirstOrder, frozen: Frozen, options: Options, prices: Floats, vol: Floats, days_forward: float
) -> FirstOrderValues:
    """Unit values [row, spot]; handed over as [spot, row], where a vol per row needs one exercise boundary per row."""
    found = first_order(
        spot=prices.T,
        strike=options.strike,
        t_years=np.maximum(options.days_left - days_forward, 0.0) / _DAYS_PER_YEAR,
        rate=options.rate,
        dividend_yield=options.carry_yield,
        vol=vol.T if frozen.moves.dynamics.per_cell else vol[:, 0],
        is_call=options.is_call,
    )
    return FirstOrderValues(*(value.T for value in found))


def _add_greeks(
    totals: list[Floats],
    where: tuple[int, slice],
    options: Options,
    prices: Floats,
    index: Floats,
    values: FirstOrderValues,
) -> None:
    """Add whole positions of unit Greeks [row, spot] to the totals behind P&L."""
    ratio = options.beta[:, None] * prices / index
    weighed = (
        values.delta * ratio,
        values.gamma * ratio * ratio,
        values.theta_per_day,
        values.vega_per_point,
        values.delta * prices,
    )
    for total, value in zip(totals[1:], weighed, strict=True):
        add_rows(total[:, where[0], where[1]], value, options)


def _add_linear(frozen: Frozen, spots: Floats, index: Floats, totals: list[Floats]) -> None:
    linear = frozen.linear
    moved = linear.spot[:, None] * np.maximum(1.0 + linear.slope[:, None] * spots + linear.extra[:, None], 0.0)
    dollars = linear.units[:, None] * moved
    weighed = linear.beta[:, None] * dollars / index
    for row, group in enumerate(linear.group.tolist()):
        totals[1][group] += weighed[row]
        totals[5][group] += dollars[row]
