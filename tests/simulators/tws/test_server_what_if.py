"""What-ifs of the simulated TWS, answered well and badly."""

from __future__ import annotations

from pathlib import Path

import pytest

from execution.brokers.paper.faults import Call, CallFault, Failure
from tests.simulators.tws.framing import UNSET_DOUBLE
from tests.simulators.tws.habits import WhatIfHabit
from tests.simulators.tws.stage import CONDOR, Message, Stage, of, play

#: Behind the clearing fields of an openOrder without algorithm: whatIf is followed by the order state.
_STATES = {"PreSubmitted"}


async def _asked(stage: Stage) -> tuple[list[Message], list[tuple[int, int]], int]:
    """Asks by the library; returns the openOrders a bare listener of this client would read, and the errors."""
    ib = await stage.ib()
    sent: list[Message] = []
    heard: list[tuple[int, int]] = []
    decode = ib.client.decoder.interpret

    def spied(fields: list[str]) -> None:
        sent.append(tuple(fields))
        decode(fields)

    ib.client.decoder.interpret = spied
    ib.errorEvent += lambda req_id, code, *_: heard.append((req_id, code))
    order = stage.limit("BUY", 2, -20.0, whatIf=True)
    order_id = ib.client.getReqId()
    ib.client.placeOrder(order_id, stage.bag(CONDOR), order)
    await ib.reqCurrentTimeAsync()
    return of(sent, 5), heard, order_id


def _margins(message: Message) -> tuple[str, ...]:
    """The nine margins: they follow the status of the order state."""
    at = next(i for i, field in enumerate(message) if field in _STATES)
    return message[at + 1 : at + 10]


def test_a_what_if_tells_margins_equity_and_a_range_of_commission(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        state = await ib.whatIfOrderAsync(stage.bag(CONDOR), stage.limit("BUY", 2, -20.0))
        after = float(state.initMarginBefore) + float(state.initMarginChange)
        assert float(state.initMarginAfter) == pytest.approx(after)
        assert float(state.initMarginAfter) > 0
        assert float(state.equityWithLoanBefore) == 500_000
        assert state.commission > 1e300
        assert 0 < state.minCommission < state.maxCommission < 100
        assert "natural" in state.warningText
        assert stage.sim.core.exchange.working == ()

    play(tmp_path, scenario)


def test_a_single_leg_has_one_commission(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        state = await ib.whatIfOrderAsync(stage.option(CONDOR[0].contract), stage.limit("BUY", 1, 100.0))
        assert 0 < state.commission < 10

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("habit", "answers"),
    [
        (WhatIfHabit.NORMAL, ["real"]),
        (WhatIfHabit.TWO_STEP, ["unset", "real"]),
        (WhatIfHabit.UNSET, ["unset"]),
        (WhatIfHabit.EMPTY, ["empty"]),
        (WhatIfHabit.SILENT, []),
        (WhatIfHabit.WARNING_ONLY, []),
        (WhatIfHabit.REJECTED, []),
    ],
)
def test_a_what_if_is_answered_by_habit(tmp_path: Path, habit: WhatIfHabit, answers: list[str]) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.what_if = habit
        stage.habits.what_if_first_warning = "Margin is being computed."
        told, heard, order_id = await _asked(stage)
        kinds = []
        for message in told:
            margins = set(_margins(message))
            kinds.append("unset" if margins == {UNSET_DOUBLE} else "empty" if margins == {""} else "real")
            assert ("Margin is being computed." in message) is (kinds[-1] != "real")
        assert kinds == answers
        codes = {WhatIfHabit.REJECTED: 201, WhatIfHabit.WARNING_ONLY: 399}
        assert heard == ([(order_id, codes[habit])] if habit in codes else [])
        assert stage.sim.core.exchange.working == ()

    # One library cannot make a number of an empty margin, and says so in its log.
    play(tmp_path, scenario, may_complain=habit is WhatIfHabit.EMPTY)


@pytest.mark.parametrize(("failure", "codes"), [(Failure.DROP, []), (Failure.REJECT, [201])])
def test_a_what_if_may_be_lost_or_refused_once(tmp_path: Path, failure: Failure, codes: list[int]) -> None:
    async def scenario(stage: Stage) -> None:
        stage.faults.fail(Call.SIMULATE, CallFault(failure))
        told, heard, _ = await _asked(stage)
        assert told == []
        assert [code for _, code in heard] == codes

    play(tmp_path, scenario)


def test_a_what_if_the_account_cannot_carry_is_refused_in_words(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        texts: list[str] = []
        ib.errorEvent += lambda _id, _code, text, *_: texts.append(text)
        answer = await ib.whatIfOrderAsync(stage.bag(CONDOR), stage.limit("BUY", 500, 50.0))
        assert not answer
        assert "Insufficient buying power" in texts[0]

    play(tmp_path, scenario)
