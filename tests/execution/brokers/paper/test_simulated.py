"""Which expirations the volatility indices of a simulated market are built from."""

from __future__ import annotations

from datetime import date, timedelta

from execution.brokers.paper.simulated import index_expirations
from execution.brokers.port import ChainExpiry
from models.enums import Settlement

MONDAY = date(2026, 6, 8)


def _weekly(day: date) -> ChainExpiry:
    return ChainExpiry("SPX", "SPXW", day, Settlement.PM)


def _standard(day: date) -> ChainExpiry:
    return ChainExpiry("SPX", "SPX", day, Settlement.AM)


def test_the_last_expiration_of_every_week_counts_and_the_others_do_not() -> None:
    days = [MONDAY + timedelta(days=number) for number in range(14) if number % 7 < 5]
    used = index_expirations([_weekly(day) for day in days], monthly_only=False)
    assert [one.expiry for one in used] == [date(2026, 6, 12), date(2026, 6, 19)]


def test_a_week_that_ends_on_a_thursday_for_a_holiday_counts_with_its_thursday() -> None:
    days = [date(2026, 6, 15), date(2026, 6, 17), date(2026, 6, 18)]
    used = index_expirations([_weekly(day) for day in days], monthly_only=False)
    assert [one.expiry for one in used] == [date(2026, 6, 18)]


def test_of_two_on_one_day_the_standard_one_counts() -> None:
    third = date(2026, 7, 17)
    for listed in ([_standard(third), _weekly(third)], [_weekly(third), _standard(third)]):
        assert index_expirations(listed, monthly_only=False) == [_standard(third)]


def test_the_three_month_index_counts_standard_ones_alone() -> None:
    listed = [_weekly(date(2026, 7, 10)), _standard(date(2026, 7, 17)), _weekly(date(2026, 7, 17))]
    assert index_expirations(listed, monthly_only=True) == [_standard(date(2026, 7, 17))]
