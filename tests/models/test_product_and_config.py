from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.config import load_config
from models.enums import Metric, Regime
from models.errors import InvalidInput
from models.product import NICKEL_DIME, PENNY, PENNY_NICKEL, TickRule, front_future
from models.risk import Limit

DEFAULTS = Path(__file__).resolve().parents[2] / "assets" / "defaults.toml"
RULES = st.sampled_from([NICKEL_DIME, PENNY, PENNY_NICKEL])
PRICES = st.decimals(Decimal(-50), Decimal(50), places=3, allow_nan=False)


@given(rule=RULES, price=PRICES)
def test_a_snapped_price_is_on_tick_and_no_further_away_than_one_tick(rule: TickRule, price: Decimal) -> None:
    snapped = rule.snap(price)
    assert rule.is_on_tick(snapped)
    assert abs(snapped - price) <= rule.tick_at(price)


@given(rule=RULES, price=PRICES, ticks=st.integers(1, 5))
def test_stepping_up_raises_and_stepping_down_lowers_the_price_on_tick(
    rule: TickRule, price: Decimal, ticks: int
) -> None:
    assert rule.step(price, ticks) > price > rule.step(price, -ticks)
    assert rule.is_on_tick(rule.step(price, ticks))
    assert rule.is_on_tick(rule.step(price, -ticks))


def test_spx_ticks_are_a_nickel_below_three_and_a_dime_above() -> None:
    assert NICKEL_DIME.step(Decimal("2.95"), 1) == Decimal("3.00")
    assert NICKEL_DIME.step(Decimal("3.00"), 1) == Decimal("3.10")
    assert NICKEL_DIME.step(Decimal("3.00"), -1) == Decimal("2.95")
    assert not NICKEL_DIME.is_on_tick(Decimal("3.05"))


def test_a_credit_steps_in_the_same_ticks_as_a_debit_of_its_size() -> None:
    assert NICKEL_DIME.step(Decimal("-2.95"), -2) == Decimal("-3.10")
    assert NICKEL_DIME.step(Decimal("-3.10"), 2) == Decimal("-2.95")
    assert NICKEL_DIME.step(Decimal("-0.05"), 2) == Decimal("0.05")


@pytest.mark.parametrize(
    ("limit", "value", "used", "broken"),
    [
        (Limit(Metric.VEGA, -1000.0, 500.0), -500.0, 0.5, False),
        (Limit(Metric.VEGA, -1000.0, 500.0), 600.0, 1.2, True),
        (Limit(Metric.VEGA, None, 500.0), -600.0, None, False),
        (Limit(Metric.VEGA, -1000.0, 500.0), 0.0, 0.0, False),
        (Limit(Metric.GAMMA, -2.0, None), -3.0, 1.5, True),
    ],
)
def test_a_limit_tells_how_much_of_it_is_used(limit: Limit, value: float, used: float | None, broken: bool) -> None:
    assert limit.utilisation(value) == used
    assert limit.is_breached(value) is broken


def test_the_shipped_defaults_are_valid_and_limit_every_regime() -> None:
    config = load_config(DEFAULTS, None)
    assert [one.regime for one in config.risk.regime_limits()] == list(Regime)
    assert all(one.of(Metric.SPX_DELTA) for one in config.risk.regime_limits())


def test_the_users_file_changes_only_what_it_names(tmp_path: Path) -> None:
    mine = tmp_path / "optiondesk.toml"
    mine.write_text("[orders]\nmax_orders_per_day = 7\n")
    config = load_config(DEFAULTS, mine)
    assert config.orders.max_orders_per_day == 7
    assert config.orders.max_orders_per_minute == load_config(DEFAULTS, None).orders.max_orders_per_minute


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[risk]\nfoo = 1", "risk.foo: there is no such key"),
        ('[orders]\nmax_orders_per_day = "many"', "orders.max_orders_per_day: input should be a valid integer"),
        ("[risk.limits.LOW_VOL]\nvega = { low = 5.0, high = 1.0 }", r"low \(5.0\) is above high \(1.0\)"),
        ("[risk.regime]\nup_levels = [20.0, 18.0, 30.0]", "must rise"),
        ("a = [", "not valid TOML"),
        ("[paper]\nstarting_cash_usd = -5", "greater than 0"),
    ],
)
def test_a_bad_settings_file_is_refused_whole_with_file_key_and_reason(tmp_path: Path, text: str, said: str) -> None:
    mine = tmp_path / "optiondesk.toml"
    mine.write_text(text)
    with pytest.raises(InvalidInput, match=said) as caught:
        load_config(DEFAULTS, mine)
    assert str(mine) in str(caught.value)


@pytest.mark.parametrize(
    ("day", "symbol"),
    [
        (date(2026, 11, 20), "/ESZ6"),
        (date(2026, 12, 18), "/ESZ6"),
        (date(2026, 12, 19), "/ESH7"),
        (date(2027, 1, 4), "/ESH7"),
        (date(2026, 5, 4), "/ESM6"),
    ],
)
def test_the_front_future_rolls_after_the_third_friday_of_the_quarters_last_month(day: date, symbol: str) -> None:
    assert front_future("/ES", day) == symbol
