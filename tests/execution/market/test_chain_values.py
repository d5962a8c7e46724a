"""The carry that a chain's own quotes imply."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.exercise import option_price
from execution.market.chain_values import ParityYield, SideMarket

_STRIKES = np.arange(560.0, 645.0, 5.0)
_YIELD = 0.012


def quoted() -> tuple[np.ndarray, np.ndarray]:
    """Calls and puts of a fund at 600 that pays 1.2 % a year."""
    calls, puts = (
        option_price(
            spot=600.0,
            strike=_STRIKES,
            t_years=0.1,
            rate=0.04,
            dividend_yield=_YIELD,
            vol=0.2,
            is_call=is_call,
            is_american=True,
        )
        for is_call in (True, False)
    )
    return calls, puts


def market(now_epoch_s: float) -> SideMarket:
    return SideMarket(600.0, 0.1, 0.04, 0.0, now_epoch_s)


def test_american_parity_is_read_as_soon_as_the_quotes_are_there_and_then_seldom() -> None:
    parity, (calls, puts) = ParityYield(is_american=True), quoted()
    nothing = np.full(_STRIKES.size, np.nan)
    assert parity.read(_STRIKES, nothing, nothing, market(1000.0)) is None
    assert parity.read(_STRIKES, calls, puts, market(1000.25)) == pytest.approx(_YIELD, abs=2e-3)
    assert parity.read(_STRIKES, calls, puts, market(1001.0)) is None
    assert parity.read(_STRIKES, calls, puts, market(1006.0)) == pytest.approx(_YIELD, abs=2e-3)
