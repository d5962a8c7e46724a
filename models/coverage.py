"""Which days of an account's trading the desk has from a statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models.enums import BrokerName
from models.ids import AccountId

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class StatementDays:
    """Days of an account whose trades a statement holds completely, both included.

    `generated_at_utc` None = not told.
    """

    broker: BrokerName
    account_id: AccountId
    first_day: date
    last_day: date
    generated_at_utc: datetime | None
    source: str


def uncovered_days(days: Iterable[StatementDays], account_id: AccountId, first: date, last: date) -> tuple[date, ...]:
    """Returns the days from `first` to `last`, both included, that no statement of the account holds.

    Statements of single days leave weekends out, so these count only where the whole period is one.
    """
    mine = [one for one in days if one.account_id == account_id]
    period = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    wanted = [day for day in period if day.weekday() < _SATURDAY] or period
    return tuple(day for day in wanted if not any(one.first_day <= day <= one.last_day for one in mine))
