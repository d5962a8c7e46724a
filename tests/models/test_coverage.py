"""Which days still want a statement."""

from __future__ import annotations

from datetime import date

from models.coverage import StatementDays, uncovered_days
from models.enums import BrokerName
from models.ids import AccountId

MINE, OTHER = AccountId("U1"), AccountId("U2")
WEDNESDAY, FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2026, 11, day) for day in (4, 6, 7, 8, 9))


def held(first: date, last: date, account_id: AccountId = MINE) -> StatementDays:
    return StatementDays(BrokerName.IBKR, account_id, first, last, None, "x.xml")


def test_days_are_missing_until_a_statement_of_that_account_holds_them() -> None:
    days = (held(WEDNESDAY, WEDNESDAY), held(WEDNESDAY, MONDAY, OTHER))
    assert uncovered_days(days, MINE, WEDNESDAY, MONDAY) == (date(2026, 11, 5), FRIDAY, MONDAY)
    assert uncovered_days(days, OTHER, WEDNESDAY, MONDAY) == ()


def test_statements_of_single_days_need_none_for_the_weekend_between() -> None:
    days = (held(FRIDAY, FRIDAY), held(MONDAY, MONDAY))
    assert uncovered_days(days, MINE, FRIDAY, MONDAY) == ()


def test_a_period_that_is_only_a_weekend_counts() -> None:
    assert uncovered_days((), MINE, SATURDAY, SUNDAY) == (SATURDAY, SUNDAY)
    assert uncovered_days((held(FRIDAY, MONDAY),), MINE, SATURDAY, SUNDAY) == ()
