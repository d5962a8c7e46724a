"""The whole engine on the real paper broker and a real database: what the window asks is what happens."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from execution import commands
from execution.brokers.paper.faults import Call, CallFault, Failure, FaultScript, FillBehavior, OrderScript
from execution.brokers.port import ChainExpiry
from execution.chain_views import ChainNumbers
from execution.ticket_views import SendOutcome
from execution.views import (
    AccountsState,
    BookStructure,
    BreachesState,
    DeskState,
    JournalWritten,
    MarketState,
    Phase,
    RiskState,
    ScenarioState,
)
from models.enums import BetaSource, FeedState, Metric, OrderStatus, Regime, TradingState
from models.errors import BrokerFailure, FailureKind, InvalidInput, KnownError
from models.gate import DenialCode
from models.ids import AccountId, new_order_id
from tests.execution.desk_runner import ACCOUNT, quoted, running, sent, simulated, stock_draft

pytestmark = pytest.mark.anyio


async def test_a_newcomer_gets_a_valued_sample_book_inside_its_limits(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await desk.until(lambda: ScenarioState in desk.publisher.states, "scenario figures")
        await desk.until(lambda: not desk.publisher.states[RiskState].excluded, "every position to be valued")
        risk = desk.publisher.states[RiskState]
        assert len(desk.publisher.states[BookStructure].rows) >= 10
        assert not any(row.is_breached for row in risk.limits)
        scenario = desk.publisher.states[ScenarioState]
        assert scenario.curve_today[scenario.spots.size // 2] == 0.0
        assert scenario.grid[2, scenario.grid_spot_shifts_pct.size // 2] == 0.0
        assert "Full revaluation" in scenario.method


async def test_an_order_goes_from_ticket_to_a_journal_row_that_holds_its_own_effect(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        draft = stock_draft("SPY", 100)
        outcome = await sent(desk, draft)
        assert outcome.accepted
        await desk.status(draft.order_id, OrderStatus.FILLED)
        await desk.until(lambda: bool(desk.rows("SELECT id FROM trade_journal")), "the journal row")
        ((broker, status, strategy, net, pre, post, rationale),) = desk.rows(
            "SELECT broker, status, strategy_tag, net_debit_credit, pre_greeks_json, post_greeks_json, user_rationale "
            "FROM trade_journal"
        )
        assert (broker, status, strategy, rationale) == ("PAPER", "FILLED", "long_stock", "a test")
        assert isinstance(net, float)
        assert net > 0
        before, after = json.loads(str(pre)), json.loads(str(post))
        assert before["spx_delta"] == 0
        assert 5 < after["spx_delta"] < 15


async def test_an_unsimulated_order_is_denied_by_name_and_leaves_no_intent(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        draft = stock_draft()
        await quoted(desk, draft)
        outcome: SendOutcome = await desk.ask(commands.SendOrder(draft))
        assert not outcome.accepted
        assert DenialCode.NOT_SIMULATED in {denial.code for denial in outcome.denials}
        assert desk.rows("SELECT count(*) FROM order_intents") == [(0,)]


async def test_a_simulation_does_not_hold_for_another_size(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        draft = stock_draft()
        await simulated(desk, draft)
        larger = replace(draft, legs=(replace(draft.legs[0], quantity=20),))
        outcome: SendOutcome = await desk.ask(commands.SendOrder(larger))
        codes = {denial.code for denial in outcome.denials}
        assert codes & {DenialCode.SIMULATION_DIFFERS, DenialCode.NOT_SIMULATED}


async def test_a_hundred_clicks_at_once_send_one_order(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        draft = stock_draft()
        await simulated(desk, draft)
        await asyncio.gather(*(desk.ask(commands.SendOrder(draft)) for _ in range(100)), return_exceptions=True)
        await desk.status(draft.order_id, OrderStatus.FILLED)
        await desk.until(lambda: bool(desk.rows("SELECT id FROM trade_journal")), "the journal row")
        await asyncio.sleep(0.3)
        assert desk.rows("SELECT count(*) FROM order_intents") == [(1,)]
        assert desk.rows("SELECT count(*) FROM trade_journal") == [(1,)]


async def test_cancel_all_ends_working_orders_even_when_halted(tmp_path: Path) -> None:
    faults = FaultScript()
    faults.next_order(OrderScript(fills=FillBehavior.NEVER))
    async with running(tmp_path, faults=faults) as desk:
        draft = stock_draft()
        await sent(desk, draft)
        await desk.status(draft.order_id, OrderStatus.PENDING)
        await desk.ask(commands.SetTradingState(TradingState.HALTED, "test"))
        assert await desk.ask(commands.CancelAll()) == 1
        await desk.status(draft.order_id, OrderStatus.CANCELLED)


async def test_the_halt_survives_a_restart_and_denies(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        await desk.ask(commands.SetTradingState(TradingState.HALTED, "lunch"))
    async with running(tmp_path) as desk:
        state = desk.publisher.states[DeskState]
        assert (state.trading_state, state.trading_state_reason) == (TradingState.HALTED, "lunch")
        draft = stock_draft()
        await simulated(desk, draft)
        outcome: SendOutcome = await desk.ask(commands.SendOrder(draft))
        assert DenialCode.TRADING_HALTED in {denial.code for denial in outcome.denials}


async def test_a_tightened_limit_breaks_at_once_is_recorded_and_holds_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await desk.until(lambda: RiskState in desk.publisher.states, "risk")
        for regime in Regime:
            await desk.ask(commands.SetLimit(regime, Metric.VEGA, -1.0, 1.0))
        await desk.until(lambda: bool(desk.publisher.states[BreachesState].open), "the breach")
        breach = desk.publisher.states[BreachesState].open[0]
        assert breach.metric is Metric.VEGA
        ((kept,),) = desk.rows("SELECT count(*) FROM risk_breaches")
        assert kept == 1
    async with running(tmp_path) as desk:
        await desk.until(lambda: bool(desk.publisher.states[BreachesState].open), "the breach again")
        assert desk.publisher.states[BreachesState].open[0].id == breach.id


async def test_a_second_desk_on_the_same_journal_is_read_only_and_cannot_send(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True), running(tmp_path) as second:
        assert second.publisher.states[DeskState].phase is Phase.READ_ONLY
        draft = stock_draft()
        await quoted(second, draft)
        outcome: SendOutcome = await second.ask(commands.SendOrder(draft))
        assert not outcome.accepted
        assert len(second.publisher.states[BookStructure].rows) >= 10


async def test_a_broker_that_cannot_be_reached_is_told_and_tried_again(tmp_path: Path) -> None:
    faults = FaultScript()
    faults.fail(Call.CONNECT, CallFault(Failure.DISCONNECT_BEFORE, text="The line is dead."))
    async with running(tmp_path, faults=faults, wait=False) as desk:
        assert desk.publisher.states[DeskState].phase is Phase.FAILED
        assert "The line is dead." in desk.lines()
        await desk.until(lambda: MarketState in desk.publisher.states, "the header")
        assert desk.publisher.states[MarketState].feed is not FeedState.LIVE
        await desk.until(lambda: desk.publisher.states[DeskState].phase is Phase.READY, "a second try")
        await desk.until(lambda: desk.publisher.states[MarketState].feed is FeedState.LIVE, "the feed")


@pytest.mark.parametrize("call", [Call.SIMULATE, Call.CANCEL])
async def test_a_link_that_breaks_in_the_middle_of_a_step_loses_nothing_and_comes_back(
    tmp_path: Path, call: Call
) -> None:
    faults = FaultScript()
    faults.next_order(OrderScript(fills=FillBehavior.NEVER))
    async with running(tmp_path, faults=faults) as desk:
        draft = stock_draft()
        if call is Call.CANCEL:
            await sent(desk, draft)
            await desk.status(draft.order_id, OrderStatus.PENDING)
        faults.fail(call, CallFault(Failure.DISCONNECT_BEFORE))
        if call is Call.CANCEL:
            await asyncio.gather(desk.ask(commands.CancelOrder(draft.order_id)), return_exceptions=True)
        else:
            assert (await simulated(desk, draft)).order is None
        await desk.until(lambda: desk.publisher.states[DeskState].phase is Phase.READY, "the link again")
        if call is Call.CANCEL:
            await desk.ask(commands.CancelOrder(draft.order_id))
            await desk.status(draft.order_id, OrderStatus.CANCELLED)


@pytest.mark.parametrize("failure", [Failure.DONE_THEN_TIMEOUT, Failure.DISCONNECT_AFTER])
async def test_an_order_accepted_without_an_answer_is_found_and_never_sent_again(
    tmp_path: Path, failure: Failure
) -> None:
    faults = FaultScript()
    async with running(tmp_path, faults=faults) as desk:
        draft = stock_draft()
        await simulated(desk, draft)
        faults.fail(Call.SUBMIT, CallFault(failure))
        await desk.ask(commands.SendOrder(draft))
        await desk.status(draft.order_id, OrderStatus.FILLED)
        await desk.until(lambda: bool(desk.rows("SELECT id FROM trade_journal")), "the journal row")
        assert desk.rows("SELECT count(*) FROM trade_journal") == [(1,)]


async def test_a_snapshot_on_demand_holds_money_greeks_and_market(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await desk.until(lambda: AccountsState in desk.publisher.states, "accounts")
        await desk.until(lambda: not desk.publisher.states[RiskState].excluded, "every position to be valued")
        assert len(await desk.ask(commands.TakeSnapshot())) == 1
        ((net, vega, vix, regime, ratio, theta, delta),) = desk.rows(
            "SELECT net_liquidation, vega, vix, regime, delta_theta_ratio, theta, spx_delta FROM account_snapshots"
        )
        assert net == pytest.approx(500_000, rel=0.02)
        assert vega
        assert vix
        assert regime in set(Regime)
        assert ratio == pytest.approx(float(str(theta)) / float(str(delta)))


async def test_a_watched_chain_streams_vols_and_greeks_of_the_strikes_on_screen(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        expiries: tuple[ChainExpiry, ...] = await desk.ask(commands.ListExpiries(" spx "))
        static = await desk.ask(commands.WatchChain(expiries[12]))
        middle = len(static.strikes) // 2
        low, high = static.strikes[middle - 5], static.strikes[middle + 5]
        await desk.ask(commands.WatchChain(expiries[12], low, high))

        def streamed() -> bool:
            numbers = desk.publisher.states.get(ChainNumbers)
            return numbers is not None and bool((numbers.calls.delta[middle - 5 : middle + 6] > 0).all())

        await desk.until(streamed, "deltas of the visible strikes")
        calls = desk.publisher.states[ChainNumbers].calls
        assert (calls.delta[middle - 5 : middle + 5] > calls.delta[middle - 4 : middle + 6]).all()


@pytest.mark.parametrize("symbol", ["", "NOPE", "SPX;DROP"])
async def test_an_unknown_underlying_is_refused_with_a_word(tmp_path: Path, symbol: str) -> None:
    async with running(tmp_path) as desk:
        with pytest.raises(InvalidInput):
            await desk.ask(commands.ListExpiries(symbol))


async def test_commands_on_what_is_not_there_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        for command in (
            commands.SelectAccount(AccountId("U999")),
            commands.CancelOrder(new_order_id()),
            commands.DeclareNotSent(new_order_id()),
            commands.ReplaceOrder(new_order_id(), Decimal(1)),
            commands.ArmLive(ACCOUNT, "wrong"),
            commands.EditJournal("11111111-1111-4111-8111-111111111111", "x", None),
        ):
            try:
                answer = await desk.ask(command)
            except KnownError:
                continue
            assert not answer.accepted, command


async def test_the_users_words_on_a_journal_row_change_and_their_history_stays(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        draft = stock_draft()
        await sent(desk, draft)
        await desk.until(
            lambda: any(isinstance(one, JournalWritten) for one in desk.publisher.notices), "the journal row"
        )
        ((journal_id,),) = desk.rows("SELECT id FROM trade_journal")
        await desk.ask(commands.EditJournal(str(journal_id), "better words", ("trend",)))
        assert desk.rows("SELECT user_rationale FROM trade_journal") == [("better words",)]
        assert desk.rows("SELECT count(*) FROM journal_edits")[0][0]


@pytest.mark.parametrize(("benchmark", "ratio"), [("SPY", 10.0), ("/ES", 1.0)])
async def test_another_benchmark_scales_delta_by_its_level_and_leaves_theta_and_vega(
    tmp_path: Path, benchmark: str, ratio: float
) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await desk.until(lambda: RiskState in desk.publisher.states, "risk")
        await desk.until(lambda: not desk.publisher.states[RiskState].excluded, "every position to be valued")
        before = desk.publisher.states[RiskState].greeks
        await desk.ask(commands.SetScenario(benchmark=benchmark))
        await desk.until(
            lambda: (
                desk.publisher.states[RiskState].benchmark == benchmark
                and desk.publisher.states[RiskState].benchmark_price is not None
            ),
            "a price of the benchmark",
        )
        after = desk.publisher.states[RiskState].greeks
        assert after.spx_equiv_delta == pytest.approx(before.spx_equiv_delta * ratio, rel=0.08)
        assert after.gamma == pytest.approx(before.gamma * ratio * ratio, rel=0.08)
        assert after.theta == pytest.approx(before.theta, rel=0.02)
        assert after.vega == pytest.approx(before.vega, rel=0.02)


async def test_the_broker_is_asked_once_for_the_beta_of_each_new_underlying(tmp_path: Path) -> None:
    class Betas:
        def __init__(self) -> None:
            self.asked: list[list[str]] = []

        async def betas(self, symbols: list[str]) -> dict[str, float]:
            self.asked.append(list(symbols))
            if len(self.asked) == 1:
                raise BrokerFailure(FailureKind.OFFLINE, "Not now.", broker="TASTYTRADE")
            return {"AAPL": 1.23}

    async with running(tmp_path, sample_book=True) as desk:
        memory, core, broker = desk.composed.desk._parts.memory, desk.composed.desk._core, Betas()
        assert not await memory.learn_broker_betas(broker)  # type: ignore[arg-type]  # the one call it needs
        assert await memory.learn_broker_betas(broker)  # type: ignore[arg-type]
        assert not await memory.learn_broker_betas(broker)  # type: ignore[arg-type]
        assert len(broker.asked) == 2
        assert "AAPL" in broker.asked[1]
        assert (core.betas.beta("AAPL").value, core.betas.beta("AAPL").source) == (1.23, BetaSource.TASTYTRADE)
        assert desk.lines().count("betas are not known") == 1
