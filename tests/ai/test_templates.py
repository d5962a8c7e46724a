from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from ai.templates import template
from models.contract import underlying_contract
from models.enums import Action, Metric
from models.hedge import HedgeKind, Verdict
from models.order import OrderLeg
from tests.ai.builders import CALENDAR, CLOSE, INDEX, NOTHING, SITUATION, STRUCK, VERTICAL, effects, leg, verified


def said(candidate: object, **changes: object) -> str:
    changed = replace(candidate, **changes)  # type: ignore[type-var]  # a dataclass by every caller
    return template(SITUATION, verified(changed))  # type: ignore[arg-type]  # of its type


def test_closing_names_contract_price_cure_cost_theta_margin_and_stress() -> None:
    assert template(SITUATION, verified(CLOSE)) == (
        "Buys back 2 SPXW 18 Dec 26 6800 P for DB 21.40. Vega goes from 137% to 72% of its limit. Costs $4,270 "
        "(slippage $40), gives up $262 of theta a day and frees $3,187 of margin. No other limit comes nearer. The "
        "worst stress loss falls from $62,400 to $33,100 (at −12%)."
    )


def test_a_credit_brings_in_and_theta_is_added() -> None:
    text = template(SITUATION, verified(INDEX))
    assert text.startswith("Sells 10 XSP 18 Dec 26 690 C for CR 2.05.")
    assert "Brings in $2,050 (slippage $20), adds $55 of theta a day" in text


def test_spreads_name_both_sides() -> None:
    assert "Adds a vertical: buy 3 SPXW 18 Dec 26 6700 P and sell 3 SPXW 18 Dec 26 6600 P for DB 4.10." in template(
        SITUATION, verified(VERTICAL)
    )
    assert "Adds a calendar: sell 2 SPXW 18 Dec 26 6500 P and buy 2 SPXW 15 Jan 27 6500 P" in template(
        SITUATION, verified(CALENDAR)
    )
    assert said(VERTICAL, kind=HedgeKind.ROLL).startswith("Rolls: buy 3")
    assert said(VERTICAL, kind=HedgeKind.BROKEN_WING).startswith("Adds a broken wing: buy 3")


def test_doing_nothing_says_what_stays() -> None:
    assert template(SITUATION, verified(NOTHING)) == (
        "Leaves the book as it is and costs nothing. Vega stays at 137% of its limit. "
        "The worst stress loss stays $62,400 (at −12%)."
    )
    ahead = replace(SITUATION, is_premortem=True)
    assert "Vega stays at 137% of its limit in the next regime." in template(ahead, verified(NOTHING))


def test_a_struck_out_one_gives_its_reason_as_plain_text() -> None:
    assert template(SITUATION, STRUCK).endswith("for DB 3.30. Gamma would be at 110 % of its limit.")
    bare = replace(STRUCK, reason="", verdict=Verdict.NO_QUOTE)
    assert template(SITUATION, bare).endswith("Not offered: a leg has no two-sided quote.")
    marked = replace(STRUCK, reason="<b>No</b> **margin** `x`\n![a](b)")
    assert not set(template(SITUATION, marked)) & set("<>*`[]#")


def test_the_limit_that_comes_nearest_is_named() -> None:
    text = said(CLOSE, effects=effects(vega=-1081.0, gamma=-3.6, theta=640.0))
    assert "Another limit comes nearer: gamma goes from 72% to 90% of its limit." in text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1500.0, "to 100% of"),
        (-1500.2, "to just over 100% of"),
        (-1499.8, "to just under 100% of"),
        (-1503.0, "to 100.2% of"),
    ],
)
def test_rounding_never_moves_a_share_over_its_limit(value: float, words: str) -> None:
    assert words in said(CLOSE, effects=effects(vega=value))


def test_unknown_figures_are_left_out_and_never_shown_as_nothing() -> None:
    text = template(
        SITUATION,
        replace(
            verified(
                replace(
                    CLOSE,
                    cost_usd=float("nan"),
                    theta_change_per_day=float("nan"),
                    worst_stress_after_usd=None,
                    limit_price=None,
                )
            ),
            initial_margin_change=None,
        ),
    )
    assert text == (
        "Buys back 2 SPXW 18 Dec 26 6800 P. Vega goes from 137% to 72% of its limit. No other limit comes nearer."
    )
    assert "nan" not in text


def test_small_and_odd_amounts_are_written_as_money() -> None:
    text = said(CLOSE, cost_usd=7.5, slippage_usd=0.2, theta_change_per_day=0.0)
    assert "Costs $7.50 and frees" in text
    assert "$1,235" in said(VERTICAL, cost_usd=1234.5)
    assert "for EVEN." in said(VERTICAL, limit_price=Decimal(0))


def test_one_leg_of_each_kind_reads_as_what_is_done() -> None:
    sell = (leg(Action.SELL, 2, 6800),)
    assert said(CLOSE, legs=sell).startswith("Sells out 2 ")
    assert said(CLOSE, kind=HedgeKind.REDUCE).startswith("Reduces: buys 2 ")
    assert said(CLOSE, kind=HedgeKind.WING).startswith("Buys 2 ")


def test_several_broken_limits_are_all_told() -> None:
    both = replace(SITUATION, trigger_metrics=(Metric.VEGA, Metric.GAMMA))
    text = template(both, verified(replace(CLOSE, effects=effects(vega=-1081.0, gamma=-2.0))))
    assert "Gamma goes from 72% to 50% of its limit and vega goes from 137% to 72% of its limit." in text


def test_the_worst_loss_is_told_where_it_falls_rises_and_is_none() -> None:
    assert "rises from $62,400 to $70,000 (at −12%)." in said(CLOSE, worst_stress_after_usd=-70_000.0)
    assert "to $33,100." in said(CLOSE, worst_stress_shift=None)
    assert said(CLOSE, worst_stress_after_usd=500.0).endswith(
        "At no rung of the stress ladder the book loses; before, it lost up to $62,400."
    )


def test_a_future_is_traded_at_a_level_and_not_paid_for() -> None:
    future = (OrderLeg(underlying_contract("/ESZ6"), Action.SELL, 2),)
    text = said(INDEX, legs=future, limit_price=Decimal("-6910.25"), cost_usd=-691_025.0, slippage_usd=12.5)
    assert text.startswith("Sells 2 /ESZ6 at 6,910.25.")
    assert "Costs $13 of slippage, adds $55 of theta a day and frees $3,187 of margin." in text
    assert "691,025" not in text


def test_two_trades_in_one_order_are_both_told() -> None:
    legs = (CLOSE.legs[0], *VERTICAL.legs)
    text = said(CLOSE, legs=legs, second_kind=HedgeKind.VERTICAL, second_at=1)
    assert text.startswith("Buys back 2 SPXW 18 Dec 26 6800 P, and adds a vertical: buy 3 ")
    text = said(CLOSE, legs=(CLOSE.legs[0], VERTICAL.legs[0]), second_kind=HedgeKind.WING, second_at=1)
    assert text.startswith("Buys back 2 SPXW 18 Dec 26 6800 P, and buys 3 ")


def test_shares_are_traded_at_their_price_and_paid() -> None:
    shares = (OrderLeg(underlying_contract("AAPL"), Action.SELL, 200),)
    text = said(CLOSE, kind=HedgeKind.REDUCE, legs=shares, limit_price=Decimal("-280.05"), cost_usd=-56_010.0)
    assert text.startswith("Reduces: sells 200 AAPL at 280.05.")
    assert "Brings in $56,010" in text
