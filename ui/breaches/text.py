"""Breaches in a trader's words. Pure, no Qt."""

from __future__ import annotations

from datetime import datetime

from models.clock import new_york_time
from models.enums import Metric
from models.risk import Limit, RiskBreach
from ui import format as fmt


def is_low(breach: RiskBreach) -> bool:
    """Returns whether the lower bound is the one that broke."""
    return breach.breach_type.endswith("_LOW")


def title(breach: RiskBreach) -> str:
    """Returns what happened: `Vega below its limit`."""
    return f"{fmt.metric_name(breach.metric)} {'below' if is_low(breach) else 'above'} its limit"


def bound_text(breach: RiskBreach) -> str:
    """Returns the bound that broke: `low −4,000`."""
    return f"{'low' if is_low(breach) else 'high'} {fmt.metric_value(breach.metric, breach.threshold)}"


def used(breach: RiskBreach, value: float | None) -> float | None:
    """Returns the used share of the bound that broke, 1.0 = at the limit."""
    if value is None:
        return None
    low, high = (breach.threshold, None) if is_low(breach) else (None, breach.threshold)
    share = Limit(breach.metric, low, high).utilisation(value)
    if share is None:  # the other side of zero than the bound that broke
        return float("inf") if Limit(breach.metric, low, high).is_breached(value) else 0.0
    return share


def beyond(breach: RiskBreach, value: float | None) -> str:
    """Returns how far past the bound the figure is: `1,200 beyond`; nothing when it is inside again."""
    if value is None:
        return ""
    past = breach.threshold - value if is_low(breach) else value - breach.threshold
    if past <= 0:
        return "inside again"
    # No cents where the figures beside it have none.
    is_large = breach.metric in (Metric.THETA, Metric.VEGA) and abs(value) >= 1000
    return f"{fmt.money(past) if is_large else fmt.metric_value(breach.metric, past).lstrip('+')} beyond"


def lasted(since_utc: datetime, until_utc: datetime) -> str:
    """Returns a duration in its two largest units: `48 s`, `12 m 05 s`, `3 h 07 m`, `2 d 4 h`."""
    seconds = max(0, int((until_utc - since_utc).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02d} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} m"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def moment(at_utc: datetime, now_utc: datetime) -> str:
    """Returns a New York time, with its day when that is not today: `15:33:12`, `2 May 13:45`."""
    at, now = new_york_time(at_utc), new_york_time(now_utc)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at.day} {at:%b %H:%M}"
