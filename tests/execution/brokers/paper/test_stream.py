"""Events reach one reader in order; only quotes merge."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from execution.brokers.paper.outbox import Outbox
from execution.brokers.port import BrokerEvent, FeeEvent, QuotesEvent
from execution.brokers.stream import EventStream
from models.enums import MarketDataKind
from models.ids import AccountId, ContractKey, ExecutionId
from models.quote import Quote

NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)


def fee(number: int) -> FeeEvent:
    return FeeEvent(AccountId("PAPER-1"), ExecutionId(f"E{number}"), Decimal(1))


def quotes(**bids: int) -> QuotesEvent:
    return QuotesEvent(
        tuple(
            Quote(ContractKey(key), Decimal(bid), Decimal(bid + 1), None, NOW, MarketDataKind.SIMULATED)
            for key, bid in bids.items()
        )
    )


def read_all(*events: BrokerEvent) -> list[BrokerEvent]:
    async def run() -> list[BrokerEvent]:
        stream = EventStream()
        for event in events:
            stream.put(event)
        stream.close()
        stream.put(fee(99))
        return [event async for event in stream]

    return asyncio.run(run())


def test_unread_quotes_merge_to_the_newest_per_contract_and_nothing_else_is_lost() -> None:
    got = read_all(quotes(A=1, B=1), quotes(B=2, C=2), fee(1), fee(1), quotes(A=5), quotes(A=6))
    assert got[1:3] == [fee(1), fee(1)]
    merged, last = got[0], got[3]
    assert isinstance(merged, QuotesEvent)
    assert {quote.key: quote.bid for quote in merged.quotes} == {"A": 1, "B": 2, "C": 2}
    assert last == quotes(A=6)
    assert len(got) == 4


def test_a_reader_waits_for_the_next_event_and_ends_with_the_stream() -> None:
    async def run() -> list[BrokerEvent]:
        stream = EventStream()

        async def read() -> list[BrokerEvent]:
            return [event async for event in stream]

        reader = asyncio.create_task(read())
        for number in range(3):
            await asyncio.sleep(0)
            stream.put(fee(number))
        await asyncio.sleep(0)
        stream.close()
        return await reader

    assert asyncio.run(run()) == [fee(0), fee(1), fee(2)]


def test_events_leave_when_due_and_never_overtake_in_their_lane() -> None:
    outbox = Outbox()
    outbox.post(fee(1), NOW + timedelta(seconds=2), lane="a")
    outbox.post(fee(2), NOW, lane="a")
    outbox.post(fee(3), NOW + timedelta(seconds=1), lane="b")
    assert outbox.take(NOW) == []
    assert outbox.next_due_utc() == NOW + timedelta(seconds=1)
    assert outbox.take(NOW + timedelta(seconds=1)) == [fee(3)]
    assert outbox.take(NOW + timedelta(seconds=2)) == [fee(1), fee(2)]
    assert outbox.next_due_utc() is None
