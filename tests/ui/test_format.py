from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock import NEW_YORK
from models.enums import Metric, Regime, Settlement
from ui import format as fmt

NOW = datetime(2026, 5, 4, 16, 48, tzinfo=UTC)
CLOSE = datetime(2026, 5, 4, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "show",
    [
        fmt.price,
        fmt.net_price,
        fmt.money,
        fmt.signed_money,
        fmt.compact_money,
        fmt.delta,
        fmt.unit_delta,
        fmt.gamma,
        fmt.percent,
        fmt.signed_percent,
        fmt.vol,
        fmt.quantity,
        fmt.beta,
        fmt.age,
    ],
)
def test_an_unknown_figure_is_an_em_dash_in_every_format(
    show: Callable[[float | None], str], value: float | None
) -> None:
    assert show(value) == "—"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.40"), "DB 0.40"),
        (Decimal("-1.85"), "CR 1.85"),
        (Decimal("-1234.5"), "CR 1,234.50"),
        (Decimal(0), "EVEN"),
        (-0.001, "EVEN"),
    ],
)
def test_a_net_price_says_debit_or_credit_in_words(value: Decimal | float, text: str) -> None:
    assert fmt.net_price(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.4, "+12.40"),
        (-12.4, "−12.40"),
        (0, "0.00"),
        (-0.001, "0.00"),
        (999.99, "+999.99"),
        (999.996, "+1,000"),
        (1000, "+1,000"),
        (-1234.56, "−1,235"),
    ],
)
def test_signed_money_drops_cents_from_a_thousand_on(value: float, text: str) -> None:
    assert fmt.signed_money(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(850, "+850"), (-12_400, "−12.4k"), (1_250_000, "+1.3M"), (99_960, "+100k"), (0, "0"), (999.7, "+1.0k")],
)
def test_compact_money_fits_into_an_axis(value: float, text: str) -> None:
    assert fmt.compact_money(value) == text


def test_halves_are_rounded_up_as_people_do_it() -> None:
    assert fmt.price(0.125) == "0.13"
    assert fmt.price(2.675) == "2.68"


def test_levels_deltas_and_gammas_have_the_decimals_of_their_kind() -> None:
    assert fmt.price(7200.75) == "7,200.75"
    assert fmt.delta(3.21) == "+3.2"
    assert fmt.gamma(-0.076) == "−0.08"
    assert fmt.unit_delta(0.156) == "+0.16"
    assert fmt.money(512340.25) == "512,340"
    assert fmt.beta(1.2) == "1.20"
    assert fmt.strike(Decimal("7002.50")) == "7002.5"
    assert fmt.strike(None) == "—"


def test_vol_and_utilisation_are_fractions_and_percent_is_not() -> None:
    assert fmt.vol(0.174) == "17.4%"
    assert fmt.percent(41.26) == "41.3%"
    assert fmt.signed_percent(0.41, 2) == "+0.41%"
    assert fmt.utilisation(0.82) == "82%"
    assert fmt.utilisation(math.inf) == "over"
    assert fmt.utilisation(None) == "—"


def test_quantities_keep_their_sign_and_lose_their_trailing_zeros() -> None:
    assert fmt.quantity(Decimal(-2)) == "−2"
    assert fmt.quantity(Decimal(100)) == "100"
    assert fmt.quantity(Decimal("0.50")) == "0.5"
    assert fmt.quantity(1200) == "1,200"
    assert fmt.filled(1, 2) == "1/2"


def test_days_to_expiry_are_calendar_days_in_new_york() -> None:
    late_evening = datetime(2026, 5, 5, 3, 0, tzinfo=UTC)  # 23:00 on 4 May in New York
    assert fmt.days_to_expiry(CLOSE + timedelta(days=1), late_evening) == 1
    assert fmt.dte(CLOSE + timedelta(days=45), NOW) == "45"


def test_the_last_day_counts_hours_and_minutes_and_then_it_is_expired() -> None:
    assert fmt.dte(CLOSE, NOW) == "0d 3:12"
    assert fmt.dte(CLOSE, CLOSE) == "expired"
    assert fmt.dte(None, NOW) == "—"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (-3, "0s"), (59.9, "59s"), (75, "1m"), (7200, "2h"), (200_000, "2d")]
)
def test_an_age_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert fmt.age(seconds) == text


def test_times_are_shown_in_the_zone_asked_for() -> None:
    assert fmt.clock(NOW, NEW_YORK) == "12:48:00"
    assert fmt.clock(NOW, NEW_YORK, seconds=False) == "12:48"
    assert fmt.date_time(NOW, NEW_YORK) == "2026-05-04 12:48:00"
    assert fmt.as_of(NOW, UTC, 1.4) == "as of 16:48:00 (1s)"
    assert fmt.as_of(None) == "no data yet"
    assert fmt.utc_text(NOW) == "2026-05-04 16:48:00Z"
    assert fmt.expiry_date(date(2026, 5, 15)) == "15 May 26"
    assert fmt.age_between(NOW - timedelta(minutes=3), NOW) == "3m"
    assert fmt.settlement_badge(Settlement.AM) == "AM"
    assert fmt.settlement_badge(None) == ""


@pytest.mark.parametrize("metric", list(Metric))
def test_every_metric_has_a_name_a_unit_and_a_format(metric: Metric) -> None:
    assert fmt.metric_name(metric)
    assert fmt.metric_unit(metric)
    assert fmt.metric_value(metric, None) == "—"
    assert fmt.metric_value(metric, 12.34)[-1] in "0123456789%"


def test_words_are_readable() -> None:
    assert fmt.words("CANCEL_PENDING") == "Cancel pending"
    assert fmt.plural(1, "order") == "1 order"
    assert fmt.plural(2, "order") == "2 orders"
    assert {fmt.regime_name(regime) for regime in Regime} == {"LOW", "MEDIUM", "HIGH", "CRISIS"}


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_a_sign_is_shown_exactly_when_the_shown_figure_is_not_zero(value: float) -> None:
    text = fmt.signed(value, 2)
    is_zero = not any(digit in "123456789" for digit in text)
    assert text[0] not in "+−" if is_zero else text[0] == ("+" if value > 0 else "−")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-10_000, max_value=10_000, places=2))
def test_a_net_price_can_be_read_back(value: Decimal) -> None:
    text = fmt.net_price(value)
    sign = {"DB": 1, "CR": -1, "EVEN": 0}[text.split()[0]]
    assert sign * Decimal(text.split()[-1].replace(",", "").replace("EVEN", "0")) == value
