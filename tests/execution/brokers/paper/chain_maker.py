"""Small chains with a known surface, for tests of the reader and of the fit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from execution.brokers.paper.surface import ParametricSmile, black, total_variance, years_between
from models.clock import NEW_YORK, epoch_s
from models.enums import Right, Settlement
from models.expiry import settlement_instant_utc
from models.occ import occ_symbol

DAY = date(2026, 5, 4)
SPOT = 1000.0
RATE = 0.0375
SMILE = ParametricSmile(short_vol=0.16, long_vol=0.20, kappa=4.0, rho=-0.5, eta=0.9, rate=RATE, dividend_yield=0.0125)
EXPIRIES = tuple(DAY + timedelta(days=days) for days in (4, 11, 25, 45, 74, 137, 228))


def made_chain(root: str = "QQQX", *, age_min: float = 1.0) -> pl.DataFrame:
    """Returns a chain whose closes are exact prices of `SMILE`, all traded `age_min` before the close."""
    at_s = epoch_s(settlement_instant_utc(DAY, Settlement.PM))
    close = datetime(DAY.year, DAY.month, DAY.day, 16, tzinfo=NEW_YORK)
    expires_s = np.array([epoch_s(settlement_instant_utc(day, Settlement.PM)) for day in EXPIRIES])
    slices, carry = SMILE.slices(expires_s, at_s, 0.0), SMILE.carry(expires_s, at_s)
    t_years = years_between(at_s, expires_s)
    rows = []
    for number, expiry in enumerate(EXPIRIES):
        forward = SPOT * np.exp(carry[number])
        for strike in np.arange(800.0, 1201.0, 10.0):
            k = np.log(np.array([strike]) / forward)
            variance = total_variance(slices.theta[number], slices.rho[number], slices.psi[number], k)
            for right in (Right.CALL, Right.PUT):
                worth = black(np.array([forward]), np.array([strike]), variance, np.array([right is Right.CALL]))
                price = float(worth[0] * np.exp(-RATE * t_years[number]))
                rows.append(
                    {
                        "symbol": occ_symbol(root, expiry, right, _decimal(strike)).compact(),
                        "root": root,
                        "expiry": expiry,
                        "strike": strike,
                        "right": right.value,
                        "close": round(price, 4),
                        "last": round(price, 4),
                        "last_time": close - timedelta(minutes=age_min),
                        "underlying_price": SPOT,
                    }
                )
    return pl.DataFrame(rows)


def _decimal(strike: float) -> Decimal:
    return Decimal(str(strike))
