"""Ticks followed from TWS to the window: numbers find their instants, and every packet is shown once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.followed import SentLog
from benchmarks.wire_ticks import WireTicks
from execution.brokers.ibkr.facts import IbContract, PositionFact, TickFact
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.port import ModelGreeksEvent, QuotesEvent
from models.clock import ManualClock
from models.enums import MarketDataKind
from models.ids import ContractKey
from models.quote import Quote

START = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
HELD, WATCHED = 71, 72


def _contract(con_id: int, sec_type: str = "OPT") -> IbContract:
    return IbContract(con_id=con_id, symbol="SPX", sec_type=sec_type)


def _tick(con_id: int, second: int) -> TickFact:
    at_utc = START + timedelta(seconds=second)
    return TickFact(con_id, Decimal(1), Decimal(2), None, 1, 1, None, 1, None, at_utc)


def _quotes(second: int) -> QuotesEvent:
    at_utc = START + timedelta(seconds=second)
    return QuotesEvent((Quote(ContractKey("SPX"), Decimal(1), Decimal(2), None, at_utc, MarketDataKind.LIVE),))


def _count() -> WireTicks:
    count = WireTicks(IbkrSettings(), ManualClock(START))
    count.heard(PositionFact("DU1", _contract(HELD), Decimal(1), None))
    return count


def test_a_ticks_number_tells_when_it_left(tmp_path: Path) -> None:
    path = tmp_path / "ticks.log"
    path.write_text("4 10.000000\n9 10.005000\n15 10.010000\n", encoding="ascii")
    sent = SentLog(path)
    assert [sent.sent_s(number) for number in (1, 4, 5, 9, 10, 15)] == [10.0, 10.0, 10.005, 10.005, 10.01, 10.01]
    assert sent.between(10.002, 10.007) == 5
    assert sent.between(0.0, 99.0) == 15
    with pytest.raises(IndexError):
        sent.sent_s(16)


def test_a_packet_of_the_book_counts_from_its_first_tick_until_the_engine_took_it_or_something_newer() -> None:
    count = _count()
    count.read(3)
    count.packet((_tick(HELD, 1),))
    count.read(4)
    count.packet((_tick(WATCHED, 2), _tick(HELD, 2)))
    count.took(_quotes(0))
    assert count.fresh == []
    count.took(_quotes(2))
    assert [packet.first for packet, _ in count.fresh] == [1, 4]
    assert (count.ticks, count.packets, count.line_changes) == (7, 2, 3)


def test_what_is_only_looked_at_is_not_followed_but_moves_the_numbers_on() -> None:
    count = _count()
    count.read(5)
    count.packet((_tick(WATCHED, 1),))
    count.read(1)
    count.packet((_tick(HELD, 2),))
    count.took(_quotes(3))
    assert [packet.first for packet, _ in count.fresh] == [6]


def test_underlyings_belong_to_the_book_and_other_events_take_nothing() -> None:
    count = _count()
    count.opened(_contract(1, "IND"))
    count.read(1)
    count.packet((_tick(1, 1),))
    count.took(ModelGreeksEvent(()))
    assert count.fresh == []
    assert count.events == 1
    count.took(_quotes(1))
    assert len(count.fresh) == 1
