"""Small chains with a known surface, for tests of the reader and of the fit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from analytics.american import american_price
from execution.brokers.paper.surface import ParametricSmile, black, total_variance, years_between
from models.clock import NEW_YORK, epoch_s
from models.enums import ExerciseStyle, Right, Settlement
from models.expiry import settlement_instant_utc
from models.occ import occ_symbol
from models.product import option_product

DAY = date(2026, 5, 4)
SPOT = 1000.0
RATE = 0.0375
DIVIDEND_YIELD = 0.0125
SMILE = ParametricSmile(
    short_vol=0.16, long_vol=0.20, kappa=4.0, rho=-0.5, eta=0.9, rate=RATE, dividend_yield=DIVIDEND_YIELD
)
EXPIRIES = tuple(DAY + timedelta(days=days) for days in (4, 11, 25, 45, 74, 137, 228))


def made_chain(root: str = "QQQX", *, age_min: float = 1.0) -> pl.DataFrame:
    """Returns a chain whose closes are exact prices of `SMILE`, all traded `age_min` before the close.

    Those of an American root are of American options.
    """
    early = option_product(root).style is ExerciseStyle.AMERICAN
    at_s = epoch_s(settlement_instant_utc(DAY, Settlement.PM))
    close = datetime(DAY.year, DAY.month, DAY.day, 16, tzinfo=NEW_YORK)
    expires_s = np.array([epoch_s(settlement_instant_utc(day, Settlement.PM)) for day in EXPIRIES])
    slices, carry = SMILE.slices(expires_s, at_s, 0.0), SMILE.carry(expires_s, at_s)
    t_years = years_between(at_s, expires_s)
    rows = []
    for number, expiry in enumerate(EXPIRIES):
        forward = SPOT * np.exp(carry[number])
        strikes = np.arange(800.0, 1201.0, 10.0)[:, None]
        variance = total_variance(
            slices.theta[number], slices.rho[number], slices.psi[number], np.log(strikes / forward)
        )
        worth = np.exp(-RATE * t_years[number]) * black(forward, strikes, variance, np.array([True, False]))
        if early:
            worth = american_price(
                spot=SPOT,
                strike=strikes,
                t_years=t_years[number],
                rate=RATE,
                dividend_yield=DIVIDEND_YIELD,
                vol=np.sqrt(variance / t_years[number]),
                is_call=[True, False],
            )
        for strike, of_strike in zip(strikes[:, 0].tolist(), worth.tolist(), strict=True):
            for right, price in zip((Right.CALL, Right.PUT), of_strike, strict=True):
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
