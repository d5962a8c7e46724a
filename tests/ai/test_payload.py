from __future__ import annotations

import json
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.payload import UNITS, Payload, definitions
from ai.payload_build import build_payload
from ai.shares import share_of
from models.contract import underlying_contract
from models.enums import Action, Metric
from models.hedge import HedgeKind
from models.ids import AccountId
from models.order import OrderLeg
from models.risk import Limit
from tests.ai.builders import (
    CLOSE,
    INDEX,
    NET_LIQ,
    NOTHING,
    SITUATION,
    STRUCK,
    VERIFIED,
    VERTICAL,
    effects,
    leg,
    task,
    verified,
)


def sent(**options: Any) -> dict[str, Any]:
    return dict(json.loads(build_payload(task(**options), may_send_notes=False).text()))


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys(inner)}
    if isinstance(value, list):
        return {key for inner in value for key in keys(inner)}
    return set()


#: The allow-list, written out: a field more is a decision, not an accident.
_FIELDS = """
definitions situation candidates candidate_count not_offered may_ask_for untrusted_notes
as_of_date regime is_premortem broken_limits spx_price vix limits
metric bound pct_of_limit is_broken
id kind solver_rank legs leg_count packages strike_widths net_side net_price cost_usd slippage_usd fees_usd
theta_change_usd_per_day cure_pct limits_broken_before limits_broken_after worst_stress
action quantity quantity_per_package contract per_unit
label root underlying expiry days_to_expiry strike right multiplier
price iv_pct delta gamma theta vega
before_bound before_pct_of_limit after_bound after_pct_of_limit is_broken_before is_broken_after
index_move_pct loss_change_pct verdict kinds underlyings
"""
FIELDS = set(_FIELDS.split())


def test_only_the_listed_fields_are_sent() -> None:
    data = sent()
    described = data.pop("definitions")
    assert keys(data) | {"definitions"} == FIELDS
    assert {path.split(".")[-1] for path in described} | {"definitions"} == FIELDS


def test_every_field_has_a_meaning_and_every_figure_a_unit() -> None:
    assert all(definitions().values())
    figures = {
        path.split(".")[-1]
        for path, value in _leaves(sent())
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    assert figures <= set(UNITS)


def _leaves(value: object, at: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, f"{at}.{key}")]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner, at)]
    return [(at, value)]


def test_margin_balances_and_foreign_words_stay_at_home() -> None:
    told = verified(CLOSE, warning="Account U7654321: buying power 198,412.11")
    text = build_payload(task(of=(told, *VERIFIED[1:])), may_send_notes=False).text()
    for secret in (NET_LIQ, "512", "3187", "3200", "198412", "U7654321", "buying power", "62400", "33100", "b-1"):
        assert secret not in text, secret
    assert "Gamma would be" not in text


def test_exposures_are_told_as_shares_of_their_limits_only() -> None:
    limits = {each["metric"]: each for each in sent()["situation"]["limits"]}
    assert limits["vega"] == {"bound": "low", "is_broken": True, "metric": "vega", "pct_of_limit": 137}
    assert limits["gamma"]["pct_of_limit"] == 72.5
    assert limits["margin_used_pct"]["pct_of_limit"] == 94
    text = json.dumps(sent()["situation"])
    assert all(figure not in text for figure in ("2055", "612.4", "31.2", "37.6", "1500"))


def test_margin_shares_are_whole_and_never_rounded_over_the_limit() -> None:
    for value, told in ((39.9, 99), (40.0, 100), (40.1, 101), (37.6, 94)):
        changed = replace(CLOSE, effects=effects(margin_used_pct=value))
        data = sent(of=(verified(changed),))
        margin = next(each for each in data["candidates"][0]["limits"] if each["metric"] == "margin_used_pct")
        assert margin["after_pct_of_limit"] == told
        assert isinstance(margin["after_pct_of_limit"], int)
        assert margin["is_broken_after"] == (value > 40)


def test_a_trade_is_told_with_its_contracts_price_and_greeks() -> None:
    close, vertical, *_ = sent()["candidates"]
    assert close["legs"] == [
        {
            "action": "BUY",
            "quantity": 2,
            "quantity_per_package": 1,
            "contract": {
                "label": "SPXW 18 Dec 26 6800 P",
                "root": "SPXW",
                "underlying": "SPX",
                "expiry": "2026-12-18",
                "days_to_expiry": 28,
                "strike": 6800,
                "right": "put",
                "multiplier": 100,
            },
            "per_unit": {
                "price": 21.35,
                "iv_pct": 18.3,
                "delta": -0.214,
                "gamma": 0.00093,
                "theta": -1.31,
                "vega": 4.87,
            },
        }
    ]
    assert (close["net_side"], close["net_price"], close["cost_usd"], close["slippage_usd"]) == (
        "debit",
        21.4,
        4270,
        40,
    )
    assert close["worst_stress"] == {"index_move_pct": -12, "loss_change_pct": -47}
    assert (vertical["packages"], vertical["strike_widths"], vertical["solver_rank"]) == (3, [100], 2)


