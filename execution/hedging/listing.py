"""Which listed contracts a search may trade: a grid around the money of what is held and of the index, and its quotes.

A broker with few market-data lines quotes the beginning of what is wanted: the contracts come in an order of which
every beginning covers underlyings, expirations and strikes evenly.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import chain, zip_longest
from typing import Final, TypeVar

import numpy as np

from execution.brokers.port import Broker, ChainExpiry
from execution.core import DeskCore, with_underlyings
from execution.market.chains import ChainService
from models.contract import Contract, underlying_contract
from models.enums import BrokerName, InstrumentKind, Right
from models.errors import BrokerFailure, InvalidInput
from models.expiry import settlement_instant_utc
from models.ids import ContractKey

#: Who wants the quotes.
OWNER: Final = "hedge"
_INDEX_OPTIONS: Final = ("SPX", "XSP", "SPY")
_INDEX_FUTURES: Final = ("/ES", "/MES")
_INDEX_SHARES: Final = "SPY"
#: Days to expiry of which the nearest listed ones are taken for the index, and for what is held.
_INDEX_DAYS: Final = (7, 30, 60, 90)
_HELD_DAYS: Final = (30, 60)
_MOST_UNDERLYINGS: Final = 8
_MOST_CONTRACTS: Final = 360
#: Where market-data lines are few (IBKR: 100), so many beside what the desk shows anyway.
_MOST_BY_BROKER: Final = {BrokerName.IBKR: 60}
#: Strikes on each side of the money of one expiration, and how far from it they reach: in moves of one standard
#: deviation at 20 % vol.
_STRIKES: Final = 12
_REACH: Final = 2.5 * 0.20
_LEAST_DAYS: Final = 1.0
#: Enough of the wanted quotes, and how long they are waited for.
_ENOUGH: Final = 0.9
_WAIT_S: Final = 4.0
_LOOK_S: Final = 0.1
_DAY_S: Final = 86_400.0
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Listing:
    """What may be traded now. `left_out`: what could not be asked for, in words."""

    contracts: tuple[Contract, ...]
    left_out: tuple[str, ...]


class ListingDesk:
    """Gathers listings and has them quoted while a search needs them. Engine thread only."""

    def __init__(self, *, core: DeskCore, broker: Broker, chains: ChainService) -> None:
        self._core = core
        self._broker = broker
        self._chains = chains

    async def gather(self) -> Listing:
        """Returns the contracts to choose from, quoted as far as the broker quotes them.

        Quotes stay wanted until `keep`. Raises BrokerFailure when nothing at all can be asked.
        """
        left_out: list[str] = []
        by_underlying: list[list[Contract]] = []
        for symbol in await self._underlyings():
            try:
                by_underlying.append(await self._options(symbol))
            except (BrokerFailure, InvalidInput) as error:
                left_out.append(f"{symbol}: {error}")
        linear = self._linear()
        most = _MOST_BY_BROKER.get(self._broker.name, _MOST_CONTRACTS)
        options = tuple(_in_turns(by_underlying))[:most]
        held = (one for one in self._core.book.contracts() if one.is_option)
        contracts = tuple(dict.fromkeys((*held, *linear, *options)))
        self._core.learn_contracts(contracts)
        self._core.subscriptions.want(OWNER, with_underlyings(contracts))
        await self._wait_for_quotes([one.key for one in contracts])
        return Listing(contracts, tuple(left_out))

    def keep(self, contracts: Iterable[Contract]) -> None:
        """Has only these quoted from now on: what is shown."""
        self._core.subscriptions.want(OWNER, with_underlyings(list(contracts)))

    async def _underlyings(self) -> tuple[str, ...]:
        """The index first, then what is held, the larger positions before the smaller."""
        offered = set(await self._broker.underlyings())
        index = [symbol for symbol in _INDEX_OPTIONS if symbol in offered]
        weight: dict[str, float] = {}
        for row in self._core.book.structure.rows:
            if row.contract.is_option:
                symbol = row.contract.underlying
                weight[symbol] = weight.get(symbol, 0.0) + abs(float(row.quantity))
        held = sorted(weight, key=lambda symbol: (-weight[symbol], symbol))
        return tuple(dict.fromkeys((*index, *held)))[:_MOST_UNDERLYINGS]

    async def _options(self, symbol: str) -> list[Contract]:
        spot = self._core.market.price(symbol)
        if math.isnan(spot) or not self._is_new(ContractKey(symbol)):
            self._core.subscriptions.want(f"{OWNER}:{symbol}", [underlying_contract(symbol)])
            try:
                await self._wait_for_quotes([ContractKey(symbol)])
            finally:
                self._core.subscriptions.want(f"{OWNER}:{symbol}", ())
            spot = self._core.market.price(symbol)
        if math.isnan(spot):
            raise InvalidInput("underlying", "no price came.")
        chosen = self._chosen(symbol, await self._chains.expiries(symbol))
        grids: list[list[Contract]] = []
        for one in chosen:
            grids.append(list(self._grid(await self._chains.contracts(one), spot, one)))
            await asyncio.sleep(0)  # a long chain takes a while, and ticks wait meanwhile
        return list(_in_turns(grids))

    def _chosen(self, symbol: str, listed: Sequence[ChainExpiry]) -> list[ChainExpiry]:
        """The expirations that are held, and those nearest to some lives."""
        now_utc = self._core.clock.now_utc()
        held = {
            (row.contract.root, row.contract.expiry)
            for row in self._core.book.structure.rows
            if row.contract.underlying == symbol
        }
        left = {
            one: (settlement_instant_utc(one.expiry, one.settlement) - now_utc) / timedelta(days=1) for one in listed
        }
        later = [one for one in listed if left[one] >= _LEAST_DAYS]
        days = _INDEX_DAYS if symbol in _INDEX_OPTIONS else _HELD_DAYS
        nearest = [min(later, key=partial(_away, left, wanted)) for wanted in days if later]
        chosen = [one for one in later if (one.root, one.expiry) in held]
        return list(dict.fromkeys((*chosen, *nearest)))

    def _grid(self, contracts: Sequence[Contract], spot: float, expiry: ChainExpiry) -> Iterable[Contract]:
        """Out-of-the-money contracts in even steps from the money outwards, and one step inside it."""
        now_utc = self._core.clock.now_utc()
        years = max((settlement_instant_utc(expiry.expiry, expiry.settlement) - now_utc).total_seconds(), _DAY_S) / (
            365 * _DAY_S
        )
        reach = spot * _REACH * math.sqrt(years)
        puts = _outwards([one for one in contracts if one.right is Right.PUT], spot, -reach)
        calls = _outwards([one for one in contracts if one.right is Right.CALL], spot, reach)
        return _in_turns([puts, calls])

    def _linear(self) -> tuple[Contract, ...]:
        """Index futures in front, and shares of the index and of stocks that are held."""
        held = {
            row.contract.key: row.contract
            for row in self._core.book.structure.rows
            if row.contract.kind in (InstrumentKind.STOCK, InstrumentKind.FUTURE)
        }
        front = [underlying_contract(self._core.benchmark_symbol(root)) for root in _INDEX_FUTURES]
        return tuple({one.key: one for one in (*front, underlying_contract(_INDEX_SHARES), *held.values())}.values())

    def _is_new(self, key: ContractKey) -> bool:
        """Quotes of an earlier search are known all day."""
        age_s = self._core.quote_age_s(key)
        return age_s is not None and age_s <= self._core.caps.quote_max_age_s

    async def _wait_for_quotes(self, keys: Sequence[ContractKey]) -> None:
        """Returns when most of them are quoted, or when no more can be hoped for."""
        rounds = int(_WAIT_S / _LOOK_S)
        for _ in range(rounds):
            quoted = sum(1 for key in keys if self._is_new(key))
            if quoted >= _ENOUGH * len(keys):
                return
            await asyncio.sleep(_LOOK_S)


def _away(left: dict[ChainExpiry, float], wanted: float, one: ChainExpiry) -> float:
    return abs(left[one] - wanted)


def _outwards(contracts: Sequence[Contract], spot: float, reach: float) -> list[Contract]:
    """At most `_STRIKES` strikes from just inside the money to `spot + reach`, evenly spaced; the middle ones first."""
    strikes = np.array([float(one.strike or 0) for one in contracts])
    side = 1.0 if reach > 0 else -1.0
    step = abs(reach) / (_STRIKES - 1)
    chosen: dict[ContractKey, Contract] = {}
    for number in range(-1, _STRIKES):
        level = spot + side * number * step
        if len(strikes):
            away = np.abs(strikes - level)
            # Of two as far away, the one nearer the money.
            nearest = contracts[int(np.lexsort((np.abs(strikes - spot), away))[0])]
            chosen[nearest.key] = nearest
    found = list(chosen.values())
    order = sorted(range(len(found)), key=lambda at: (-(at & -at) if at else -len(found), at))
    return [found[at] for at in order]


def _in_turns(lists: Sequence[Sequence[_Item]]) -> Iterable[_Item]:
    """One of each list in turn, until all are used up."""
    return (item for item in chain.from_iterable(zip_longest(*lists)) if item is not None)
