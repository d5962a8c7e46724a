"""The settings page's test of a connection: a connection of its own, asked a few harmless things, then let go.

Nothing is sent to work. Whether the API is read-only shows only when it refuses an order, so a what-if of one share far
from the market is asked, which TWS counts as one and never sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from execution.brokers.ibkr.advice import Trouble, advice_of
from execution.brokers.ibkr.connection import IbConnection
from execution.brokers.ibkr.data_errors import trouble_of
from execution.brokers.ibkr.facts import ErrorFact, Fact, IbContract, TickFact
from execution.brokers.ibkr.library import load_library
from execution.brokers.ibkr.settings import IbkrSettings, mode_of_account, mode_of_port
from execution.brokers.ibkr.wire_port import IbOrder, IbWire
from models.clock import Clock
from models.enums import MarketDataKind, Mode
from models.errors import BrokerFailure
from models.ids import AccountId, new_order_id

T = TypeVar("T")

_SPX: Final = IbContract(con_id=0, symbol="SPX", sec_type="IND", exchange="CBOE")
_SPY: Final = IbContract(con_id=0, symbol="SPY", sec_type="STK", exchange="SMART", primary_exchange="ARCA")
_READ_ONLY: Final = 321
_LIVE, _DELAYED_OR_FROZEN = 1, 4
_KINDS: Final = {1: MarketDataKind.LIVE, 2: MarketDataKind.FROZEN, 3: MarketDataKind.DELAYED, 4: MarketDataKind.DELAYED}
_CLOCK_LIMIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a test found. `is_ok`: connected, and nothing stands against working with it; None = not found out."""

    is_ok: bool
    library: str
    accounts: tuple[tuple[AccountId, Mode], ...] = ()
    server_version: int | None = None
    #: TWS refuses orders and what-ifs.
    is_api_read_only: bool | None = None
    #: How SPX is quoted; None = no quote came in time (off hours, no subscription).
    market_data: MarketDataKind | None = None
    clock_ahead_s: float | None = None
    problems: tuple[str, ...] = ()
    #: What TWS said about the quotes of SPX.
    quote_troubles: tuple[str, ...] = ()


class _Heard:
    """What came on the one market-data line, besides the answers."""

    def __init__(self) -> None:
        self.line: int | None = None
        self.data_type: int | None = None
        self.troubles: list[str] = []
        #: A quote came, or the word that none will.
        self.is_settled = asyncio.Event()

    def fact(self, fact: Fact) -> None:
        """Takes an error about the line."""
        if isinstance(fact, ErrorFact) and fact.request_id == self.line:
            trouble = trouble_of(fact.code, fact.text)
            self.troubles.append(f"SPX: {trouble.sentence}")
            if trouble.is_dead:
                self.is_settled.set()

    def ticks(self, ticks: tuple[TickFact, ...]) -> None:
        """Takes a quote; an index has no bid and ask."""
        for tick in ticks:
            if tick.last is not None or tick.close is not None:
                self.data_type = tick.data_type
                self.is_settled.set()


