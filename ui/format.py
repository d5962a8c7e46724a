"""The one place that turns figures into text. Pure, no Qt.

Every function takes `float | Decimal | int | None`; None, NaN and infinities become an em dash, never 0.
Signs use the real minus sign (U+2212). Quick reference:

    price(12.3)            12.30          option price, level            net_price(-1.85)   CR 1.85
    money(512340.2)        512,340        dollars without sign           signed_money(-12.4) −12.40   (cents < 1,000)
    signed(1.234, 2)       +1.23          delta(3.21)  +3.2              gamma(-0.076)      −0.08
    percent(41.26)         41.3%          a number already in per cent   signed_percent     +0.4%
    vol(0.174)             17.4%          a fraction (implied vol, POP)  utilisation(0.82)  82%
    quantity(-2)           −2             beta(1.2)    1.20              strike(7002.5)     7002.5
    dte(expires, now)      45 / 0d 3:12 / expired                        age(75)            1m
    clock(at, zone)        15:42:07       as_of(at, zone, 1.2)           as of 15:42:07 (1s)
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal

from models.clock import NEW_YORK
from models.contract import plain
from models.enums import BrokerName, Metric, Regime, Settlement

Number = float | int | Decimal

EM_DASH = "—"
MINUS = "−"
UNLIMITED = "unlimited"

_REGIME_NAMES = {
    Regime.LOW_VOL: "LOW",
    Regime.MEDIUM_VOL: "MEDIUM",
    Regime.HIGH_VOL: "HIGH",
    Regime.CRISIS: "CRISIS",
}
_METRIC_UNITS = {
    Metric.SPX_DELTA: "$ per SPX point",
    Metric.GAMMA: "deltas per SPX point",
    Metric.THETA: "$ per day",
    Metric.VEGA: "$ per vol point",
    Metric.MARGIN_USED_PCT: "% of net liq",
}


def is_known(value: Number | None) -> bool:
    """Returns whether there is a finite figure to show."""
    return value is not None and math.isfinite(value)


def _digits(value: Number, decimals: int) -> str:
    """Absolute value with thousands separators, rounded half up on its decimal text so that 0.125 gives 0.13."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    rounded = abs(exact).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    return f"{rounded:,.{decimals}f}"


def fixed(value: Number | None, decimals: int) -> str:
    """Returns a figure with fixed decimals; a sign only when it is negative (and not rounded to nothing)."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    digits = _digits(value, decimals)
    return f"{MINUS}{digits}" if value < 0 and _is_nonzero(digits) else digits


def signed(value: Number | None, decimals: int) -> str:
    """Returns a figure that always carries its sign, except an exact or rounded zero."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    digits = _digits(value, decimals)
    if not _is_nonzero(digits):
        return digits
    return f"{MINUS if value < 0 else '+'}{digits}"


def _is_nonzero(digits: str) -> bool:
    return any(character in "123456789" for character in digits)


def price(value: Number | None) -> str:
    """Returns a price or index level: two decimals, thousands, no currency."""
    return fixed(value, 2)


def net_price(value: Number | None) -> str:
    """Returns a package's net price as a word and a figure: `DB 0.40`, `CR 1.85`, `EVEN`."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    digits = _digits(value, 2)
    if not _is_nonzero(digits):
        return "EVEN"
    return f"{'DB' if value > 0 else 'CR'} {digits}"


def money(value: Number | None) -> str:
    """Returns whole dollars with thousands: balances, margin."""
    return fixed(value, 0)


def signed_money(value: Number | None) -> str:
    """Returns signed dollars: P&L, theta, vega. Cents only below 1,000."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    return signed(value, 2 if abs(float(value)) < 999.995 else 0)


