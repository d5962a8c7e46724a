"""What is listed: holidays of any year, expirations and strikes as the exchanges have them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.paper.listings import ExpiryPlan, expiry_plans, listed_strikes, strike_bands
from execution.sessions import ExchangeSessions
from models.business_days import (
    business_day_on_or_before,
    easter_sunday,
    is_business_day,
    month_end,
    monthly_expiration,
)

#: Closed by hurricane or mourning: no standing rule can know them.
UNSCHEDULED = {date(2012, 10, 29), date(2012, 10, 30), date(2018, 12, 5), date(2025, 1, 9)}


def _plan(root: str, underlying: str) -> ExpiryPlan:
    return next(plan for plan in expiry_plans(underlying) if plan.root == root)


def test_the_holiday_rule_equals_the_exchange_calendar_from_2010_to_2027() -> None:
    sessions = ExchangeSessions()
    day = date(2010, 1, 1)
    while day < date(2027, 10, 31):
        if day not in UNSCHEDULED:
            assert is_business_day(day) is (sessions.session_bounds_utc(day) is not None), day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("year", "easter"), [(2000, date(2000, 4, 23)), (2026, date(2026, 4, 5)), (2038, date(2038, 4, 25))]
)
def test_easter_falls_where_it_falls(year: int, easter: date) -> None:
    assert easter_sunday(year) == easter


def test_a_monthly_expiration_on_a_holiday_moves_to_the_thursday() -> None:
    assert monthly_expiration(2026, 6) == date(2026, 6, 18)
    assert monthly_expiration(2026, 5) == date(2026, 5, 15)
    assert business_day_on_or_before(date(2026, 12, 25)) == date(2026, 12, 24)
    assert month_end(2026, 5) == date(2026, 5, 29)


def test_spxw_expires_every_business_day_and_at_every_month_end() -> None:
    listed = _plan("SPXW", "SPX").expiries(date(2026, 5, 4))
    month = [date(2026, 5, 4) + timedelta(days=number) for number in range(30)]
    assert [day for day in listed if day <= month[-1]] == [day for day in month if is_business_day(day)]
    assert {month_end(2026, number) for number in range(5, 13)} <= set(listed)


def test_spx_expires_on_third_fridays_and_in_the_decembers_of_five_years() -> None:
    listed = _plan("SPX", "SPX").expiries(date(2026, 5, 4))
    assert listed[:3] == (date(2026, 5, 15), date(2026, 6, 18), date(2026, 7, 17))
    assert listed[-1] == date(2031, 12, 19)


def test_stocks_expire_mondays_wednesdays_and_fridays_nearby() -> None:
    listed = _plan("AAPL", "AAPL").expiries(date(2026, 5, 4))
    assert [day for day in listed if day <= date(2026, 5, 13)] == [
        date(2026, 5, number) for number in (4, 6, 8, 11, 13)
    ]


@given(offset=st.integers(0, 3000))
@settings(deadline=None)
def test_every_expiration_is_a_business_day_from_today_on(offset: int) -> None:
    today = date(2024, 1, 1) + timedelta(days=offset)
    for underlying in ("SPX", "XSP", "SPY", "NVDA"):
        for plan in expiry_plans(underlying):
            listed = plan.expiries(today)
            assert all(day >= today and is_business_day(day) for day in listed)
            assert list(listed) == sorted(set(listed))


def test_strikes_are_dense_near_the_money_and_sparse_far_away() -> None:
    strikes = listed_strikes([7450.0], strike_bands("SPX", 5))
    near = [strike for strike in strikes if 7400 <= strike <= 7500]
    far = [strike for strike in strikes if strike < 3500]
    assert near == [Decimal(7400 + 5 * number) for number in range(21)]
    assert all(strike % 200 == 0 for strike in far)
    assert len(far) > 3


@given(days=st.integers(0, 1500), nearer=st.integers(0, 1500), level=st.floats(20.0, 9000.0))
@settings(deadline=None)
def test_a_strike_once_listed_stays_listed_as_the_expiration_comes_nearer(days: int, nearer: int, level: float) -> None:
    for underlying in ("SPX", "SPY", "TSLA", "/ESZ6"):
        later = listed_strikes([level], strike_bands(underlying, min(days, nearer)))
        assert set(listed_strikes([level], strike_bands(underlying, max(days, nearer)))) <= set(later)
