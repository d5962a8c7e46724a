"""A desk core with a database of its own, in a market that quotes what somebody wants quoted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from analytics.strategy import recognise
from database.store import SqliteStorage, open_storage
from execution.brokers.port import Capability
from execution.core import DeskCore
from execution.hedging.scoring import SuggestionScorer
from execution.sessions import ExchangeSessions
from execution.views import LogLine
from models.clock import ManualClock
from models.config import load_config
from models.contract import Contract, option_contract, underlying_contract
from models.enums import FeedState, MarketDataKind, Mode, Right
from models.hedge import Verified
from models.ids import ContractKey
from models.quote import Quote
from models.suggestion_records import MarkedHolding, SuggestionMark, SuggestionSetRecord
from tests.database.suggestion_builders import a_candidate, a_suggestion_set, a_verified, legs_of
from tests.execution.builders import DEFAULTS
from tests.execution.recorder import RecordingPublisher

SESSIONS = ExchangeSessions()
#: A Monday, 11:00 New York; the session ends at 20:00 UTC.
MADE = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
CLOSE = datetime(2026, 5, 4, 20, 0, tzinfo=UTC)
PUT = option_contract("SPXW", date(2026, 6, 15), Right.PUT, Decimal(6800))
FAR = option_contract("SPXW", date(2026, 7, 15), Right.PUT, Decimal(6800))
WING = option_contract("SPXW", date(2026, 6, 15), Right.PUT, Decimal(6500))
TODAY = option_contract("SPXW", date(2026, 5, 4), Right.PUT, Decimal(7200))
MORNING = option_contract("SPX", date(2026, 5, 15), Right.CALL, Decimal(7100))
HELD = option_contract("SPXW", date(2026, 6, 15), Right.PUT, Decimal(6900))
SPY = underlying_contract("SPY")
BOOK = (MarkedHolding(HELD, Decimal(-5), Decimal("30.00")), MarkedHolding(SPY, Decimal(100), Decimal("718.00")))
PRICES = {PUT: "20.00", FAR: "31.00", WING: "5.00", HELD: "26.00", SPY: "720.50"}
#: The book above at the prices above: the puts fell by 4.00, the shares rose by 2.50.
BOOK_USD = 5 * 100 * 4.0 + 100 * 2.5


@dataclass
class Rig:
    """A desk core with a database of its own, and a market that quotes what somebody wants quoted."""

    path: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(MADE))
    prices: dict[ContractKey, tuple[str, str | None]] = field(default_factory=dict)
    kind: MarketDataKind = MarketDataKind.SIMULATED
    wanted: list[frozenset[ContractKey]] = field(default_factory=list)
    publisher: RecordingPublisher = field(default_factory=RecordingPublisher)
    keeps_hours: bool = True
    is_read_only: bool = False

    def __post_init__(self) -> None:
        self.price(PRICES)
        self.spx("7200.00")
        self.start()

    def start(self) -> None:
        """Starts a desk on the file, as after a restart: nothing is known but what the file holds."""
        self.storage: SqliteStorage = open_storage(self.path, environment="desk", mode=Mode.PAPER, clock=self.clock)
        self.core = DeskCore(
            config=load_config(DEFAULTS, None),
            clock=self.clock,
            capabilities=frozenset({Capability.SIMULATED_MARKET}),
            is_read_only=self.is_read_only,
            recognise=recognise,
            tell_broker=lambda contracts: self._quote([one.key for one in contracts]),
        )
        self.core.feed = FeedState.LIVE
        self.scorer = SuggestionScorer(
            core=self.core,
            store=self.storage,
            sessions=SESSIONS,
            publisher=self.publisher,
            keeps_hours=self.keeps_hours,
            wait_s=0.1,
        )

    def restart(self) -> None:
        self.storage.close()
        self.start()

    def price(self, prices: dict[Contract, str]) -> None:
        self.prices |= {one.key: (price, None) for one, price in prices.items()}

    def spx(self, price: str, previous_close: str | None = None) -> None:
        self.prices[ContractKey("SPX")] = (price, previous_close)

    def _quote(self, keys: list[ContractKey]) -> None:
        self.wanted.append(frozenset(keys))
        for key in keys:
            if key in self.prices:
                price, before = self.prices[key]
                at = Decimal(price)
                closed = None if before is None else Decimal(before)
                now = self.clock.now_utc()
                half = Decimal("0.05")
                self.core.market.apply([Quote(key, at - half, at + half, at, now, self.kind, None, None, closed)])

    def made(self, *verified: Verified, at: datetime = MADE, **facts: object) -> SuggestionSetRecord:
        shown = verified or (buying(PUT),)
        made = a_suggestion_set(*shown, made_at_utc=at, book=BOOK)
        asyncio.run(self.storage.save_suggestions(replace(made, **facts)))  # type: ignore[arg-type] # fields by name
        return made

    def at(self, moment: datetime, *, times: int = 1) -> tuple[SuggestionMark, ...]:
        """Lets the desk look at a time of day; returns every mark there is then."""
        self.clock.set(moment)
        for _ in range(times):
            asyncio.run(self.scorer.mark_due())
        return self.marks()

    def impatient(self) -> None:
        """Lets the writer not wait for another program's lock."""
        self.storage._writer.read_now("testing", lambda c: c.exec_driver_sql("PRAGMA busy_timeout = 0").close())

    def marks(self) -> tuple[SuggestionMark, ...]:
        return tuple(mark for one in asyncio.run(self.storage.scored_suggestions()) for mark in one.marks)

    def warnings(self) -> list[str]:
        return [one.text for one in self.publisher.notices if isinstance(one, LogLine)]


def buying(contract: Contract, price: str = "18.00", **facts: str | None) -> Verified:
    """Two of a put at a debit, 2.60 dollars of fees."""
    return a_verified(a_candidate(legs_of(contract), limit_price=price), **facts)  # type: ignore[arg-type] # fees only
