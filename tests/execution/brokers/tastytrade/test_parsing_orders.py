from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.tastytrade.parsing import Odd
from execution.brokers.tastytrade.parsing_alerts import alert_of
from execution.brokers.tastytrade.parsing_orders import (
    draft_body,
    dry_run_of,
    order_of,
    placed_order_of,
    replacement_body,
)
from execution.brokers.tastytrade.seam import load_sdk
from models.errors import InvalidInput
from tests.execution.brokers.tastytrade import samples

Spoil = Callable[[dict[str, Any]], Any]


def test_the_captured_alert_reads_as_a_debit_with_one_fill() -> None:
    order = order_of(samples.live_order())
    assert (order.order_id, order.account_number, order.status) == ("507349840", samples.ACCOUNT, "Live")
    assert (order.net_price, order.size, order.source) == (Decimal("10.51"), Decimal(1), "WB2;0.174.2")
    assert order.updated_at_utc == datetime(2026, 9, 17, 18, 32, 28, 464000, tzinfo=UTC)
    assert (order.legs[0].action, order.legs[0].remaining) == ("Buy to Open", Decimal(0))
    assert (order.legs[0].fills[0].fill_id, order.legs[0].fills[0].price) == ("2609179990014993642", Decimal("10.505"))


def test_a_credit_is_negative() -> None:
    order = order_of(samples.spread_order())
    assert (order.net_price, order.external_identifier, order.size) == (Decimal("-4.2"), "ours-1", Decimal(2))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda order: order.update({"user-id": 7, "status": "Dead"}),
        lambda order: order.update({"status": "Remove Pending", "order-type": "Whim"}),
        lambda order: order.update(
            {"order-rule": {"route-after": None}, "related-orders": [{"id": 5}], "type": "BLAST"}
        ),
        lambda order: order.pop("underlying-instrument-type"),
        lambda order: order.pop("updated-at"),
        lambda order: order.pop("source"),
        lambda order: order.update({"value-effect": "Debit"}),
        lambda order: order.update({"complex-order-id": 5, "gtc-date": "never"}),
        lambda order: order["legs"][0].update({"action": "Allocate"}),
        lambda order: order["legs"][0].update({"instrument-type": "Moon Rock"}),
        lambda order: order["legs"][0].pop("remaining-quantity"),
        lambda order: order["legs"][0].pop("fills"),
        lambda order: order["legs"][0]["fills"][0].pop("filled-at"),
        lambda order: order.update({"size": "NaN"}),
    ],
)
def test_what_makes_the_sdk_s_models_fall_is_read_as_it_is(spoil: Spoil) -> None:
    raw = samples.live_order()
    spoil(raw)
    order = order_of(raw)
    assert (order.order_id, order.size, order.legs[0].quantity) == ("507349840", Decimal(1), Decimal(1))
    assert order.status == raw["status"]


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda order: order.pop("id"), "no id"),
        (lambda order: order.pop("status"), "no status"),
        (lambda order: order.pop("account-number"), "no account-number"),
        (lambda order: order.update({"legs": []}), "no legs"),
        (lambda order: order.update({"legs": "many"}), "legs is not a list"),
        (lambda order: order["legs"].append(None), "a leg is not an object"),
        (lambda order: order["legs"][0].update({"quantity": "NaN"}), "quantity is no number"),
        (lambda order: order["legs"][0].pop("symbol"), "no symbol"),
        (lambda order: order["legs"][0]["fills"][0].update({"fill-price": "NaN"}), "fill-price is no number"),
        (lambda order: order["legs"][0]["fills"][0].pop("fill-id"), "no fill-id"),
    ],
)
def test_an_order_that_cannot_be_counted_is_odd(spoil: Spoil, what: str) -> None:
    raw = samples.live_order()
    spoil(raw)
    with pytest.raises(Odd, match=what):
        order_of(raw)


def test_an_order_without_a_price_effect_takes_its_side_from_a_single_leg_only() -> None:
    single, spread = samples.live_order(), samples.spread_order()
    del single["price-effect"], spread["price-effect"]
    assert (order_of(single).net_price, order_of(spread).net_price) == (Decimal("10.51"), None)


def test_what_remains_is_counted_where_it_is_not_told() -> None:
    raw = samples.live_order()
    raw["legs"][0] |= {"quantity": 3, "fills": [samples.fill("a", 1), samples.fill("b", 1)]}
    del raw["legs"][0]["remaining-quantity"], raw["size"]
    order = order_of(raw)
    assert (order.legs[0].remaining, order.size) == (Decimal(1), Decimal(3))


def test_an_accepted_order_is_read_from_a_post_without_effects_and_from_a_bare_put() -> None:
    wrapped = placed_order_of({"order": samples.spread_order()}, samples.ACCOUNT)
    bare = placed_order_of(samples.spread_order(270562, "Contingent") | {"replaces-order-id": 270561}, samples.ACCOUNT)
    assert (wrapped.order_id, wrapped.status) == ("270561", "Routed")
    assert (bare.order_id, bare.status, bare.replaces_order_id) == ("270562", "Contingent", "270561")
    with pytest.raises(Odd):
        placed_order_of(None, samples.ACCOUNT)


