"""Boundaries that are hard to find: long lives, strong drift, no rate, yields next to the rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.american import american_first_order, american_price
from analytics.black_scholes import bsm_price

#: QuantLib 1.44, QdFp engine, high precision scheme: put or call, strike at spot 100, years, rate, yield, vol, price.
_HARD = (
    (True, 43.22633123604582, 5.239669385178145, 0.1041752501737002, 0.0432644866460958, 0.08365031954677883,
     57.03912149154389),
    (False, 224.4139301885029, 2.991854042737225, 0.048655317321499546, 0.11790211832002079, 0.0790102221918001,
     125.33967693029645),
    (False, 48.20818654659717, 9.676380165531446, 0.11301611576124275, 0.0902366199044188, 2.529845424678927,
     40.430987363494054),
    (True, 30.414734032769733, 7.899523881881578, 0.1021087644269505, 0.02850963907738093, 1.5099695633573673,
     91.60619339558488),
    (False, 73.36579960112313, 9.909001575112832, 0.06869438235762555, 0.06869438276171747, 2.848160540103441,
     67.03969928789027),
    (False, 163.73640191923158, 9.440904061711104, 0.09586661303001967, -7.465351954785975e-06, 2.0329092591704976,
     138.51507560721888),
    (False, 30.29786221242341, 0.7151494228766099, 0.0, -3.918598871295454e-07, 1.7161201216915445, 7.900365947553834),
    (False, 620.3032032919007, 0.21390409513502454, 0.0, -8.140109533468465e-08, 1.5658203045657824, 520.6247311898994),
)  # fmt: skip


@pytest.mark.parametrize("row", _HARD)
@pytest.mark.parametrize("alone", [True, False])
def test_strong_drift_many_years_and_no_rate_are_met_alone_and_in_a_book(row: tuple[float, ...], alone: bool) -> None:
    call, strike, t, rate, carry, vol, expected = row
    strikes = np.array([strike] if alone else [strike, 100.0, 100.0])
    found = american_first_order(
        spot=100.0,
        strike=strikes,
        t_years=np.where(strikes == strike, t, 0.5),
        rate=np.where(strikes == strike, rate, 0.05),
        dividend_yield=np.where(strikes == strike, carry, 0.02),
        vol=np.where(strikes == strike, vol, 0.3),
        is_call=np.where(strikes == strike, bool(call), False),
    )
    assert abs(float(found.price[0]) - expected) <= 1e-6 * max(100.0, strike)
    plain = american_price(
        spot=100.0, strike=100.0, t_years=0.5, rate=0.05, dividend_yield=0.02, vol=0.3, is_call=False
    )
    np.testing.assert_allclose(found.price[1:], float(plain), atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.12]),
    apart=st.sampled_from([0.0, 1e-12, -1e-12, 1e-9, -1e-7, 1e-5, -1e-3, 1e-2]),
    minutes=st.sampled_from([5.0, 60.0, 1440.0, 40_000.0, 525_600.0, 5_256_000.0]),
    vol=st.sampled_from([0.03, 0.1, 0.3, 1.0, 3.0]),
    is_call=st.booleans(),
)
def test_no_row_with_yield_near_the_rate_is_wrong_in_silence(
    rate: float, apart: float, minutes: float, vol: float, is_call: bool
) -> None:
    t = minutes / 525_600.0
    option: dict[str, Any] = {
        "strike": 100.0, "t_years": t, "rate": rate, "dividend_yield": rate * (1.0 + apart), "is_call": is_call,
    }  # fmt: skip
    spots = 100.0 * np.exp(np.linspace(-3.0, 3.0, 13) * vol * np.sqrt(t))
    values, scale = american_first_order(spot=spots, vol=vol, **option), np.maximum(spots, 100.0)
    european = bsm_price(spot=spots, vol=vol, **option)
    assert np.all(values.price >= european - 2e-7 * scale)
    assert np.all(values.price <= european + rate * t * scale * 1.02 + 1e-12 * scale)
    assert np.all(np.abs(values.delta) <= 1.0 + 1e-5)
    assert np.all(american_price(spot=spots, vol=vol * 1.01, **option) >= values.price - 2e-7 * scale)
    met = american_price(spot=spots, vol=vol, **{**option, "dividend_yield": rate})
    assert np.all(np.abs(met - values.price) <= (2.0 * rate * abs(apart) * t + 2e-7) * scale)


def test_a_row_that_no_method_settles_is_nan_and_never_a_number_from_a_coarse_grid() -> None:
    rng = np.random.default_rng(3)
    size = 2000
    t, vol = np.exp(rng.uniform(0.0, 2.3, size)), np.exp(rng.uniform(0.0, 1.1, size))
    spot, carry = 100.0 * np.exp(rng.uniform(-3.0, 3.0, size)), -(10.0 ** rng.uniform(-8.0, -2.0, size))
    put = american_price(spot=spot, strike=100.0, t_years=t, rate=0.0, dividend_yield=carry, vol=vol, is_call=False)
    call = american_price(spot=100.0, strike=spot, t_years=t, rate=carry, dividend_yield=0.0, vol=vol, is_call=True)
    np.testing.assert_allclose(call, put, rtol=1e-9)
    assert np.isnan(put).mean() < 0.05