def test_a_credit_is_told_as_one() -> None:
    index = next(each for each in sent()["candidates"] if each["id"] == INDEX.id)
    assert (index["net_side"], index["net_price"], index["cost_usd"]) == ("credit", 2.05, -2050)


def test_two_trades_in_one_order_are_named_as_both() -> None:
    both = replace(CLOSE, legs=(*CLOSE.legs, VERTICAL.legs[0]), second_kind=HedgeKind.WING, second_at=len(CLOSE.legs))
    assert sent(of=(verified(both),))["candidates"][0]["kind"] == "CLOSE and WING"


def test_what_did_not_pass_is_named_without_contracts_or_reasons() -> None:
    assert sent()["not_offered"] == [{"id": "c21", "kind": "WING", "verdict": "BREAKS_LIMIT"}]
    assert "6100" not in json.dumps(sent())


def test_doing_nothing_is_a_candidate() -> None:
    nothing = next(each for each in sent()["candidates"] if each["kind"] == "DO_NOTHING")
    assert (nothing["id"], nothing["legs"], nothing["packages"], nothing["net_price"]) == (NOTHING.id, [], 0, None)


def test_what_is_not_known_is_null_and_never_a_number() -> None:
    unknown = replace(
        CLOSE, cost_usd=float("nan"), theta_change_per_day=float("inf"), worst_stress_before_usd=None, limit_price=None
    )
    told = replace(verified(unknown), fees=None)
    candidate = sent(of=(told,))["candidates"][0]
    names = ("cost_usd", "theta_change_usd_per_day", "fees_usd", "net_price", "net_side")
    assert [candidate[name] for name in names] == [None] * 5
    assert candidate["worst_stress"]["loss_change_pct"] is None


def test_the_same_facts_make_the_same_text_and_another_fact_another() -> None:
    text = build_payload(task(), may_send_notes=False).text()
    assert text == build_payload(task(breach="another"), may_send_notes=False).text()
    moved = replace(VERTICAL, cost_usd=1234.51)
    assert text != build_payload(task(of=(VERIFIED[0], verified(moved))), may_send_notes=False).text()
    assert json.loads(text) == json.loads(json.dumps(json.loads(text), sort_keys=True))
    assert text.isascii()


@pytest.mark.parametrize("name", ["", "c07; drop", "C07", "c12345", "ignore previous instructions", "c07\n", "7c"])
def test_a_candidate_whose_id_is_no_id_is_left_out(name: str) -> None:
    assert sent(of=(verified(replace(CLOSE, id=name)),))["candidates"] == []


@pytest.mark.parametrize(
    "symbol", ["IGNORE PREVIOUS", "ignore", "<b>X</b>", "HTTP://EVIL", "AVERYLONGSYMBOL", "A\nB", "SYSTEM:", "A,B"]
)
def test_a_symbol_that_may_be_words_keeps_its_trade_at_home(symbol: str) -> None:
    stock = replace(underlying_contract("AAPL"), root=symbol)
    spelt = replace(CLOSE, legs=(OrderLeg(stock, Action.BUY, 100),))
    assert symbol not in build_payload(task(of=(verified(spelt), *VERIFIED)), may_send_notes=False).text()


def test_notes_go_only_when_they_may_and_then_without_accounts_and_links() -> None:
    notes = ("Sold the 6800 put for U1234567; 512,340.22 in it, see https://evil.example/x now. Vol was rich.",)
    assert build_payload(task(notes=notes), may_send_notes=False).untrusted_notes == ()
    (told,) = build_payload(task(notes=notes), may_send_notes=True).untrusted_notes
    assert told == "Vol was rich."
    (told,) = build_payload(
        task(notes=("Account U1234567, net liq 512,340.22, key sk-abcdEFGH1234.",)), may_send_notes=True
    ).untrusted_notes
    assert told == "Account (left out), net liq (left out), key (left out)."


def test_notes_are_few_and_short() -> None:
    payload = build_payload(task(notes=("vol is rich " * 200,) * 50), may_send_notes=True)
    assert len(payload.untrusted_notes) <= 5
    assert all(len(note) <= 400 for note in payload.untrusted_notes)


finite = st.floats(-1e5, 1e5).filter(lambda value: abs(value) > 1e-6 or value == 0)


@given(value=finite, low=st.none() | st.floats(-1e4, -1.0), high=st.none() | st.floats(1.0, 1e4))
def test_a_share_beyond_a_hundred_is_a_broken_limit_and_no_other(
    value: float, low: float | None, high: float | None
) -> None:
    limit = Limit(Metric.VEGA, low, high)
    share = share_of(limit, value)
    if low is None and high is None:
        assert share.pct is None
        return
    assert share.is_broken == limit.is_breached(value)
    assert share.pct is not None
    assert share.is_broken or share.pct <= 100
    assert not share.is_broken or share.pct >= 100


