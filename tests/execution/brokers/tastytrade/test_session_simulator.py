"""The session against the simulated Tastytrade: the same wire with an exchange, a book and streams behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.synthetic import SyntheticMarket
from execution.brokers.tastytrade.facts import (
    AlertFact,
    MarketFact,
    StreamFact,
    TastyBalance,
    TastyOrder,
    TastyPosition,
    TastyQuote,
)
from execution.brokers.tastytrade.session import TastySession
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import Login, TastyOrderDraft, TastyOrderLeg
from models.contract import Contract
from models.enums import Action
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.tastytrade.login_rig import LIMITS
from tests.simulators.tastytrade.habits import AFTER_ACCEPTANCE, Trouble
from tests.simulators.tastytrade.listing import instrument_type, symbol_of
from tests.simulators.tastytrade.stage import ACCOUNT, CONDOR, Stage, play
from tests.simulators.tastytrade.wire import HttpRequest

#: Net prices, debit positive, at which the condor rests and at which it fills.
RESTING, CROSSING = Decimal("-100.00"), Decimal("-1.00")


class Desk:
    """An open session on the stage, and what it told."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.alerts: list[AlertFact] = []
        self.market: list[MarketFact] = []
        settings = TastySettings(base_url=stage.sim.url, timeouts=replace(LIMITS, submit_s=1.0))
        secrets = TastySecrets(stage.sim.client_secret, stage.sim.refresh_token)
        self.session = TastySession(
            settings, secrets, stage.clock, alerts=self.alerts.append, market=self.market.extend
        )
        self.login: Login | None = None

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Moves the exchange on until something is so."""
        async with asyncio.timeout(20):
            while not is_so():
                await self.stage.pass_time(0.25)

    def orders(self) -> list[TastyOrder]:
        return [fact for fact in self.alerts if isinstance(fact, TastyOrder)]

    @property
    def yesterday(self) -> date:
        return (self.stage.clock.now_utc() - timedelta(days=1)).date()


def on_desk(folder: Path, work: Callable[[Desk], Awaitable[None]], market: MarketSource | None = None) -> None:
    """Runs a scenario on an open session."""

    async def scenario(stage: Stage) -> None:
        desk = Desk(stage)
        desk.login = await desk.session.open()
        try:
            await work(desk)
        finally:
            await desk.session.close()

    play(folder, scenario, market=market)


def leg(contract: Contract, action: Action, quantity: int) -> TastyOrderLeg:
    return TastyOrderLeg(
        symbol_of(contract), instrument_type(contract), f"{action.value.capitalize()} to Open", quantity
    )


def condor(price: Decimal, own_id: str = "ours-1") -> TastyOrderDraft:
    legs = tuple(leg(each.contract, each.action, each.quantity) for each in CONDOR)
    return TastyOrderDraft(legs, "Limit", "Day", price, own_id, is_strict=False)


def test_the_whole_way_from_the_login_to_the_transactions_of_a_filled_condor(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        session, login = desk.session, desk.login
        assert login is not None
        assert [each.account_number for each in login.accounts] == ["5WX00001", "5WX00002"]
        assert {each.margin_type for each in login.accounts} == {"Reg T"}
        assert "trade" in login.scopes
        before = await session.balance(ACCOUNT)
        await session.start_alerts([ACCOUNT])
        trial = await session.dry_run(ACCOUNT, condor(CROSSING))
        assert (trial.margin_change, trial.errors) == (Decimal(20_000), ())
        assert trial.fees is not None
        assert trial.fees > 0
        assert trial.buying_power_after is not None
        assert trial.buying_power_before is not None
        assert trial.buying_power_after < trial.buying_power_before

        placed = await session.place(ACCOUNT, condor(CROSSING))
        assert (placed.external_identifier, placed.net_price, placed.size) == ("ours-1", CROSSING, Decimal(2))
        await desk.until(lambda: sum(isinstance(fact, TastyPosition) for fact in desk.alerts) == 4)
        told = desk.orders()
        assert {each.order_id for each in told} == {placed.order_id}
        assert any(each.status == "Filled" and not all(one.fills for one in each.legs) for each in told)
        assert any(isinstance(fact, TastyBalance) for fact in desk.alerts)
        assert isinstance(desk.alerts[0], StreamFact)

        (order,) = [each for each in await session.orders(ACCOUNT, desk.yesterday) if each.order_id == placed.order_id]
        assert all(sum(fill.quantity for fill in one.fills) == one.quantity for one in order.legs)
        net = sum(
            fill.price * fill.quantity * (1 if one.action.startswith("Buy") else -1)
            for one in order.legs
            for fill in one.fills
        )
        assert net / order.size <= CROSSING
        assert sorted(
            each.quantity for each in await session.positions(ACCOUNT) if each.underlying_symbol == "SPX"
        ) == [
            -2,
            -2,
            2,
            2,
        ]
        rows = [
            each for each in await session.transactions(ACCOUNT, desk.yesterday) if each.order_id == placed.order_id
        ]
        fills = {fill.fill_id for one in order.legs for fill in one.fills}
        assert {each.fill_id for each in rows} == fills
        assert sum(each.fees or 0 for each in rows) == trial.fees
        after = await session.balance(ACCOUNT)
        assert before.cash is not None
        assert after.cash == before.cash + sum(each.cash_effect or 0 for each in rows)
        assert desk.stage.sim.placed() == 1

    on_desk(tmp_path, work)


def test_a_whole_session_at_debug_writes_no_token_and_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(desk: Desk) -> None:
        for name in ("tastytrade", "httpx2", "httpcore2", "httpcore2.http11", "httpcore2.connection", "asyncio"):
            caplog.set_level(logging.DEBUG, logger=name)
        sim = desk.stage.sim
        await desk.session.start_alerts([ACCOUNT])
        await desk.session.start_quotes()
        await desk.session.place(ACCOUNT, condor(CROSSING))
        sim.expire_tokens()
        await desk.session.balance(ACCOUNT)
        sim.cut_link()
        with pytest.raises(BrokerFailure):
            await desk.session.balance(ACCOUNT)
        sim.habits.is_revoked = True
        sim.mend_link()
        sim.expire_tokens()
        with pytest.raises(BrokerFailure) as caught:
            await desk.session.place(ACCOUNT, condor(CROSSING))
        logging.getLogger("test").error("and this went wrong", exc_info=caught.value)
        headers = (each.headers.get("authorization", "") for each in sim.requests if isinstance(each, HttpRequest))
        tokens = {each.removeprefix("Bearer ") for each in headers if each}
        assert len(tokens) == 2
        for secret in (*tokens, sim.client_secret, sim.refresh_token):
            assert secret not in caplog.text

    with caplog.at_level(logging.DEBUG):
        on_desk(tmp_path, work)
    assert "and this went wrong" in caplog.text


def test_a_resting_order_is_replaced_and_cancelled(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        session = desk.session
        placed = await session.place(ACCOUNT, condor(RESTING))
        await desk.stage.pass_time(0.5)
        fresh = await session.replace(ACCOUNT, placed.order_id, condor(Decimal("-90.00"), "ours-2"))
        assert (fresh.replaces_order_id, fresh.net_price) == (placed.order_id, Decimal(-90))
        await desk.stage.pass_time(0.5)
        await session.cancel(ACCOUNT, fresh.order_id)
        await desk.stage.pass_time(0.5)
        found = {each.order_id: each for each in await session.live_orders(ACCOUNT)}
        assert {each.status for each in found.values()} == {"Cancelled"}
        assert found[placed.order_id].replacing_order_id == fresh.order_id
        with pytest.raises(BrokerFailure) as caught:
            await session.cancel(ACCOUNT, fresh.order_id)
        assert (caught.value.kind, caught.value.code) == (FailureKind.REJECTED, "cannot_update_order")

    on_desk(tmp_path, work)


@pytest.mark.parametrize("trouble", AFTER_ACCEPTANCE)
def test_an_order_whose_answer_goes_wrong_is_accepted_or_unknown_never_refused_and_is_found_again(
    tmp_path: Path, trouble: Trouble
) -> None:
    async def work(desk: Desk) -> None:
        desk.stage.sim.trouble(trouble)
        assert await is_accepted_or_unknown(desk)
        await desk.stage.pass_time(0.5)
        found = [each for each in await desk.session.live_orders(ACCOUNT) if each.external_identifier == "ours-1"]
        assert [each.status for each in found] == ["Live"]
        assert desk.stage.sim.placed() == 1

    on_desk(tmp_path, work)


async def is_accepted_or_unknown(desk: Desk) -> bool:
    try:
        await desk.session.place(ACCOUNT, condor(RESTING))
    except BrokerFailure as failure:
        return failure.outcome_unknown
    return True


def test_options_on_futures_are_listed_with_their_futures(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        found = await desk.session.futures_chain("ES")
        assert {each.future_symbol for each in found} == {"/ESZ6", "/ESH7"}
        assert {each.multiplier for each in found} == {Decimal(50)}
        strike = found[0].strikes[0]
        assert await desk.session.streamer_symbol(strike.put, "Future Option") == strike.put_streamer

    on_desk(tmp_path, work, SyntheticMarket(seed=7, start_utc=START))


def test_chains_quotes_and_symbols_agree(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        session = desk.session
        chain = await session.chain("SPX")
        assert {(each.root, each.settlement) for each in chain} >= {("SPX", "AM"), ("SPXW", "PM")}
        strike = next(each for each in chain if each.root == "SPXW").strikes[0]
        assert await session.streamer_symbol(strike.call, "Equity Option") == strike.call_streamer
        assert {each.symbol for each in await session.metrics(["SPX", "NOPE"])} == {"SPX"}
        session.set_streamer_symbols([strike.put_streamer], [])
        await session.start_quotes()
        await desk.until(lambda: any(isinstance(fact, TastyQuote) for fact in desk.market))
        assert {fact.streamer_symbol for fact in desk.market if isinstance(fact, TastyQuote)} == {strike.put_streamer}

    on_desk(tmp_path, work)
