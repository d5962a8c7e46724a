"""Several brokers as one: links, locks, routes and what is asked of whom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal

import pytest

from execution.brokers.joined import JoinedBroker, broker_of_account, holder, id_space, lock_reason
from execution.brokers.port import (
    AccountsEvent,
    BrokerEvent,
    Capability,
    ChainExpiry,
    ConnectionEvent,
    FeeEvent,
    ModelGreeksEvent,
    OddObjectEvent,
    QuotesEvent,
)
from models.clock import ManualClock
from models.contract import underlying_contract
from models.enums import (
    Action,
    BrokerName,
    FeedState,
    MarketDataKind,
    Mode,
    OrderStatus,
    OrderType,
    Settlement,
    TimeInForce,
)
from models.errors import BrokerFailure, InvalidInput
from models.ids import AccountId, ExecutionId, new_order_id
from models.order import Order, OrderLeg
from models.quote import ModelGreeks, Quote
from tests.execution.brokers.quiet_broker import QuietBroker, refusal
from tests.execution.orders.builders import NOW, draft, word

IB, TT = AccountId("DU1"), AccountId("5WX1")
AAPL, SPX = underlying_contract("AAPL"), underlying_contract("SPX")
SPX_EXPIRY = ChainExpiry("SPX", "SPXW", date(2026, 6, 12), Settlement.PM)


class Pair:
    """Two quiet brokers as one, with what was told; pauses between tries end when the test says so."""

    def __init__(self, *, tasty_mode: Mode = Mode.PAPER, tasty_account: AccountId = TT) -> None:
        clock = ManualClock(NOW)
        of_ib = frozenset({Capability.REPLACE, Capability.MODEL_GREEKS, Capability.MARKET_ON_CLOSE})
        of_tasty = frozenset({Capability.REPLACE, Capability.BETAS, Capability.METRICS, Capability.SIMULATED_MARKET})
        self.ib = QuietBroker(clock, BrokerName.IBKR, IB, capabilities=of_ib)
        self.tasty = QuietBroker(clock, BrokerName.TASTYTRADE, tasty_account, mode=tasty_mode, capabilities=of_tasty)
        self.joined = JoinedBroker([self.ib, self.tasty], sleep=self._sleep)
        self.events: list[BrokerEvent] = []
        self._due: list[asyncio.Event] = []
        self._reader: asyncio.Task[None] | None = None

    async def _sleep(self, _seconds: float) -> None:
        due = asyncio.Event()
        self._due.append(due)
        await due.wait()

    async def open(self) -> None:
        await self.joined.connect()
        self._reader = asyncio.get_running_loop().create_task(self._read())
        await self.compare()

    async def compare(self) -> None:
        self.joined.compared(await self.joined.snapshot())
        await settle()

    async def pause_ends(self) -> None:
        await settle()
        due, self._due = self._due, []
        for each in due:
            each.set()
        await settle()

    async def close(self) -> None:
        await self.joined.close()
        if self._reader is not None:
            await self._reader

    async def _read(self) -> None:
        async for event in self.joined.events():
            self.events.append(event)

    def links(self) -> list[ConnectionEvent]:
        return [event for event in self.events if isinstance(event, ConnectionEvent)]


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def play(scenario: Callable[[Pair], Awaitable[None]], pair: Pair | None = None, *, is_open: bool = True) -> None:
    async def run() -> None:
        desk = pair or Pair()
        if is_open:
            await desk.open()
        try:
            await scenario(desk)
        finally:
            await desk.close()

    asyncio.run(run())


def order(account_id: AccountId) -> Order:
    return Order(
        id=new_order_id(),
        account_id=account_id,
        legs=(OrderLeg(AAPL, Action.BUY, 1),),
        order_type=OrderType.LIMIT,
        limit_price=Decimal(300),
        tif=TimeInForce.DAY,
        status=OrderStatus.PENDING,
        created_at=NOW,
    )


# --- routes -----------------------------------------------------------------------------------------------------------


def test_an_order_goes_to_the_broker_of_its_account_and_to_no_other() -> None:
    async def scenario(desk: Pair) -> None:
        mine, other = order(TT), order(IB)
        await desk.joined.submit(mine)
        await desk.joined.replace(mine, Decimal(301))
        await desk.joined.cancel(mine)
        await desk.joined.simulate(mine)
        await desk.joined.submit(other)
        assert desk.tasty.submitted == desk.tasty.cancelled == desk.tasty.simulated == [mine]
        assert [each.limit_price for each in desk.tasty.replaced] == [Decimal(301)]
        assert desk.ib.submitted == [other]
        assert desk.ib.replaced == desk.ib.cancelled == desk.ib.simulated == []

    play(scenario)


def test_an_account_that_no_broker_named_is_refused() -> None:
    async def scenario(desk: Pair) -> None:
        with pytest.raises(BrokerFailure, match="No open broker has an account NOBODY") as refused:
            await desk.joined.submit(order(AccountId("NOBODY")))
        assert not refused.value.outcome_unknown
        assert desk.joined.lock_reason(AccountId("NOBODY")) == "No open broker has an account NOBODY."

    play(scenario)


def test_names_capabilities_and_ids_are_those_of_the_account() -> None:
    async def scenario(desk: Pair) -> None:
        joined = desk.joined
        assert (broker_of_account(joined, IB), broker_of_account(joined, TT)) == (
            BrokerName.IBKR,
            BrokerName.TASTYTRADE,
        )
        assert Capability.MARKET_ON_CLOSE in holder(joined, IB).capabilities
        assert Capability.MARKET_ON_CLOSE not in holder(joined, TT).capabilities
        assert id_space(joined, IB) != id_space(joined, TT)
        assert id_space(desk.ib, IB) == ""
        assert lock_reason(desk.ib, IB) is None

    play(scenario)


def test_the_desk_can_what_one_can_but_simulated_quotes_count_only_if_all_are() -> None:
    assert Pair().joined.capabilities == {
        Capability.REPLACE,
        Capability.MODEL_GREEKS,
        Capability.MARKET_ON_CLOSE,
        Capability.BETAS,
        Capability.METRICS,
    }


def test_the_market_is_the_primarys_and_the_seconds_where_that_has_nothing() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.lists = {"SPX": (SPX_EXPIRY,), "TSLA": ()}
        assert await desk.joined.expiries("SPX") == (SPX_EXPIRY,)
        with pytest.raises(InvalidInput, match="NOSUCH is not listed"):
            await desk.joined.expiries("NOSUCH")
        desk.ib.lists = {"AAPL": (), "SPX": ()}
        assert await desk.joined.underlyings() == ("AAPL", "SPX", "TSLA")
        desk.tasty.known_betas = {"AAPL": 1.2}
        assert await desk.joined.betas(["AAPL", "TSLA"]) == {"AAPL": 1.2}
        metrics = await desk.joined.underlying_metrics("AAPL")
        assert metrics is not None
        assert metrics.broker is BrokerName.TASTYTRADE

    play(scenario)


# --- links ------------------------------------------------------------------------------------------------------------


def test_one_that_is_down_locks_its_own_account_and_names_itself() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.tell(ConnectionEvent(FeedState.DOWN, "The line broke.", reconcile_needed=True))
        await settle()
        told = desk.links()[-1]
        assert (told.state, told.reconcile_needed, told.down) == (FeedState.STALE, True, frozenset({TT}))
        assert told.text.startswith("Tastytrade is down: The line broke.")
        assert desk.joined.lock_reason(IB) is None
        await desk.joined.submit(order(IB))
        with pytest.raises(BrokerFailure, match="Tastytrade is down") as refused:
            await desk.joined.submit(order(TT))
        assert not refused.value.outcome_unknown
        with pytest.raises(BrokerFailure):
            await desk.joined.replace(order(TT), Decimal(1))
        await desk.joined.cancel(order(TT))
        assert desk.tasty.submitted == []
        assert len(desk.tasty.cancelled) == 1

    play(scenario)


def test_when_it_is_back_it_stays_locked_until_what_it_told_since_is_compared() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.tell(ConnectionEvent(FeedState.DOWN, "The line broke.", reconcile_needed=False))
        await settle()
        before = await desk.joined.snapshot()
        desk.tasty.tell(ConnectionEvent(FeedState.LIVE, "Back.", reconcile_needed=False))
        await settle()
        told = desk.links()[-1]
        assert (told.state, told.reconcile_needed, told.down) == (FeedState.LIVE, True, None)
        desk.joined.compared(before)
        assert "still being compared" in (desk.joined.lock_reason(TT) or "")
        await desk.compare()
        assert desk.joined.lock_reason(TT) is None

    play(scenario)


def test_all_down_is_down_for_the_whole_desk() -> None:
    async def scenario(desk: Pair) -> None:
        for broker in (desk.ib, desk.tasty):
            broker.tell(ConnectionEvent(FeedState.DOWN, "The line broke.", reconcile_needed=True))
        await settle()
        assert (desk.links()[-1].state, desk.links()[-1].down) == (FeedState.DOWN, None)

    play(scenario)


def test_one_that_does_not_come_up_leaves_the_others_to_be_seen_and_nothing_to_be_sent() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.refuses = [refusal("No answer."), refusal("Still none.")]
        await desk.open()
        assert [info.account_id for info in desk.joined.accounts] == [IB]
        reason = desk.joined.lock_reason(IB) or ""
        assert reason.startswith("Tastytrade is not connected yet: No answer.")
        assert "nothing is sent in any account" in reason
        await desk.pause_ends()
        assert "Still none." in desk.links()[-1].text
        await desk.pause_ends()
        (accounts,) = [event.accounts for event in desk.events if isinstance(event, AccountsEvent)]
        assert [info.account_id for info in accounts] == [IB, TT]
        assert (desk.links()[-1].state, desk.links()[-1].reconcile_needed) == (FeedState.LIVE, True)
        assert "still being compared" in (desk.joined.lock_reason(IB) or "")
        await desk.compare()
        assert desk.joined.lock_reason(IB) is desk.joined.lock_reason(TT) is None

    play(scenario, is_open=False)


def test_one_that_waits_for_its_user_is_tried_when_the_user_has_done_something() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.refuses = [refusal("No secrets.", is_users_turn=True)]
        await desk.open()
        await desk.pause_ends()
        assert desk.tasty.connects == 1
        assert (desk.joined.lock_reason(IB) or "").endswith("It is tried again when that is done.")
        desk.joined.try_again()
        await settle()
        assert desk.tasty.connects == 2
        assert len(desk.joined.accounts) == 2

    play(scenario, is_open=False)


def test_when_none_comes_up_connecting_fails_and_the_users_turn_waits_for_the_others() -> None:
    async def scenario(desk: Pair) -> None:
        desk.ib.refuses = [refusal("No secrets.", is_users_turn=True)] * 2
        desk.tasty.refuses = [refusal("No answer.")]
        with pytest.raises(BrokerFailure, match="No answer") as failed:
            await desk.joined.connect()
        assert not failed.value.is_users_turn
        await desk.open()
        assert [info.account_id for info in desk.joined.accounts] == [TT]

    play(scenario, is_open=False)


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        ({"tasty_mode": Mode.LIVE}, "paper and live do not go into one desk"),
        ({"tasty_account": IB}, "both name an account DU1"),
    ],
)
def test_what_cannot_be_one_book_is_refused_and_let_go(pair: dict[str, object], why: str) -> None:
    async def scenario(desk: Pair) -> None:
        with pytest.raises(BrokerFailure, match=why) as refused:
            await desk.joined.connect()
        assert refused.value.is_users_turn
        assert (desk.ib.closes, desk.tasty.closes) == (1, 1)

    play(scenario, Pair(**pair), is_open=False)  # type: ignore[arg-type]  # as the cases name them


def test_one_of_the_other_mode_that_comes_late_is_let_go_and_the_desk_stays_locked() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.refuses = [refusal("No answer.")]
        await desk.open()
        await desk.pause_ends()
        assert desk.tasty.closes == 1
        assert [info.account_id for info in desk.joined.accounts] == [IB]
        assert "paper and live do not go into one desk" in desk.links()[-1].text
        assert desk.joined.lock_reason(IB) is not None
        desk.ib.tell(FeeEvent(IB, ExecutionId("E"), Decimal(1)))
        await settle()
        assert isinstance(desk.events[-1], FeeEvent)

    play(scenario, Pair(tasty_mode=Mode.LIVE), is_open=False)


def test_one_that_does_not_tell_its_orders_is_locked_and_asked_again() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.silent = [refusal("Too slow."), refusal("Too slow.")]
        told = await desk.joined.snapshot()
        assert told.tells_of(IB)
        assert not told.tells_of(TT)
        desk.joined.compared(told)
        assert (desk.joined.lock_reason(TT) or "").startswith("Tastytrade does not answer: Too slow.")
        assert desk.joined.lock_reason(IB) is None
        await desk.pause_ends()
        await desk.pause_ends()
        assert (desk.links()[-1].state, desk.links()[-1].reconcile_needed) == (FeedState.LIVE, True)
        await desk.compare()
        assert desk.joined.lock_reason(TT) is None

    play(scenario)


def test_a_snapshot_that_nobody_gives_fails() -> None:
    async def scenario(desk: Pair) -> None:
        desk.ib.silent, desk.tasty.silent = [refusal("One.")], [refusal("Two.")]
        with pytest.raises(BrokerFailure, match="One"):
            await desk.joined.snapshot()

    play(scenario)


def test_an_order_is_not_called_absent_while_a_broker_that_may_have_it_does_not_answer() -> None:
    async def scenario(desk: Pair) -> None:
        ticket = draft(account=TT)
        desk.ib.silent = [refusal("No answer.")]
        with pytest.raises(BrokerFailure, match="No answer"):
            await desk.joined.find_orders([ticket.order_id])
        desk.tasty.knows = (word(ticket, OrderStatus.FILLED),)
        assert await desk.joined.find_orders([ticket.order_id]) == desk.tasty.knows

    play(scenario)


# --- events -----------------------------------------------------------------------------------------------------------


def quote(at: str) -> Quote:
    return Quote(AAPL.key, Decimal(at), Decimal(at) + 1, None, NOW, MarketDataKind.LIVE)


def test_a_contract_has_the_quotes_of_one_broker_only() -> None:
    async def scenario(desk: Pair) -> None:
        desk.joined.set_subscriptions([AAPL, SPX])
        assert set(desk.ib.wanted) == {AAPL.key, SPX.key}
        assert desk.tasty.wanted == ()
        desk.ib.tell(QuotesEvent((quote("300"),)))
        desk.tasty.tell(QuotesEvent((quote("299"),)))
        await settle()
        assert [each.bid for event in desk.events if isinstance(event, QuotesEvent) for each in event.quotes] == [300]
        desk.ib.tell(ConnectionEvent(FeedState.DOWN, "Gone.", reconcile_needed=True))
        await settle()
        assert set(desk.tasty.wanted) == {AAPL.key, SPX.key}
        desk.tasty.tell(QuotesEvent((quote("301"),)))
        await settle()
        told = [each.bid for event in desk.events if isinstance(event, QuotesEvent) for each in event.quotes]
        assert told == [300, 301]

    play(scenario)


def test_the_brokers_own_greeks_are_those_of_the_primary() -> None:
    async def scenario(desk: Pair) -> None:
        for broker, delta in ((desk.ib, 0.4), (desk.tasty, 0.5)):
            broker.tell(ModelGreeksEvent((ModelGreeks(AAPL.key, NOW, None, delta, None, None, None),)))
        await settle()
        told = [each.delta for event in desk.events if isinstance(event, ModelGreeksEvent) for each in event.greeks]
        assert told == [0.4]

    play(scenario)


def test_news_of_an_account_from_another_broker_than_its_own_is_set_aside() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.tell(FeeEvent(IB, ExecutionId("E1"), Decimal(1)))
        desk.ib.tell(FeeEvent(IB, ExecutionId("E2"), Decimal(2)))
        await settle()
        assert [event.execution_id for event in desk.events if isinstance(event, FeeEvent)] == ["E2"]
        (odd,) = [event for event in desk.events if isinstance(event, OddObjectEvent)]
        assert "which Interactive Brokers holds" in odd.what

    play(scenario)


def test_a_brokers_stream_that_ends_by_itself_ends_the_whole_and_so_halts_the_desk() -> None:
    async def scenario(desk: Pair) -> None:
        desk.tasty.stream.close()
        await settle()
        assert desk._reader is not None
        assert desk._reader.done()

    play(scenario)
