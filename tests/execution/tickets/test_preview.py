from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from execution.commands import TicketDraft
from execution.core import DeskCore
from execution.ticket_views import TicketPreview
from models.clock import ManualClock
from models.contract import option_contract
from models.enums import Action, MarketDataKind, Metric, OrderType, Right, TimeInForce
from models.ids import new_order_id
from models.order import OrderLeg
from models.product import NICKEL
from models.quote import ModelGreeks
from tests.execution.builders import (
    ACCOUNT,
    NOW,
    condor_legs,
    condor_positions,
    condor_quotes,
    core_at,
    feed,
    quote,
    spxw,
)


def preview(core: DeskCore, legs: tuple[OrderLeg, ...], price: str | None = None) -> TicketPreview:
    draft = TicketDraft(
        order_id=new_order_id(),
        account_id=ACCOUNT,
        legs=legs,
        order_type=OrderType.LIMIT,
        limit_price=None if price is None else Decimal(price),
        tif=TimeInForce.DAY,
    )
    return core.tickets.preview(
        draft, problems=(), tick=NICKEL, limits=core.limits(), margin_used_pct=20.0, max_packages=100
    )


@pytest.fixture
def core() -> DeskCore:
    subject = core_at()
    subject.set_positions(ACCOUNT, [])
    feed(subject, condor_quotes())
    return subject


def test_a_condors_prices_run_from_natural_through_mid_to_opposite(core: DeskCore) -> None:
    seen = preview(core, condor_legs())
    assert seen.net_natural == Decimal("14.40") - Decimal("20.00") - Decimal("14.60") + Decimal("7.10")
    assert seen.net_opposite == Decimal("14.00") - Decimal("20.50") - Decimal("15.00") + Decimal("6.80")
    assert seen.net_mid == (seen.net_natural + seen.net_opposite) / 2
    assert seen.suggested_limit is not None
    assert NICKEL.is_on_tick(seen.suggested_limit)
    assert seen.suggested_limit >= seen.net_mid


def test_a_condors_profit_loss_and_breakevens_follow_from_its_credit(core: DeskCore) -> None:
    seen = preview(core, condor_legs(), "-13.90")
    assert seen.strategy_tag == "iron_condor"
    assert seen.max_profit == Decimal("1390.00")
    assert seen.max_loss == Decimal("8610.00")
    assert seen.breakevens == pytest.approx((6786.10, 7563.90))
    assert seen.probability_of_profit is not None
    assert 0.55 < seen.probability_of_profit < 0.9


def test_two_packages_make_twice_the_money_at_the_same_price(core: DeskCore) -> None:
    seen = preview(core, condor_legs(2), "-13.90")
    assert seen.packages == 2
    assert seen.max_profit == Decimal("2780.00")


def test_a_naked_call_says_its_loss_has_no_bound(core: DeskCore) -> None:
    seen = preview(core, (OrderLeg(spxw(Right.CALL, 7550), Action.SELL, 1),), "-14.60")
    assert seen.max_loss_unlimited
    assert seen.max_loss is None
    assert core.tickets.max_loss_usd((OrderLeg(spxw(Right.CALL, 7550), Action.SELL, 1),), Decimal("-14.60")) is None


def test_the_books_greeks_before_and_after_differ_by_the_trades(core: DeskCore) -> None:
    core.set_positions(ACCOUNT, condor_positions(3))
    feed(core, condor_quotes())
    seen = preview(core, condor_legs(2))
    assert seen.before is not None
    assert seen.after is not None
    assert seen.trade_greeks is not None
    assert seen.after.vega - seen.before.vega == pytest.approx(seen.trade_greeks.vega)
    assert seen.after.vega == pytest.approx(seen.before.vega * 5 / 3)


def test_the_largest_size_that_fits_stops_at_the_tightest_limit(core: DeskCore) -> None:
    seen = preview(core, condor_legs(1))
    assert seen.trade_greeks is not None
    fits = seen.largest_packages_that_fit
    assert fits is not None
    bounds = {change.before.metric: change.before for change in seen.limits}
    vega_low, gamma_low = bounds[Metric.VEGA].low, bounds[Metric.GAMMA].low
    assert vega_low is not None
    assert gamma_low is not None
    assert seen.trade_greeks.vega * fits >= vega_low
    assert seen.trade_greeks.gamma * fits >= gamma_low
    tighter = min(vega_low / seen.trade_greeks.vega, gamma_low / seen.trade_greeks.gamma)
    assert fits <= tighter < fits + 1 or fits == 100


def test_margin_after_is_unknown_until_the_broker_was_asked(core: DeskCore) -> None:
    margin = [
        change for change in preview(core, condor_legs()).limits if change.before.metric is Metric.MARGIN_USED_PCT
    ]
    assert margin[0].before.value == 20.0
    assert margin[0].after.value is None


