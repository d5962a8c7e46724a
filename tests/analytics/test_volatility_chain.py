"""Vols of a chain by exercise style, and forwards of options that may be exercised early."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.american import american_price
from analytics.black_scholes import Floats, bsm_price
from analytics.volatility import (
    ParityStatus,
    VolStatus,
    american_parity_line,
    chain_vols,
    european_equivalent,
    forward_price,
    implied_spot,
    parity_forward,
)

pytestmark = pytest.mark.usefixtures("strict_floats")

STRIKES = np.arange(70.0, 131.0, 2.5)
BASE: dict[str, Any] = {"spot": 100.0, "t_years": 1.0, "rate": 0.04, "dividend_yield": 0.01}


def _vols(strike: Floats) -> Floats:
    return np.asarray(0.3 - 0.15 * np.log(strike / 100.0))


def _american(**changed: Any) -> tuple[Floats, Floats]:
    columns = {**BASE, **changed}
    vol = _vols(STRIKES)
    return (
        american_price(**columns, strike=STRIKES, vol=vol, is_call=True),
        american_price(**columns, strike=STRIKES, vol=vol, is_call=False),
    )


@pytest.mark.parametrize("is_american", [False, True])
def test_every_row_gets_back_the_vol_it_was_priced_with(is_american: bool) -> None:
    price = american_price if is_american else bsm_price
    call = np.array([[True], [False]])
    strike = np.arange(80.0, 121.0, 5.0)
    prices = price(**BASE, strike=strike, vol=_vols(strike), is_call=call)
    found = chain_vols(price=prices, **BASE, strike=strike, is_call=call, is_american=is_american)
    assert found.vol.shape == (2, strike.size)
    assert (found.status == VolStatus.OK).all()
    assert np.abs(found.vol - _vols(strike)).max() < 1e-5


def test_each_row_without_a_vol_says_exactly_why_and_the_others_keep_theirs() -> None:
    put: dict[str, Any] = {"strike": 120.0, "is_call": False, "rate": 0.05, "dividend_yield": 0.0}
    price = np.array([25.0, 25.0, 19.0, 18.0, 14.0, 130.0, np.nan, 0.0, 25.0, 25.0, 25.0])
    t = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, -0.1])
    american = np.array([True, False, True, False, False, False, False, True, True, False, True])
    put["spot"] = np.where(np.arange(11) == 9, np.nan, 100.0)
    found = chain_vols(price=price, t_years=t, is_american=american, **put)
    assert [VolStatus(code).name for code in found.status] == [
        "OK",
        "OK",
        "BELOW_INTRINSIC",
        "OK",
        "BELOW_INTRINSIC",
        "ABOVE_MAXIMUM",
        "NO_PRICE",
        "NO_PRICE",
        "EXPIRED",
        "NO_CARRY",
        "EXPIRED",
    ]
    assert (np.isfinite(found.vol) == (found.status == VolStatus.OK)).all()
    assert found.vol[0] < found.vol[1]


def test_an_american_put_at_its_exercise_value_has_no_vol() -> None:
    found = chain_vols(price=40.0, **{**BASE, "rate": 0.08}, strike=140.0, is_call=False, is_american=True)
    assert found.status == VolStatus.AT_INTRINSIC
    assert np.isnan(found.vol)


def test_the_european_twin_has_the_same_vol_and_no_premium() -> None:
    _, put = _american()
    twin = european_equivalent(price=put, **BASE, strike=STRIKES, is_call=False)
    plain = bsm_price(**BASE, strike=STRIKES, vol=_vols(STRIKES), is_call=False)
    near = np.abs(STRIKES - 100.0) <= 20.0
    assert twin.price[near] == pytest.approx(plain[near], abs=1e-4)
    assert (put - plain)[near].max() > 0.3


@given(st.floats(0.02, 2.5), st.floats(0.0, 0.06), st.floats(0.0, 0.04))
@settings(max_examples=15, deadline=None)
def test_the_forward_is_that_of_the_model_however_much_exercise_is_worth(t: float, rate: float, q: float) -> None:
    call, put = _american(t_years=t, rate=rate, dividend_yield=q)
    found = american_parity_line(strike=STRIKES, call_price=call, put_price=put, spot=100.0, t_years=t, rate=rate)
    want = float(forward_price(spot=100.0, t_years=t, rate=rate, dividend_yield=q))
    assert found.status is ParityStatus.OK
    assert found.forward == pytest.approx(want, rel=1e-4)


def test_prices_taken_as_they_are_give_too_low_a_forward() -> None:
    call, put = _american(t_years=2.5)
    want = float(forward_price(spot=100.0, t_years=2.5, rate=0.04, dividend_yield=0.01))
    plain = parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=2.5, rate=0.04)
    taken_off = american_parity_line(strike=STRIKES, call_price=call, put_price=put, spot=100.0, t_years=2.5, rate=0.04)
    assert plain.forward < want - 1.0
    assert taken_off.forward == pytest.approx(want, abs=0.01)


def test_a_stale_price_does_not_move_the_forward() -> None:
    call, put = _american()
    at = int(np.argmin(np.abs(STRIKES - 100.0)))
    call[at + 1] += 3.0
    put[at - 2] *= 1.4
    found = american_parity_line(strike=STRIKES, call_price=call, put_price=put, spot=100.0, t_years=1.0, rate=0.04)
    assert found.forward == pytest.approx(100.0 * np.exp(0.03), abs=0.02)


def test_without_pairs_or_time_or_spot_there_is_no_forward_and_no_error() -> None:
    call, put = _american()
    shared: dict[str, Any] = {"strike": STRIKES, "call_price": call, "put_price": put, "rate": 0.04}
    none = american_parity_line(**{**shared, "call_price": np.nan}, spot=100.0, t_years=1.0)
    assert none.status is ParityStatus.TOO_FEW_STRIKES
    assert american_parity_line(**shared, spot=100.0, t_years=0.0).status is ParityStatus.BAD_INPUT
    assert american_parity_line(**shared, spot=np.nan, t_years=1.0).status is ParityStatus.BAD_INPUT


def test_the_spot_behind_the_quotes_is_what_the_near_forwards_have_in_common() -> None:
    t = np.array([0.003, 0.01, 0.02, 0.5, 2.0])
    forward = 101.0 * np.exp(0.03 * t)
    forward[3:] *= 0.9
    assert implied_spot(forward=forward, t_years=t, rate=0.03) == pytest.approx(101.0)
    forward[1] = np.nan
    assert implied_spot(forward=forward, t_years=t, rate=0.03) == pytest.approx(101.0)
    assert np.isnan(implied_spot(forward=forward[3:], t_years=t[3:], rate=0.03))