def test_a_dry_run_says_what_more_is_needed_as_positive_numbers() -> None:
    found = dry_run_of(samples.dry_run(), ())
    assert (found.margin_change, found.isolated_margin) == (Decimal(10000), Decimal(10000))
    assert (found.buying_power_change, found.fees) == (Decimal("9174.16"), Decimal("14.16"))
    assert (found.buying_power_before, found.buying_power_after) == (Decimal(80000), Decimal("70825.84"))
    assert found.warnings == ("Your order will begin working during next valid session.",)
    assert found.errors == ()


def test_a_margin_that_is_freed_is_negative_and_a_buying_power_below_zero_too() -> None:
    raw = samples.effects()
    raw["buying-power-effect"] |= {"change-in-margin-requirement-effect": "Credit", "new-buying-power-effect": "Debit"}
    found = dry_run_of(raw, (("margin_check_failed", "No."),))
    assert (found.margin_change, found.buying_power_after) == (Decimal(-10000), Decimal("-70825.84"))
    assert found.errors == (("margin_check_failed", "No."),)


def test_errors_beside_the_figures_are_added_to_those_of_the_answer_once() -> None:
    beside = [{"code": "closing_only", "message": "Only closing."}, {"code": "margin_check_failed", "message": "No."}]
    found = dry_run_of(samples.effects() | {"errors": beside}, (("margin_check_failed", "No."),))
    assert found.errors == (("margin_check_failed", "No."), ("closing_only", "Only closing."))


@pytest.mark.parametrize("raw", [None, [], {}, {"buying-power-effect": "none", "fee-calculation": [], "warnings": {}}])
def test_a_dry_run_without_figures_knows_none(raw: Any) -> None:
    found = dry_run_of(raw, ())
    assert (found.margin_change, found.buying_power_after, found.fees, found.warnings) == (None, None, None, ())


def test_the_body_of_an_order_is_the_sdk_s_own_without_what_is_for_its_paper_service() -> None:
    asyncio.run(_loaded())
    from tastytrade import order as sdk_orders

    legs = [
        sdk_orders.Leg(
            instrument_type=sdk_orders.InstrumentType(leg.instrument_type),
            symbol=leg.symbol,
            action=sdk_orders.OrderAction(leg.action),
            quantity=leg.quantity,
        )
        for leg in samples.draft(is_strict=True, word="Close").legs
    ]
    made = sdk_orders.LimitOrder(
        legs=legs,
        price=Decimal("4.20"),  # the SDK's credits are positive
        external_identifier="ours-1",
        source="Optiondesk/1.0",
        advanced_instructions=sdk_orders.AdvancedInstructions(strict_position_effect_validation=True),
    )
    theirs = json.loads(made.model_dump_json(exclude_none=True, by_alias=True))
    assert theirs.pop("behavior") == "immediate"
    assert draft_body(samples.draft(is_strict=True, word="Close")) == theirs


async def _loaded() -> None:
    load_sdk()


def test_only_closing_orders_ask_for_strictness_and_market_orders_bear_no_price() -> None:
    assert "advanced-instructions" not in draft_body(samples.draft(is_strict=True, word="Open"))
    assert "advanced-instructions" not in draft_body(samples.draft(is_strict=False, word="Close"))
    body = draft_body(samples.draft(None))
    assert (body["order-type"], "price" in body, "price-effect" in body) == ("Market", False, False)


def test_a_replacement_has_no_legs() -> None:
    assert replacement_body(samples.draft(Decimal("1.05"))) == {
        "time-in-force": "Day",
        "source": "Optiondesk/1.0",
        "external-identifier": "ours-1",
        "order-type": "Limit",
        "price": "1.05",
        "price-effect": "Debit",
    }


def test_a_replacement_that_closes_is_as_strict_as_the_order_it_replaces() -> None:
    strict = {"strict-position-effect-validation": True}
    closing = replacement_body(samples.draft(Decimal("1.05"), is_strict=True, word="Close"))
    assert closing["advanced-instructions"] == strict
    assert "legs" not in closing
    assert "advanced-instructions" not in replacement_body(samples.draft(Decimal("1.05"), is_strict=True))


def test_an_even_price_is_not_sent() -> None:
    with pytest.raises(InvalidInput, match="net price of 0"):
        draft_body(samples.draft(Decimal(0)))


def test_alerts_are_read_by_their_type() -> None:
    for kind, raw in (
        ("Order", samples.live_order()),
        ("AccountBalance", samples.balance()),
        ("CurrentPosition", samples.position()),
    ):
        fact = alert_of(kind, raw)
        assert fact is not None
        assert fact.account_number == samples.ACCOUNT
    assert alert_of("QuoteAlert", {"what": "ever"}) is None
    with pytest.raises(Odd):
        alert_of("Order", None)


JSON_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({})
)


@given(st.data())
def test_an_order_with_any_field_spoiled_reads_or_is_odd(data: st.DataObject) -> None:
    raw = samples.live_order()
    leg = raw["legs"][0]
    where = data.draw(st.sampled_from([raw, leg, leg["fills"][0]]))
    where[data.draw(st.sampled_from(sorted(where)))] = data.draw(JSON_VALUES)
    try:
        order = order_of(raw)
    except Odd:
        return
    assert order.order_id
    assert all(leg.quantity.is_finite() for leg in order.legs)