def test_a_leg_without_a_quote_leaves_prices_unknown_and_the_trade_flagged(core: DeskCore) -> None:
    legs = (*condor_legs()[:3], OrderLeg(spxw(Right.CALL, 7700), Action.BUY, 1))
    seen = preview(core, legs)
    assert seen.net_mid is None
    assert seen.max_loss is None
    assert seen.legs[3].quote is None
    assert seen.trade_greeks is not None
    assert seen.trade_greeks.excluded_count == 1


def test_an_empty_ticket_previews_as_nothing(core: DeskCore) -> None:
    seen = preview(core, ())
    assert (seen.strategy_name, seen.packages, seen.net_mid, seen.legs) == ("", 0, None, ())


def test_the_payoff_curve_holds_the_strikes_and_ends_at_the_known_extremes(core: DeskCore) -> None:
    seen = preview(core, condor_legs(), "-13.90")
    assert seen.payoff_spots is not None
    assert seen.payoff_at_expiry is not None
    assert seen.payoff_today is not None
    assert {6700.0, 6800.0, 7550.0, 7650.0} <= set(seen.payoff_spots.tolist())
    assert seen.payoff_at_expiry.max() == pytest.approx(1390)
    assert seen.payoff_at_expiry.min() == pytest.approx(-8610)
    assert np.isfinite(seen.payoff_today).all()


def test_a_calendar_is_valued_at_its_first_expiry() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, [])
    near, far = spxw(Right.CALL, 7200), spxw(Right.CALL, 7200, date(2026, 7, 17))
    feed(core, (quote(near.key, "90", "91"), quote(far.key, "150", "151.6")))
    seen = preview(core, (OrderLeg(near, Action.SELL, 1), OrderLeg(far, Action.BUY, 1)), "60.30")
    assert "calendar" in seen.strategy_tag
    assert len(seen.breakevens) == 2
    assert seen.max_loss is not None
    # The debit, and a little more far away from the strike: carry makes the later European option worth less there.
    assert Decimal(6030) <= seen.max_loss <= Decimal(6400)


def test_an_american_calendar_loses_its_debit_and_no_more_and_the_gate_hears_the_same() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, [])
    near, far = (
        option_contract("SPY", day, Right.CALL, Decimal(720)) for day in (date(2026, 5, 15), date(2026, 7, 17))
    )
    core.market.apply((quote("SPY", "718.30", "718.32"),))
    feed(core, (quote(near.key, "8.20", "8.24"), quote(far.key, "21.60", "21.70")))
    legs = (OrderLeg(near, Action.SELL, 6), OrderLeg(far, Action.BUY, 6))
    seen = preview(core, legs, "13.45")
    # Exercised or worthless at either end: unlike the European one it never costs more than was paid.
    assert seen.max_loss == Decimal("8070.00")
    assert core.tickets.max_loss_usd(legs, Decimal("13.45")) == seen.max_loss
    assert len(seen.breakevens) == 2
    assert seen.payoff_at_expiry is not None
    assert seen.max_profit is not None
    assert float(seen.payoff_at_expiry.max()) == pytest.approx(float(seen.max_profit), abs=0.01)


@pytest.mark.parametrize(
    ("kind", "how_many", "words"),
    [
        (MarketDataKind.DELAYED, 4, "The quote of every leg is delayed, not live"),
        (MarketDataKind.DELAYED, 1, "The quote of SPXW 5 Jun 26 6700 P is delayed, not live"),
        (MarketDataKind.FROZEN, 4, "The quote of every leg is frozen, not live"),
    ],
)
def test_a_ticket_on_quotes_that_are_not_live_says_that_it_will_not_be_sent(
    core: DeskCore, kind: MarketDataKind, how_many: int, words: str
) -> None:
    assert preview(core, condor_legs()).problems == ()
    feed(core, tuple(replace(one, kind=kind) for one in condor_quotes()[:how_many]))
    seen = preview(core, condor_legs())
    assert [problem.field for problem in seen.problems] == ["legs"]
    assert seen.problems[0].text.startswith(f"{words}: simulate it, but it will not be sent.")
    assert seen.legs[0].quote is not None
    assert seen.legs[0].quote.kind is kind
    assert seen.net_mid is not None


def test_a_staged_leg_has_the_brokers_greeks_beside_ours_as_long_as_they_count() -> None:
    clock = ManualClock(NOW)
    core = core_at(clock)
    core.set_positions(ACCOUNT, [])
    feed(core, condor_quotes())
    legs = condor_legs()
    told = ModelGreeks(legs[1].contract.key, NOW, 0.19, -0.16, None, None, None)
    core.market.apply_model_greeks([told])
    clock.advance(timedelta(seconds=4))
    seen = preview(core, legs)
    assert [(leg.broker_greeks, leg.broker_age_s) for leg in seen.legs] == [
        (None, None),
        (told, 4.0),
        (None, None),
        (None, None),
    ]
    assert seen.legs[1].greeks is not None
    assert seen.legs[1].greeks.delta != -0.16
    clock.advance(timedelta(seconds=57))
    assert preview(core, legs).legs[1].broker_greeks is None
