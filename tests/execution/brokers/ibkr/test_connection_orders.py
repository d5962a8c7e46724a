from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.brokers.ibkr.facts import (
    ErrorFact,
    IbComboLeg,
    IbContract,
    OrderStatusFact,
)
from execution.brokers.ibkr.settings import IbTimeouts
from execution.brokers.ibkr.wire_port import IbOrder, WhatIfReply
from models.errors import BugError
from tests.execution.brokers.ibkr.raw_tws import PATIENT, QUICK, RawTws, desk_at, play
from tests.execution.brokers.ibkr.wire_values import ORDER, SPY, UNSET, execution, view
from tests.simulators.tws import order_replies, replies
from tests.simulators.tws.framing import Fields
from tests.simulators.tws.order_replies import OrderView


def test_an_order_names_account_time_in_force_session_and_reference() -> None:
    bag = IbContract(
        0, "SPX", "BAG", exchange="SMART", combo_legs=(IbComboLeg(11, 1, "BUY"), IbComboLeg(12, 1, "SELL", "CBOE"))
    )

    async def scenario() -> None:
        async with desk_at(RawTws(next_id=40)) as desk:
            wire = await desk.opened()
            used = wire.place(bag, ORDER)
            wire.place(bag, replace(ORDER, limit_price=Decimal("-1.90")), used)
            wire.place(SPY, IbOrder("SELL", Decimal("0.5"), "MKT", None, "GTC", "DU1", "ref-2"))
            wire.cancel(used)
            await wire.current_time()
            first, change, market = desk.tws.asked(3)
            assert (used, first[1], change[1], market[1]) == (40, "40", "40", "41")
            assert first[16:27] == ["BUY", "2", "LMT", "-1.85", "", "DAY", "", "DU1", "O", "0", "ref-1"]
            assert (change[19], market[17:20]) == ("-1.9", ["0.5", "MKT", ""])
            assert first[27] == "1"  # transmit
            assert first[33] == "0"  # outside regular hours
            assert first[35:44] == ["2", "11", "1", "BUY", "SMART", "0", "0", "", "-1"]
            assert desk.tws.asked(4)[0][:3] == ["4", "1", "40"]

    play(scenario())


def test_new_ids_stay_above_every_order_id_seen() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            wire = await desk.opened()
            desk.tws.say(order_replies.open_order(view(500), 176))
            await desk.until(lambda: bool(desk.facts))
            assert wire.place(SPY, ORDER) == 501

    play(scenario())


def test_the_number_of_an_order_that_filled_is_not_used_again_after_tws_counts_anew() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(next_id=1)) as desk:
            wire = await desk.opened()
            desk.tws.say(order_replies.exec_details(-1, replace(execution(), order_id=70), 176))
            await desk.until(lambda: bool(desk.facts))
            assert wire.place(SPY, ORDER) == 71

    play(scenario())


def test_an_order_without_a_number_of_its_own_uses_up_none() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(next_id=40)) as desk:
            wire = await desk.opened()
            for number in (2147483647, 0, -5):
                desk.tws.say(order_replies.open_order(view(number), 176))
            await desk.until(lambda: len(desk.facts) == 3)
            assert wire.place(SPY, ORDER) == 40

    play(scenario())


@pytest.mark.parametrize("code", [104, 110, 135, 161, 201, 202, 399, 10147, 10148, 10349])
def test_an_error_on_an_order_is_told_and_ends_nothing(code: int) -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            wire = await desk.opened()
            used = wire.place(SPY, ORDER)
            desk.tws.say(order_replies.open_order(view(used), 176), replies.error(used, code, "text", 176))
            await desk.until(lambda: len(desk.facts) == 2)
            assert desk.told(ErrorFact) == [ErrorFact(used, code, "text")]
            assert desk.told(OrderStatusFact) == []
            assert wire.place(SPY, replace(ORDER, limit_price=Decimal(-2)), used) == used  # no library state objects

    play(scenario())


def what_if_state(**state: object) -> OrderView:
    return view(1, "PreSubmitted", what_if=True, **state)


KNOWN = {"init_margin_after": Decimal("2500.5"), "maint_margin_after": Decimal(2000), "max_commission": Decimal("5.2")}


def asked_what_if(*messages: Fields, timeouts: IbTimeouts = PATIENT) -> tuple[WhatIfReply, list[object]]:
    """Asks a what-if that TWS answers with these messages."""
    outcome: list[tuple[WhatIfReply, list[object]]] = []

    def answer(tws: RawTws, fields: list[str]) -> None:
        assert fields[1] == "1"
        for count, message in enumerate(messages):  # one by one: what is done with the first must not wait for the last
            asyncio.get_running_loop().call_later(0.02 * count, tws.say, message)

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"3": answer}), timeouts=timeouts) as desk:
            reply = await (await desk.opened()).what_if(SPY, ORDER)
            outcome.append((reply, list(desk.facts)))

    play(scenario())
    return outcome[0]


@pytest.mark.parametrize("unset", [UNSET, "1.7976931348623157e+308", ""])
def test_of_two_what_if_answers_the_second_is_taken(unset: str) -> None:
    first = what_if_state(unset=unset, warning_text="Margin is being computed")
    reply, facts = asked_what_if(
        order_replies.open_order(first, 176), order_replies.open_order(what_if_state(**KNOWN), 176)
    )
    assert reply.margins is not None
    assert (reply.margins.initial_after, reply.margins.maintenance_after) == (Decimal("2500.5"), Decimal(2000))
    assert (reply.margins.commission, reply.margins.max_commission) == (None, Decimal("5.2"))
    assert (reply.refusal, reply.warnings) == (None, ("Margin is being computed",))
    assert facts == []  # an answer to a what-if is no order


def test_an_unset_what_if_answer_without_a_second_is_returned_with_its_warning() -> None:
    first = what_if_state(warning_text="Computed at the opening")
    reply, _ = asked_what_if(order_replies.open_order(first, 176), timeouts=QUICK)
    assert reply.margins is not None
    assert (reply.margins.is_known, reply.warnings) == (False, ("Computed at the opening",))


def test_a_refused_what_if_tells_code_and_text() -> None:
    reply, facts = asked_what_if(replies.error(1, 201, "Order rejected - reason:no", 176))
    assert (reply.margins, reply.refusal) == (None, (201, "Order rejected - reason:no"))
    assert facts == [ErrorFact(1, 201, "Order rejected - reason:no")]


def test_a_silent_what_if_ends_with_what_advice_came() -> None:
    reply, _ = asked_what_if(replies.error(1, 399, "Order Message: held until the opening", 176), timeouts=QUICK)
    assert reply == WhatIfReply(None, None, ("Order Message: held until the opening",))


def test_contract_details_of_a_combination_are_never_asked_for() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            wire = await desk.opened()
            with pytest.raises(BugError, match="combo"):
                await wire.contract_details(IbContract(0, "SPX", "BAG"))
            assert desk.tws.asked(9) == []

    play(scenario())