def compact_money(value: Number | None) -> str:
    """Returns signed dollars in few characters for axes and heat maps: `−12.4k`, `+1.2M`, `+850`."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    size = abs(float(value))
    if size < 999.5:
        return signed(value, 0)
    if size < 999_500:
        return f"{signed(value / 1000, 1 if size < 99_950 else 0)}k"
    return f"{signed(value / 1_000_000, 1)}M"


def delta(value: Number | None) -> str:
    """Returns a position or portfolio delta: sign, one decimal."""
    return signed(value, 1)


def unit_delta(value: Number | None) -> str:
    """Returns a per-unit delta: sign, two decimals."""
    return signed(value, 2)


def gamma(value: Number | None) -> str:
    """Returns a position or portfolio gamma: sign, two decimals."""
    return signed(value, 2)


def percent(value: Number | None, decimals: int = 1) -> str:
    """Returns a number that is already in per cent."""
    text = fixed(value, decimals)
    return text if text == EM_DASH else f"{text}%"


def signed_percent(value: Number | None, decimals: int = 1) -> str:
    """Returns a change that is already in per cent, with its sign."""
    text = signed(value, decimals)
    return text if text == EM_DASH else f"{text}%"


def vol(value: Number | None) -> str:
    """Returns an implied volatility or a probability given as a fraction: `17.4%`."""
    return percent(None if value is None else float(value) * 100)


def utilisation(value: Number | None) -> str:
    """Returns the used share of a limit, 1.0 = at the limit; `over` where the bound allows nothing."""
    if value is not None and value == math.inf:
        return "over"
    return percent(None if value is None else float(value) * 100, 0)


def quantity(value: Number | None) -> str:
    """Returns a signed quantity, `+` left out, without trailing zeros: `−2`, `100`, `0.5`."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    text = f"{abs(exact):,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{MINUS}{text}" if exact < 0 else text


def beta(value: Number | None) -> str:
    """Returns a beta with two decimals."""
    return fixed(value, 2)


def strike(value: Decimal | None) -> str:
    """Returns a strike without trailing zeros or separators."""
    return EM_DASH if value is None else plain(value)


def filled(done: int, total: int) -> str:
    """Returns how much of an order is filled: `1/2`."""
    return f"{done}/{total}"


# --- time -------------------------------------------------------------------------------------------------------------


def days_to_expiry(expires_at_utc: datetime, now_utc: datetime) -> int:
    """Returns calendar days: the expiry's New York date minus today's New York date."""
    return (expires_at_utc.astimezone(NEW_YORK).date() - now_utc.astimezone(NEW_YORK).date()).days


def dte(expires_at_utc: datetime | None, now_utc: datetime) -> str:
    """Returns `45`; on the last day hours and minutes left, `0d 3:12`; `expired` after the settlement instant."""
    if expires_at_utc is None:
        return EM_DASH
    left_s = (expires_at_utc - now_utc).total_seconds()
    if left_s <= 0:
        return "expired"
    days = days_to_expiry(expires_at_utc, now_utc)
    if days > 0:
        return str(days)
    minutes = int(left_s // 60)
    return f"0d {minutes // 60}:{minutes % 60:02d}"


def settlement_badge(settlement: Settlement | None) -> str:
    """Returns `AM`, `PM`, or nothing for what does not settle."""
    return "" if settlement is None else settlement.value


def age(seconds: Number | None) -> str:
    """Returns a rounded-down age in its largest unit: `1s`, `12m`, `3h`, `2d`."""
    if seconds is None or not math.isfinite(seconds):
        return EM_DASH
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    return f"{whole // 3600}h" if whole < 86_400 else f"{whole // 86_400}d"


def clock(at_utc: datetime | None, zone: tzinfo | None = None, *, seconds: bool = True) -> str:
    """Returns the time of day in `zone` (None = the computer's own): `15:42:07`."""
    if at_utc is None:
        return EM_DASH
    return at_utc.astimezone(zone).strftime("%H:%M:%S" if seconds else "%H:%M")


def date_time(at_utc: datetime | None, zone: tzinfo | None = None) -> str:
    """Returns `2026-05-04 15:42:07` in `zone` (None = the computer's own)."""
    return EM_DASH if at_utc is None else at_utc.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def expiry_date(day: date | None) -> str:
    """Returns an expiry as traders write it: `15 May 26`."""
    return EM_DASH if day is None else f"{day.day} {day:%b %y}"


def as_of(at_utc: datetime | None, zone: tzinfo | None = None, age_s: Number | None = None) -> str:
    """Returns how old a panel's data is: `as of 15:42:07 (1s)`."""
    if at_utc is None:
        return "no data yet"
    text = f"as of {clock(at_utc, zone)}"
    return text if age_s is None else f"{text} ({age(age_s)})"


def age_between(then_utc: datetime | None, now_utc: datetime) -> str:
    """Returns how long ago something was."""
    return EM_DASH if then_utc is None else age((now_utc - then_utc).total_seconds())


# --- words ------------------------------------------------------------------------------------------------------------


def regime_name(regime: Regime | None) -> str:
    """Returns the regime's short name for chips: `MEDIUM`."""
    return EM_DASH if regime is None else _REGIME_NAMES[regime]


def metric_name(metric: Metric) -> str:
    """Returns a metric's name as column headers and bars show it."""
    return metric.label


def metric_unit(metric: Metric) -> str:
    """Returns the unit a metric is counted in."""
    return _METRIC_UNITS[metric]


def metric_value(metric: Metric, value: Number | None) -> str:
    """Returns a metric's figure in the format of its kind."""
    match metric:
        case Metric.SPX_DELTA:
            return delta(value)
        case Metric.GAMMA:
            return gamma(value)
        case Metric.THETA | Metric.VEGA:
            return signed_money(value)
        case Metric.MARGIN_USED_PCT:
            return percent(value)


def words(name: str) -> str:
    """Returns an enum value in lower-case words with a capital: `CANCEL_PENDING` gives `Cancel pending`."""
    text = name.replace("_", " ").lower()
    return text[:1].upper() + text[1:]


def broker(name: BrokerName) -> str:
    """Returns a broker as it is written in text: `IBKR`, `Tastytrade`, `Paper`."""
    return name.value if name is BrokerName.IBKR else words(name.value)


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Returns a count with its noun: `1 order`, `2 orders`."""
    return f"{count:,} {noun if count == 1 else (many or noun + 's')}"


def utc_text(at_utc: datetime) -> str:
    """Returns an exact instant for reports and clipboards: `2026-05-04 19:42:07Z`."""
    return at_utc.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
