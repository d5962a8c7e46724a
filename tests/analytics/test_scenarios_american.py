"""American rows in scenarios: no shock still exactly nothing, never worth less than European, exercise at the ends."""

from typing import Any

import numpy as np
import pytest

from analytics.american import american_first_order, american_price
from analytics.book import BookArrays, Model, PositionColumns, UnderlyingColumns
from analytics.scenarios import (
    SpotVolBeta,
    VolDynamics,
    book_smiles,
    expiration_curve,
    expiry_ladder,
    greeks_at_slices,
    pnl_curve,
    pnl_grid,
    stress_ladder,
)
from tests.analytics.scenario_kit import DAY, INDEX, NOW, options, part_of

SHIFTS = np.linspace(-0.2, 0.2, 9)


def mixed_book(count: int = 40, seed: int = 3) -> BookArrays:
    """American and European options on a stock and a future, and shares."""
    dice = np.random.default_rng(seed)
    at = dice.integers(0, 2, count)
    spots = np.array([226.5, 6021.0])
    model = np.where(at == 0, Model.BSM, Model.BLACK76)
    model[:3] = Model.LINEAR
    return BookArrays(
        PositionColumns(
            quantity=dice.integers(1, 6, count) * dice.choice([-1.0, 1.0], count),
            multiplier=100.0,
            model=model,
            underlying=at,
            strike=spots[at] * dice.uniform(0.8, 1.2, count),
            expiry_epoch_s=NOW + DAY * dice.integers(1, 120, count),
            is_call=dice.random(count) < 0.5,
            rate=0.045,
            dividend_yield=0.012,
            vol=dice.uniform(0.1, 0.5, count),
            is_american=dice.random(count) < 0.7,
        ),
        UnderlyingColumns(("AAPL", "/ESM6"), spots, [1.24, 1.0]),
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("answering", [False, True])
def test_no_shock_is_exactly_nothing(seed: int, answering: bool) -> None:
    book = mixed_book(seed=seed)
    dynamics = VolDynamics()
    if answering:
        dynamics = VolDynamics(smile=book_smiles(book, now_epoch_s=NOW), response=SpotVolBeta(1.5, 1.0))
    spots = [-0.1, 0.0, 0.03]
    grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=spots, vol_shifts=[0.0, 0.1], dynamics=dynamics)
    assert grid.pnl[0, 0, 1] == 0.0
    slices = greeks_at_slices(book, now_epoch_s=NOW, index_price=INDEX, spot_shifts=spots, dynamics=dynamics)
    assert slices.pnl[1] == 0.0
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=INDEX, spot_shifts=spots, dynamics=dynamics)
    assert (ladder.pnl_by_underlying[1] == 0.0).all()


def test_a_cell_is_the_difference_of_two_american_prices() -> None:
    book = options([100.0, 110.0], calls=[False, False], quantity=[2.0, -1.0], american=True, rate=0.05)
    grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=[-0.05], vol_shifts=[0.03], days_forward=[9.0])
    terms: dict[str, Any] = {"strike": book.strike, "rate": 0.05, "dividend_yield": 0.01, "is_call": False}
    then = american_price(spot=95.0, t_years=21 / 365, vol=0.23, precise=True, **terms)
    now = american_price(spot=100.0, t_years=30 / 365, vol=0.2, precise=True, **terms)
    assert grid.pnl[0, 0, 0] == pytest.approx(float(((then - now) * [200.0, -100.0]).sum()), rel=1e-12)


def test_slices_and_curve_agree_and_the_greeks_are_american() -> None:
    book = mixed_book()
    table = greeks_at_slices(book, now_epoch_s=NOW, index_price=INDEX, spot_shifts=SHIFTS, vol_shift=0.02)
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=SHIFTS, vol_shift=0.02)
    # The slices' Greeks come with a price of fewer nodes: the same to a ten-millionth of what is held.
    assert table.pnl == pytest.approx(curve.pnl, abs=1e-7 * float(np.abs(book.quantity * 100.0 * 6021.0).sum()))
    lone = options([110.0], american=True, rate=0.05)
    one = greeks_at_slices(lone, now_epoch_s=NOW, index_price=100.0, spot_shifts=[0.02])
    unit = american_first_order(
        spot=102.0, strike=110.0, t_years=30 / 365, rate=0.05, dividend_yield=0.01, vol=0.2, is_call=False
    )
    assert one.vega_per_point[0] == pytest.approx(100.0 * float(unit.vega_per_point), rel=1e-12)
    assert one.spx_equiv_delta[0] == pytest.approx(100.0 * float(unit.delta), rel=1e-12)


def test_a_long_american_put_keeps_at_least_its_intrinsic_value_and_its_european_twin_s() -> None:
    shifts = np.linspace(-1.0, 0.3, 27)
    held, twin = (options([100.0, 120.0], american=early, rate=0.06) for early in (True, False))
    terms: dict[str, Any] = {"strike": held.strike, "rate": 0.06, "dividend_yield": 0.01, "is_call": False}
    now = american_price(spot=100.0, t_years=30 / 365, vol=0.2, **terms), twin.greeks(NOW, 100.0).price
    values = [
        100.0 * price.sum() + pnl_curve(book, now_epoch_s=NOW, spot_shifts=shifts).pnl
        for book, price in zip((held, twin), now, strict=True)
    ]
    spots = 100.0 * (1.0 + shifts)
    intrinsic = 100.0 * (np.maximum(100.0 - spots, 0.0) + np.maximum(120.0 - spots, 0.0))
    assert (values[0] >= intrinsic - 1e-6).all()
    assert (values[0] >= values[1] - 1e-6).all()
    assert values[0][0] == pytest.approx(22_000.0)


def test_past_its_expiry_it_is_worth_its_intrinsic_value() -> None:
    book = mixed_book()
    late = pnl_curve(book, now_epoch_s=NOW, spot_shifts=SHIFTS, days_forward=200.0).pnl
    assert late == pytest.approx(expiration_curve(book, now_epoch_s=NOW, spot_shifts=SHIFTS).pnl, rel=1e-12)


def test_pieces_add_up_and_rungs_too() -> None:
    book = mixed_book()
    whole = pnl_curve(book, now_epoch_s=NOW, spot_shifts=SHIFTS).pnl
    halves = (part_of(book, rows) for rows in (slice(0, 9), slice(9, None)))
    pieces = [pnl_curve(half, now_epoch_s=NOW, spot_shifts=SHIFTS).pnl for half in halves]
    assert sum(pieces) == pytest.approx(whole, rel=1e-10, abs=1e-6)
    rungs = expiry_ladder(book, now_epoch_s=NOW, index_price=INDEX, spot_shifts=SHIFTS)
    shares = pnl_curve(book, now_epoch_s=NOW, spot_shifts=SHIFTS, rows=book.model == Model.LINEAR).pnl
    assert rungs.pnl.sum(axis=0) + shares == pytest.approx(whole, rel=1e-10, abs=1e-6)


def test_the_time_value_of_a_put_that_should_be_exercised_is_nothing() -> None:
    rungs = expiry_ladder(options([200.0], american=True, rate=0.06), now_epoch_s=NOW, index_price=100.0)
    assert rungs.extrinsic[0] == pytest.approx(0.0, abs=1e-9)


def test_rates_that_no_engine_prices_leave_the_position_out() -> None:
    """A put at -2 % with a yield of -3 % has two exercise boundaries."""
    book = options([100.0, 90.0], american=True, rate=-0.02, dividend_yield=-0.03)
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[-0.1])
    assert (curve.excluded_count, curve.pnl.tolist()) == (2, [0.0])
