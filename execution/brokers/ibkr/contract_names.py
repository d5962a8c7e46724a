"""What stands in contract names and dates at IBKR, and what the desk's own keys say by the product table alone."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

from models.business_days import business_day_on_or_before
from models.enums import Settlement
from models.errors import InvalidInput

SMART: Final = "SMART"
DOLLARS: Final = "USD"

_FUTURE_EXCHANGES: Final = {
    "/ES": "CME",
    "/MES": "CME",
    "/NQ": "CME",
    "/MNQ": "CME",
    "/RTY": "CME",
    "/CL": "NYMEX",
    "/GC": "COMEX",
}
_EIGHT_DIGITS: Final = re.compile(r"\d{8}")
_DAY: Final = timedelta(days=1)


def last_trade_day(expiry: date, settlement: Settlement | None) -> date:
    """Returns the last day an option on a stock or index trades: the business day before the expiry when AM-settled."""
    return business_day_on_or_before(expiry - _DAY) if settlement is Settlement.AM else expiry


def ib_date(day: date) -> str:
    """Returns a date as TWS writes it."""
    return f"{day:%Y%m%d}"


def parse_ib_date(text: str) -> date | None:
    """Returns the date of a text that starts with YYYYMMDD, None for anything else."""
    if not _EIGHT_DIGITS.match(text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def future_exchange(product: str) -> str:
    """Returns where a futures product trades; raises InvalidInput for one the desk does not know."""
    try:
        return _FUTURE_EXCHANGES[product]
    except KeyError as error:
        raise InvalidInput("symbol", f"{product} is not a futures product the desk knows.") from error