async def probe(settings: IbkrSettings, clock: Clock) -> ProbeReport:
    """Connects with these settings and tells what it found; never raises for what TWS or the network does."""
    heard = _Heard()
    try:
        library = load_library(settings.library)
        wire = IbConnection(library, settings, clock, heard.fact, heard.ticks)
        greeting = await wire.open()
    except BrokerFailure as failure:
        return ProbeReport(is_ok=False, library=settings.library.value, problems=(str(failure),))
    problems: list[str] = []
    accounts = tuple((AccountId(name), mode_of_account(name)) for name in greeting.accounts)
    try:
        clock_ahead_s = await _tried(problems, lambda: _clock_ahead_s(wire, clock))
        is_read_only = None
        if not settings.read_only:
            is_read_only = await _tried(problems, lambda: _is_read_only(wire, accounts[0][0]))
        market_data = await _tried(problems, lambda: _market_data(wire, settings, heard))
    finally:
        await wire.close()
    shown = tuple(pair for pair in accounts if not settings.accounts or pair[0] in settings.accounts)
    problems += [*_account_problems(settings, greeting.accounts), *_mode_problems(settings, shown)]
    if clock_ahead_s is not None and abs(clock_ahead_s) > _CLOCK_LIMIT_S:
        problems.append(str(advice_of(Trouble.CLOCK_OFF, settings, detail=f"by {abs(clock_ahead_s):.0f} s")))
    if is_read_only:
        problems.append(str(advice_of(Trouble.READ_ONLY_API, settings)))
    is_ok = clock_ahead_s is not None and not is_read_only and abs(clock_ahead_s) <= _CLOCK_LIMIT_S
    return ProbeReport(
        is_ok=is_ok and bool(shown) and all(mode is settings.mode for _, mode in shown),
        library=f"{library.name.value} {library.version}",
        accounts=accounts,
        server_version=greeting.server_version,
        is_api_read_only=is_read_only,
        market_data=market_data,
        clock_ahead_s=clock_ahead_s,
        problems=tuple(dict.fromkeys(problems)),
        quote_troubles=tuple(dict.fromkeys(heard.troubles)),
    )


async def _tried(problems: list[str], step: Callable[[], Awaitable[T]]) -> T | None:
    """Returns what a step found; a step that fails is a problem to tell, not the end of the test."""
    try:
        return await step()
    except BrokerFailure as failure:
        problems.append(str(failure))
        return None


async def _clock_ahead_s(wire: IbWire, clock: Clock) -> float:
    tws_now_utc = await wire.current_time()
    return (tws_now_utc - clock.now_utc()).total_seconds()


async def _is_read_only(wire: IbWire, account: AccountId) -> bool | None:
    """Returns whether TWS refuses the API's orders; None when its answer does not tell."""
    order = IbOrder("BUY", Decimal(1), "LMT", Decimal(1), "DAY", account, new_order_id())
    reply = await wire.what_if(_SPY, order)
    if reply.refusal is not None:
        return True if reply.refusal[0] == _READ_ONLY else None
    return None if reply.margins is None else False


async def _market_data(wire: IbWire, settings: IbkrSettings, heard: _Heard) -> MarketDataKind | None:
    found = await wire.contract_details(_SPX)
    if not found:
        return None
    wire.set_market_data_type(_DELAYED_OR_FROZEN if settings.allow_delayed else _LIVE)
    contract = found[0].contract
    heard.line = wire.subscribe(contract)
    try:
        async with asyncio.timeout(settings.timeouts.answer_s / 2):
            await heard.is_settled.wait()
    except TimeoutError:
        return None
    finally:
        wire.unsubscribe(contract.con_id)
    return None if heard.data_type is None else _KINDS.get(heard.data_type)


def _account_problems(settings: IbkrSettings, told: tuple[str, ...]) -> list[str]:
    """Tells of accounts that the settings name and the login does not have."""
    return [
        f"{account} is no account of this login, which has {', '.join(told)}. Correct it in the settings."
        for account in sorted(settings.accounts | settings.trading_accounts)
        if account not in told
    ]


def _mode_problems(settings: IbkrSettings, accounts: tuple[tuple[AccountId, Mode], ...]) -> list[str]:
    """Tells of accounts that are not what the settings, or the port, lead to expect."""
    problems = []
    usual = mode_of_port(settings.port)
    for account, mode in accounts:
        name = f"a {mode.value.lower()} account, {account}"
        if mode is not settings.mode:
            problems.append(str(advice_of(Trouble.ACCOUNT_OF_OTHER_MODE, settings, detail=name)))
        elif usual is not None and mode is not usual:
            problems.append(str(advice_of(Trouble.PORT_OF_OTHER_MODE, settings, detail=name)))
    return problems
