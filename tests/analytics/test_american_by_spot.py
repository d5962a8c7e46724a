"""Prices as a function of the spot: those of `american_price`, to the last bit, with the boundary solved once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.american import american_price, american_price_by_spot
from analytics.american_boundary import Boundary, solve
from analytics.american_equation import Exercise
from analytics.exercise import option_price, option_price_by_spot

SPOTS = np.concatenate(([1e-4, 1.0], np.linspace(40.0, 250.0, 331)))

contracts = st.fixed_dictionaries(
    {
        "strike": st.floats(50.0, 200.0),
        "t_years": st.floats(0.0, 3.0),
        "rate": st.floats(0.0, 0.1),
        "dividend_yield": st.floats(-0.05, 0.15),
        "vol": st.floats(0.02, 1.5),
        "is_call": st.booleans(),
    }
)


@given(contracts)
@settings(max_examples=60, deadline=None)
def test_every_spot_has_the_price_that_valuing_it_alone_gives(contract: dict[str, Any]) -> None:
    price = american_price_by_spot(**contract)
    whole = american_price(spot=SPOTS, **contract)
    np.testing.assert_array_equal(price(SPOTS), whole)
    assert float(price(97.3)) == pytest.approx(float(american_price(spot=97.3, **contract)), abs=1e-12)


@given(contracts, st.booleans())
@settings(max_examples=30, deadline=None)
def test_both_styles_have_their_own_price(contract: dict[str, Any], american: bool) -> None:
    price = option_price_by_spot(**contract, is_american=american)
    np.testing.assert_array_equal(price(SPOTS), option_price(spot=SPOTS, **contract, is_american=american))


@pytest.mark.parametrize(
    "odd",
    [
        {"rate": -0.01, "dividend_yield": -0.02, "is_call": False},  # exercised between two spots
        {"rate": 0.0, "dividend_yield": -0.3, "vol": 0.05, "is_call": False},  # a boundary that may not settle
        {"vol": float("nan")},
        {"vol": 0.0},
        {"t_years": 0.0},
    ],
)
def test_what_no_boundary_describes_is_priced_as_by_itself(odd: dict[str, Any]) -> None:
    contract: dict[str, Any] = {
        "strike": 100.0,
        "t_years": 0.5,
        "rate": 0.04,
        "dividend_yield": 0.02,
        "vol": 0.2,
        "is_call": True,
    }
    contract |= odd
    spots = np.array([60.0, 95.0, 100.0, 130.0])
    np.testing.assert_array_equal(american_price_by_spot(**contract)(spots), american_price(spot=spots, **contract))


def test_rows_beside_each_other_keep_their_own_boundaries_in_a_grid_of_spots() -> None:
    rows: dict[str, Any] = {
        "strike": np.array([90.0, 100.0, 110.0]),
        "t_years": np.array([0.1, 0.5, 2.0]),
        "rate": np.array([0.05, 0.0, 0.03]),
        "dividend_yield": np.array([0.0, 0.02, 0.06]),
        "vol": np.array([0.2, 0.3, 0.25]),
        "is_call": np.array([False, False, True]),
    }
    grid = SPOTS[:, None]
    np.testing.assert_array_equal(american_price_by_spot(**rows)(grid), american_price(spot=grid, **rows))


def test_however_often_it_is_asked_the_boundary_is_solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[int] = []

    def counted(problem: Exercise, *, with_vol: bool, with_carry: bool, precise: bool) -> Boundary:
        solved.append(problem.vol.size)
        return solve(problem, with_vol=with_vol, with_carry=with_carry, precise=precise)

    monkeypatch.setattr("analytics.american_yield.solve", counted)
    price = american_price_by_spot(strike=100.0, t_years=0.5, rate=0.04, dividend_yield=0.0, vol=0.2, is_call=False)
    for spot in (90.0, 100.0, SPOTS):
        price(spot)
    assert solved == [1]