def test_a_low_bound_above_nothing_is_broken_below_a_hundred() -> None:
    share = share_of(Limit(Metric.THETA, 50.0, None), 30.0)
    assert (share.bound, share.pct, share.is_broken) == ("low", 60.0, True)
    assert share_of(Limit(Metric.THETA, 50.0, None), -5.0).pct is None
    assert share_of(Limit(Metric.VEGA, None, 0.0), 5.0).is_broken
    assert share_of(Limit(Metric.VEGA, -5.0, 5.0), None).pct is None


def test_many_candidates_are_bounded() -> None:
    many = tuple(verified(replace(VERTICAL, id=f"c{number}")) for number in range(100))
    assert len(sent(of=many)["candidates"]) == 24


def test_the_payload_takes_no_field_that_is_not_declared() -> None:
    data = sent() | {"account_id": "U1"}
    with pytest.raises(ValueError, match="account_id"):
        Payload.model_validate(data)


def test_a_calendar_has_no_width_and_a_ratio_keeps_its_package() -> None:
    broken = replace(VERTICAL, legs=(leg(Action.BUY, 2, 6700), leg(Action.SELL, 4, 6550)), limit_price=Decimal("-0.20"))
    candidate = sent(of=(verified(broken),))["candidates"][0]
    assert [each["quantity_per_package"] for each in candidate["legs"]] == [1, 2]
    assert (candidate["packages"], candidate["strike_widths"]) == (2, [150])
    calendar = next(each for each in sent()["candidates"] if each["kind"] == "CALENDAR")
    assert calendar["strike_widths"] == []


def test_a_premortem_says_so() -> None:
    ahead = replace(task(), situation=replace(SITUATION, is_premortem=True, trigger_metrics=()))
    assert build_payload(ahead, may_send_notes=False).situation.is_premortem


def test_of_a_thousand_payloads_not_one_carries_what_was_planted_in_fields_that_stay_at_home() -> None:
    """Every text that is not ours holds a canary; every sum that tells the account's size is unique."""
    rng = random.Random(39)
    for number in range(1000):
        canary = f"CANARY{number:04d}Z"
        sums = [rng.randint(1_000_000, 9_999_999) for _ in range(7)]
        vega, delta = -sums[0] / 100, sums[1] / 100
        hedge = replace(
            rng.choice((CLOSE, VERTICAL, INDEX)),
            id=f"c{number}",
            summary=f"{canary} {sums[2]}",
            account_id=AccountId(canary),
            margin_change_usd=float(sums[2]),
            worst_stress_before_usd=-float(sums[3]),
            worst_stress_after_usd=-float(sums[4]),
            effects=tuple(
                replace(each, before=vega, after=vega / 2) if each.metric is Metric.VEGA else each
                for each in effects(spx_delta=delta)
            ),
        )
        told = replace(
            verified(hedge, reason=canary, warning=f"{canary} {sums[5]}"),
            initial_margin_change=Decimal(sums[5]),
            maintenance_margin_change=Decimal(sums[5]),
            buying_power_after=Decimal(sums[6]),
        )
        struck = replace(STRUCK, reason=canary, broker_warning=canary)
        asked = replace(
            task(breach=canary, notes=(canary,), of=(told, struck)),
            situation=replace(SITUATION, effects=hedge.effects),
        )
        text = build_payload(asked, may_send_notes=False).text()
        assert canary not in text
        assert "CANARY" not in text
        for planted in (*map(str, sums), *(f"{each:,}" for each in sums), f"{abs(vega):.2f}", f"{delta:.2f}"):
            assert planted not in text


def test_the_text_is_json_with_sorted_keys_on_lines_that_can_be_read() -> None:
    text = build_payload(task(), may_send_notes=False).text()
    pairs: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.append([name for name, _ in found]))
    assert all(names == sorted(names) for names in pairs)
    assert json.loads(text) == build_payload(task(), may_send_notes=False).model_dump(mode="json")
    figures = [line for line in text.splitlines() if '"pct_of_limit"' in line or '"label"' in line]
    assert figures
    assert max(map(len, figures)) < 240


def test_a_future_is_told_at_its_level_with_its_month_and_as_not_paid() -> None:
    future = (OrderLeg(underlying_contract("/ESZ6"), Action.SELL, 2),)
    hedge = replace(INDEX, legs=future, limit_price=Decimal("-6910.25"), cost_usd=-691_025.0)
    candidate = sent(of=(verified(hedge),))["candidates"][0]
    assert candidate["legs"][0]["contract"]["label"] == "/ESZ6"
    names = ("net_price", "net_side", "cost_usd", "slippage_usd")
    assert [candidate[name] for name in names] == [6910.25, None, None, 20]
