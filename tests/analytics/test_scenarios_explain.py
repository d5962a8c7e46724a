"""P&L explain: the parts add up to the truth, each part is its own doing, what cannot be split is listed."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.black_scholes import bsm
from analytics.scenarios import ExplainInputs, ExplainStatus, PnlParts, ScenarioError, pnl_explain, sum_by

pytestmark = pytest.mark.usefixtures("strict_floats")
PARTS = tuple(name for name in PnlParts._fields if name != "actual")


def added(parts: PnlParts) -> np.ndarray:
    return np.asarray(np.sum([getattr(parts, name) for name in PARTS], axis=0))


def snapshots(
    *, spot: float = 100.0, spot_end: float = 101.0, vol_end: float = 0.21, days: float = 1.0, **more: Any
) -> ExplainInputs:
    """A short and a long option and shares, priced at both ends."""
    strike, sides = np.array([95.0, 105.0]), np.array([False, True])
    held: dict[str, Any] = {"strike": strike, "rate": 0.03, "dividend_yield": 0.01, "is_call": sides}
    start = bsm(spot=spot, t_years=30 / 365, vol=0.2, **held)
    end = bsm(spot=spot_end, t_years=(30 - days) / 365, vol=vol_end, **held)
    inputs = ExplainInputs(
        quantity_start=[-2.0, 3.0, 50.0],
        quantity_end=[-2.0, 3.0, 50.0],
        multiplier=[100.0, 100.0, 1.0],
        price_start=[*start.price, spot],
        price_end=[*end.price, spot_end],
        spot_start=spot,
        spot_end=spot_end,
        vol_start=[0.2, 0.2, np.nan],
        vol_end=[vol_end, vol_end, np.nan],
        days=days,
        delta=[*start.delta, 1.0],
        gamma=[*start.gamma, 0.0],
        theta_per_day=[*start.theta_per_day, 0.0],
        vega_per_point=[*start.vega_per_point, 0.0],
        vanna=[*start.vanna, 0.0],
        volga=[*start.volga, 0.0],
    )
    return replace(inputs, **more)


money = st.floats(-1e6, 1e6)
figure = st.one_of(st.floats(-100.0, 100.0), st.just(float("nan")), st.just(0.0))


@given(st.data(), st.integers(1, 6))
def test_the_parts_of_every_row_and_total_add_up_to_what_it_made(data: st.DataObject, count: int) -> None:
    def column(values: st.SearchStrategy[float]) -> list[float]:
        return data.draw(st.lists(values, min_size=count, max_size=count))

    quantity = st.sampled_from([-7.0, -1.0, 0.0, 0.0, 3.0])
    drawn = {field.name: column(figure) for field in fields(ExplainInputs)}
    drawn.update(quantity_start=column(quantity), quantity_end=column(quantity), multiplier=[100.0] * count)
    found = pnl_explain(ExplainInputs(**drawn))
    known = found.status != ExplainStatus.NO_PRICE
    split = found.status == ExplainStatus.EXPLAINED
    whole = np.nansum([getattr(found.rows, name) for name in PARTS], axis=0)
    scale = 1e-9 * np.nansum([np.abs(getattr(found.rows, name)) for name in PARTS], axis=0) + 1e-9
    assert (np.abs(whole - found.rows.actual)[known] <= scale[known]).all()
    assert np.isnan(found.rows.actual[~known]).all()
    assert all(np.isfinite(getattr(found.rows, name)[split]).all() for name in PARTS)
    assert added(found.totals)[0] == pytest.approx(found.totals.actual[0], abs=float(scale.sum()))
    assert found.totals.actual[0] == pytest.approx(np.nansum(found.rows.actual), abs=float(scale.sum()))


def test_what_was_made_is_value_now_less_value_then_less_cash_paid() -> None:
    inputs = snapshots()
    found = pnl_explain(inputs)
    made = np.asarray(inputs.quantity_start) * inputs.multiplier * (np.asarray(inputs.price_end) - inputs.price_start)
    assert found.rows.actual == pytest.approx(made)
    assert found.status.tolist() == [0, 0, 0]
    assert found.rows.trades == pytest.approx([0.0] * 3, abs=1e-9)


def test_a_day_is_explained_to_a_few_per_cent_and_better_with_the_second_order() -> None:
    full = pnl_explain(snapshots())
    first = pnl_explain(snapshots(vanna=None, volga=None))
    assert abs(full.totals.residual[0]) < abs(first.totals.residual[0])
    assert abs(full.totals.residual[0]) < 0.03 * np.abs([full.totals.delta[0], full.totals.vega[0]]).max()
    assert (first.rows.vanna == 0.0).all()


def test_the_residual_is_of_third_order() -> None:
    """Half the move, an eighth of what is missed; time and vol held."""
    residuals = [
        pnl_explain(snapshots(spot_end=100.0 + step, vol_end=0.2, days=0.0)).totals.residual[0] for step in (1.0, 0.5)
    ]
    assert residuals[0] / residuals[1] == pytest.approx(8.0, rel=0.15)


@pytest.mark.parametrize(
    ("moved", "part"),
    [
        ({"spot_end": 100.01, "vol_end": 0.2, "days": 0.0}, "delta"),
        ({"spot_end": 100.0, "vol_end": 0.2001, "days": 0.0}, "vega"),
        ({"spot_end": 100.0, "vol_end": 0.2, "days": 0.01}, "theta"),
    ],
)
def test_when_one_thing_moves_its_greek_explains_it(moved: dict[str, Any], part: str) -> None:
    found = pnl_explain(snapshots(**moved))
    assert getattr(found.totals, part)[0] == pytest.approx(found.totals.actual[0], rel=5e-3)
    others = [name for name in PARTS if name not in {part, "gamma", "residual", "volga"}]
    assert all(getattr(found.totals, name)[0] == pytest.approx(0.0, abs=1e-9) for name in others)


def test_by_hand() -> None:
    """-2 x 100: delta -0.3 x 2 points, gamma 0.02, theta -0.05 x 3 days, vega 0.1 x 1.5 points."""
    found = pnl_explain(
        ExplainInputs(
            quantity_start=-2.0,
            quantity_end=-2.0,
            multiplier=100.0,
            price_start=4.0,
            price_end=3.4,
            spot_start=100.0,
            spot_end=102.0,
            vol_start=0.2,
            vol_end=0.215,
            days=3.0,
            delta=-0.3,
            gamma=0.02,
            theta_per_day=-0.05,
            vega_per_point=0.1,
        )
    ).rows
    got = [part[0] for part in found]
    # actual, delta, gamma, theta, vega, vanna, volga, trades, residual, unexplained
    assert got == pytest.approx([120.0, 120.0, -8.0, 30.0, -30.0, 0.0, 0.0, 0.0, 8.0, 0.0])


def test_trades_stand_apart_from_what_was_held() -> None:
    """Three more bought at 2.00, marked at 2.50: the trade made 150 less 4.50 of fees, the rest is as without it."""
    base = snapshots()
    bought = replace(base, quantity_end=[-2.0, 6.0, 50.0], trade_cash=[0.0, 604.5, 0.0])
    before, after = pnl_explain(base), pnl_explain(bought)
    mark = np.asarray(base.price_end)[1]
    assert after.rows.trades[1] == pytest.approx(300.0 * mark - 604.5)
    for name in ("delta", "gamma", "theta", "vega", "residual"):
        assert getattr(after.rows, name) == pytest.approx(getattr(before.rows, name))


def test_a_new_position_needs_no_start_and_a_closed_one_no_end() -> None:
    nan = np.nan
    found = pnl_explain(
        ExplainInputs(
            quantity_start=[0.0, -1.0],
            quantity_end=[1.0, 0.0],
            multiplier=100.0,
            price_start=[nan, 5.0],
            price_end=[2.5, nan],
            spot_start=[nan, 100.0],
            spot_end=[101.0, nan],
            vol_start=[nan, 0.2],
            vol_end=[0.2, nan],
            days=1.0,
            delta=[nan, 0.4],
            gamma=[nan, 0.02],
            theta_per_day=[nan, -0.1],
            vega_per_point=[nan, 0.2],
            trade_cash=[200.0, 320.0],
        )
    )
    assert found.status.tolist() == [0, 0]
    assert found.rows.actual == pytest.approx([50.0, 180.0])
    assert found.rows.trades == pytest.approx([50.0, 180.0])


def test_a_position_closed_at_a_known_mark_is_explained_up_to_the_trade() -> None:
    found = pnl_explain(replace(snapshots(), quantity_end=[0.0, 3.0, 50.0], trade_cash=[120.0, 0.0, 0.0]))
    inputs = snapshots()
    price = np.asarray(inputs.price_end)[0]
    assert found.rows.trades[0] == pytest.approx(200.0 * price - 120.0)
    assert found.rows.delta[0] != 0.0


def test_rows_without_a_price_or_a_greek_are_listed_not_zeroed() -> None:
    base = snapshots()
    prices, vols = np.array(base.price_end), np.array(base.vol_end)
    prices[2], vols[0] = np.nan, np.nan
    found = pnl_explain(replace(base, price_end=prices, vol_end=vols))
    assert (found.no_price.tolist(), found.no_greeks.tolist()) == ([2], [0])
    assert np.isnan(found.rows.actual[2])
    assert np.isnan(found.rows.delta[0])
    assert found.rows.unexplained[0] == found.rows.actual[0]
    assert found.totals.actual[0] == pytest.approx(found.rows.actual[:2].sum())
    assert found.totals.unexplained[0] == found.rows.actual[0]
    assert added(found.totals)[0] == pytest.approx(found.totals.actual[0])


def test_unknown_cash_of_a_trade_makes_the_row_unknown() -> None:
    found = pnl_explain(replace(snapshots(), quantity_end=[-3.0, 3.0, 50.0], trade_cash=[np.nan, 0.0, 0.0]))
    assert found.no_price.tolist() == [0]


def test_sums_by_group_add_up_to_the_total() -> None:
    found = pnl_explain(snapshots())
    grouped = sum_by(found.rows, group=[0, 0, 1], groups=3)
    for total, parts in zip(found.totals, grouped, strict=True):
        assert parts.sum() == pytest.approx(total[0], abs=1e-9)
        assert parts[2] == 0.0
    assert grouped.actual[1] == pytest.approx(50.0)


def test_five_times_the_position_is_five_times_every_part() -> None:
    one = snapshots()
    five = replace(one, quantity_start=[-10.0, 15.0, 250.0], quantity_end=[-10.0, 15.0, 250.0])
    for a, b in zip(pnl_explain(one).rows, pnl_explain(five).rows, strict=True):
        assert b == pytest.approx(5.0 * a, rel=1e-9, abs=1e-8)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ScenarioError, match="differ in length"):
        pnl_explain(replace(snapshots(), delta=[0.1, 0.2]))


def test_nothing_held_and_nothing_traded_made_nothing() -> None:
    empty = ExplainInputs(*([[]] * 14))
    found = pnl_explain(replace(empty, trade_cash=[]))
    assert found.totals.actual.tolist() == [0.0]
    assert found.status.size == 0
