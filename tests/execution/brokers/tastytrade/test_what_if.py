"""Margin that an order's own dry run did not tell, and verdicts beside figures."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from execution.brokers.tastytrade.facts import TastyDryRun
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.tastytrade.fake_wire import NO_FIGURES, offline
from tests.execution.brokers.tastytrade.order_kit import Bench, condor, play

D = Decimal
REFUSED = replace(NO_FIGURES, errors=(("closing_only", "Only closing."),), warnings=("Late.",))
ESTIMATE = TastyDryRun(D(10000), D(10000), D(9174), D(80000), D(70826), None, ("Big.",), (("margin", "No."),))


def test_a_refusal_without_figures_is_shown_with_the_estimated_margin() -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.dry_run_reply, desk.wire.margin_reply = REFUSED, ESTIMATE
        answer = await desk.desk.simulate(condor())
        assert answer.error == "Only closing. (closing_only)"
        assert (answer.initial_margin_change, answer.buying_power_after) == (D(10000), D(70826))
        assert answer.warning is not None
        assert answer.warning.startswith("Late. Big. The margin is Tastytrade's estimate")
        assert ("margin_dry_run", ("5WX00001", "SPX")) in desk.wire.asked

    play(scenario)


def test_a_dry_run_with_figures_is_not_followed_by_a_second_question() -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.dry_run_reply = replace(ESTIMATE, fees=D("14.16"))
        answer = await desk.desk.simulate(condor())
        assert (answer.fees, answer.equity_change) == (D("14.16"), D("-14.16"))
        assert desk.wire.count("margin_dry_run") == 0

    play(scenario)


@pytest.mark.parametrize("failure", [None, offline()])
def test_without_an_estimate_the_verdict_stands_alone(failure: BrokerFailure | None) -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.dry_run_reply = REFUSED
        if failure is not None:
            desk.wire.failures["margin_dry_run"].append(failure)
        answer = await desk.desk.simulate(condor())
        assert (answer.error, answer.warning) == ("Only closing. (closing_only)", "Late.")
        assert answer.initial_margin_change is None

    play(scenario)


def test_an_order_that_could_not_be_tried_is_not_estimated() -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.failures["dry_run"].append(BrokerFailure(FailureKind.TIMEOUT, "Silence.", broker="TASTYTRADE"))
        answer = await desk.desk.simulate(condor())
        assert answer.initial_margin_change is None
        assert desk.wire.count("margin_dry_run") == 0

    play(scenario)
