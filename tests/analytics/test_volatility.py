"""Forwards from parity: exact on consistent quotes, steady against a bad one, honest when there is nothing."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.black_scholes import Floats, bsm_price
from analytics.volatility import forward_price, implied_dividend_yield, parity_forward

pytestmark = pytest.mark.usefixtures("strict_floats")

STRIKES = np.arange(5500.0, 6501.0, 25.0)


def _mids(spot: float, t: float, r: float, q: float) -> tuple[Floats, Floats]:
    skew = 0.18 - 0.3 * np.log(STRIKES / spot)
    common: dict[str, Any] = {
        "spot": spot,
        "strike": STRIKES,
        "t_years": t,
        "rate": r,
        "dividend_yield": q,
        "vol": skew,
    }
    return bsm_price(**common, is_call=True), bsm_price(**common, is_call=False)


@given(st.floats(5800.0, 6200.0), st.floats(0.001, 2.0), st.floats(-0.01, 0.08), st.floats(0.0, 0.05))
def test_parity_gives_back_forward_and_yield(spot: float, t: float, r: float, q: float) -> None:
    call, put = _mids(spot, t, r, q)
    found = parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=t, rate=r)
    want = forward_price(spot=spot, t_years=t, rate=r, dividend_yield=q)
    assert found.forward == pytest.approx(float(want), rel=1e-11)
    assert found.spread < 1e-7
    got = implied_dividend_yield(forward=found.forward, spot=spot, t_years=t, rate=r)
    assert float(got) == pytest.approx(q, abs=1e-10 / t)


def test_one_wild_quote_does_not_move_the_forward() -> None:
    call, put = _mids(6000.0, 0.25, 0.04, 0.013)
    atm = int(np.argmin(np.abs(call - put)))
    clean = parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=0.25, rate=0.04).forward
    call[atm] += 12.0
    put[atm + 1] *= 1.1
    assert parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=0.25, rate=0.04).forward == (
        pytest.approx(clean, abs=1e-6)
    )


def test_only_strikes_with_both_mids_count() -> None:
    call, put = _mids(6000.0, 0.25, 0.04, 0.013)
    call[:], put[:3] = np.nan, 0.0
    none = parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=0.25, rate=0.04)
    assert np.isnan(none.forward)
    assert none.strikes_used == 0
    call[20], put[20] = 101.0, 100.0
    one = parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=0.25, rate=0.04)
    assert one.forward == pytest.approx(STRIKES[20] + np.exp(0.01))
    assert (one.strikes_used, one.spread) == (1, 0.0)


def test_the_number_of_strikes_is_limited_to_those_nearest_the_money() -> None:
    call, put = _mids(6000.0, 0.25, 0.04, 0.013)
    call[np.abs(STRIKES - 6040.0) > 100.0] += 50.0
    found = parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=0.25, rate=0.04, max_strikes=4)
    assert found.strikes_used == 4
    assert found.forward == pytest.approx(6000.0 * np.exp(0.027 * 0.25))
    with pytest.raises(ValueError, match="at least one strike"):
        parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=0.25, rate=0.04, max_strikes=0)


def test_unknown_time_or_rate_gives_no_forward() -> None:
    call, put = _mids(6000.0, 0.25, 0.04, 0.013)
    assert np.isnan(parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=np.nan, rate=0.04).forward)
    assert np.isnan(parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=0.25, rate=np.nan).forward)


def test_a_yield_needs_known_positive_prices_and_time_left() -> None:
    found = implied_dividend_yield(
        forward=[6060.0, np.nan, 6060.0, 6060.0], spot=[6000.0, 6000.0, 0.0, 6000.0], t_years=[1, 1, 1, 0], rate=0.04
    )
    assert found[0] == pytest.approx(0.04 - np.log(1.01))
    assert np.isnan(found[1:]).all()


def test_forwards_of_the_real_spx_chain_carry_alike_over_all_expiries(shared_data: Path) -> None:
    """Closing trades of the last hour, both sides traded: rate less yield came out near 3 % in May 2026."""
    chain = pl.read_parquet(shared_data / "chain_SPX_2026-05-04.parquet")
    day = date(2026, 5, 4)
    traded = chain.filter(
        (pl.col("close") > 0) & (pl.col("last_time").dt.date() == day) & (pl.col("last_time").dt.hour() >= 15)
    )
    pairs = traded.pivot(on="right", index=["root", "expiry", "strike"], values="close").drop_nulls()
    carries = []
    for (_, expiry), rows in pairs.group_by("root", "expiry", maintain_order=True):
        years = (expiry - day).days / 365
        found = parity_forward(
            strike=rows["strike"].to_numpy(),
            call_mid=rows["C"].to_numpy(),
            put_mid=rows["P"].to_numpy(),
            t_years=years,
            rate=0.04,
        )
        if found.strikes_used >= 5 and 10 / 365 < years < 1.0:
            carries.append(
                0.04 - float(implied_dividend_yield(forward=found.forward, spot=7200.75, t_years=years, rate=0.04))
            )
    assert len(carries) >= 15
    assert min(carries) > 0.018
    assert max(carries) < 0.034
    assert np.median(carries) == pytest.approx(0.0285, abs=0.003)
