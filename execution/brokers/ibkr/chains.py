"""Option chains from TWS.

`reqSecDefOptParams` names classes and dates; its strikes are the union over all dates of a class and are never used.
The contracts of a date come from one question without a strike, asked when the chain is wanted: what is not in the
answer is not listed, and is remembered as such for the day.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final, Protocol

from execution.brokers.daily import DailyAnswers
from execution.brokers.ibkr.contract_codec import contract_of
from execution.brokers.ibkr.contract_names import (
    SMART,
    future_exchange,
    ib_date,
    last_trade_day,
    parse_ib_date,
)
from execution.brokers.ibkr.facts import IbContract, IbContractDetails, IbOptionParams
from execution.brokers.ibkr.wire_port import IbWire
from execution.brokers.port import ChainExpiry
from models.business_days import is_business_day, monthly_expiration
from models.clock import Clock, new_york_time
from models.contract import Contract
from models.contract_key import future_option_settlement
from models.enums import InstrumentKind, Right, Settlement
from models.errors import InvalidInput
from models.ids import ContractKey
from models.occ import occ_symbol
from models.product import future_root, option_product

_LOG = logging.getLogger(__name__)
_DAY: Final = timedelta(days=1)
_WEDNESDAY: Final = 2
_AT_A_TIME: Final = 100


class DetailsDesk(Protocol):
    """What the chains need of the catalog: questions that are asked once, and answers made into contracts."""

    async def details(self, question: IbContract) -> tuple[IbContractDetails, ...]:
        """Returns what TWS knows of a question; raises BrokerFailure."""
        ...

    async def learn(self, details: IbContractDetails) -> Contract:
        """Returns the desk's contract of an answer and remembers it; raises InvalidInput for what it cannot be."""
        ...

    async def underlying(self, symbol: str) -> tuple[IbContractDetails, Contract]:
        """Returns a stock, index or future; raises InvalidInput when TWS knows none."""
        ...


class OptionChains:
    """The listed expirations and contracts, each asked for once a New York day."""

    def __init__(self, desk: DetailsDesk, wire: Callable[[], IbWire], clock: Clock) -> None:
        self._desk = desk
        self._wire = wire
        self._clock = clock
        self._expiries: DailyAnswers[str, dict[ChainExpiry, str]] = DailyAnswers(clock)
        self._chains: DailyAnswers[ChainExpiry, dict[ContractKey, Contract]] = DailyAnswers(clock)

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the listed expirations in date order; raises InvalidInput where there are none."""
        listed = await self._expiries.get(underlying, lambda: self._ask_expiries(underlying))
        return tuple(listed)

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the contracts of an expiration by strike, call before put; raises InvalidInput where none are."""
        listed = await self._chains.get(expiry, lambda: self._ask_chain(expiry))
        return tuple(listed.values())

    def is_dropped(self, contract: Contract) -> bool:
        """Whether the chain of this option's date was asked for today and the option is not in it."""
        if contract.expiry is None or contract.settlement is None:
            return False
        place = ChainExpiry(contract.underlying, contract.root, contract.expiry, contract.settlement)
        chain = self._chains.known(place)
        return chain is not None and contract.key not in chain

    async def _ask_expiries(self, symbol: str) -> dict[ChainExpiry, str]:
        details, underlying = await self._desk.underlying(symbol)
        rows = _rows(await self._wire().option_params(details), underlying)
        dates: dict[str, set[str]] = {}
        for row in rows:
            dates.setdefault(row.trading_class, set()).update(row.expirations)
        today = new_york_time(self._clock.now_utc()).date()
        found: dict[ChainExpiry, str] = {}
        for root, texts in sorted(dates.items()):
            if not _is_root(root, underlying):
                _LOG.info("options of class %s on %s are left out: not a root the desk can write", root, symbol)
                continue
            listed = await self._class_expiries(details, underlying, root, sorted(texts))
            found.update((one, text) for one, text in listed if one.expiry >= today)
        if not found:
            raise InvalidInput("underlying", f"{symbol} has no options at Interactive Brokers.")
        return dict(sorted(found.items(), key=lambda item: (item[0].expiry, item[0].settlement.value, item[0].root)))

    async def _class_expiries(
        self, details: IbContractDetails, underlying: Contract, root: str, texts: Sequence[str]
    ) -> list[tuple[ChainExpiry, str]]:
        settlement = await self._settlement(details, underlying, root, texts)
        found = []
        for text in texts:
            day = parse_ib_date(text)
            if day is None:
                _LOG.warning("the date %r of class %s cannot be read", text, root)
                continue
            is_am = settlement is Settlement.AM and underlying.kind is InstrumentKind.INDEX
            expiry = expiry_of_last_trade(day, underlying.key) if is_am else day
            found.append((ChainExpiry(underlying.key, root, expiry, settlement), text))
        return found

    async def _settlement(
        self, details: IbContractDetails, underlying: Contract, root: str, texts: Sequence[str]
    ) -> Settlement:
        """By the product; for an index class the desk does not know, by one question about its first date."""
        if underlying.kind is InstrumentKind.FUTURE:
            return future_option_settlement(underlying.root, root)
        product = option_product(root)
        if underlying.kind is not InstrumentKind.INDEX or product.underlying_kind is InstrumentKind.INDEX:
            return product.settlement
        for text in texts:
            for answer in await self._desk.details(_question(underlying, root, text, details.contract.symbol)):
                try:
                    settlement = contract_of(answer, None).settlement
                except InvalidInput:
                    continue
                if settlement is not None:
                    return settlement
        return product.settlement

    async def _ask_chain(self, expiry: ChainExpiry) -> dict[ContractKey, Contract]:
        details, underlying = await self._desk.underlying(expiry.underlying)
        listed = self._expiries.known(expiry.underlying) or {}
        found: list[Contract] = []
        for text in dict.fromkeys(_dates_to_ask(expiry, underlying, listed.get(expiry))):
            answers = await self._desk.details(_question(underlying, expiry.root, text, details.contract.symbol))
            found = await self._members(answers, expiry, underlying)
            if found:
                break
        if not found:
            raise InvalidInput("expiry", f"{expiry.root} {expiry.expiry:%d %b %Y} has no listed contracts.")
        return {one.key: one for one in sorted(found, key=_strike_and_right)}

    async def _members(
        self, answers: Iterable[IbContractDetails], expiry: ChainExpiry, underlying: Contract
    ) -> list[Contract]:
        """The answers that belong to the expiration; what cannot be represented is logged and left out."""
        found: list[Contract] = []
        for number, answer in enumerate(answers):
            if number % _AT_A_TIME == 0:
                # A chain of SPX has hundreds: quotes and orders go on in between.
                await asyncio.sleep(0)
            if underlying.kind is InstrumentKind.FUTURE and answer.under_con_id != underlying.conid:
                continue
            try:
                contract = await self._desk.learn(answer)
            except InvalidInput as error:
                _LOG.warning("left out of the chain: %s", error)
                continue
            if (contract.root, contract.expiry) == (expiry.root, expiry.expiry):
                found.append(contract)
        return found


def expiry_of_last_trade(day: date, underlying: str) -> date:
    """Returns the expiration of AM-settled index options from the date TWS lists: their last trade, the day before.

    A date that is itself an expiration (a Wednesday of VIX, a monthly expiration elsewhere) is taken as one.
    """
    is_monthly = day == monthly_expiration(day.year, day.month)
    is_expiry = day.weekday() == _WEDNESDAY if underlying == "VIX" else is_monthly
    return day if is_expiry else next_business_day(day)


def next_business_day(day: date) -> date:
    """Returns the first day after `day` on which the exchanges trade."""
    day += _DAY
    while not is_business_day(day):
        day += _DAY
    return day


def _rows(params: Sequence[IbOptionParams], underlying: Contract) -> list[IbOptionParams]:
    """The rows of the routing that is used: SMART where there is one; for a future its own."""
    if underlying.kind is InstrumentKind.FUTURE:
        return [row for row in params if row.under_con_id in (0, underlying.conid)]
    smart = [row for row in params if row.exchange == SMART]
    return smart or list(params)


def _is_root(root: str, underlying: Contract) -> bool:
    if underlying.kind is InstrumentKind.FUTURE:
        return root.isascii() and root.isalnum()
    try:
        occ_symbol(root, date(2026, 1, 1), Right.CALL, option_product("SPX").multiplier)
    except InvalidInput:
        return False
    return True


def _dates_to_ask(expiry: ChainExpiry, underlying: Contract, listed: str | None) -> list[str]:
    """What TWS listed, else the last trade by the calendar, else the expiration itself."""
    asked = [] if listed is None else [listed]
    if underlying.kind is InstrumentKind.INDEX:
        asked.append(ib_date(last_trade_day(expiry.expiry, expiry.settlement)))
    return [*asked, ib_date(expiry.expiry)]


def _question(underlying: Contract, root: str, last_trade: str, symbol: str) -> IbContract:
    question = IbContract(0, symbol, "OPT", last_trade=last_trade, exchange=SMART, trading_class=root)
    if underlying.kind is not InstrumentKind.FUTURE:
        return question
    return replace(question, sec_type="FOP", exchange=future_exchange(future_root(underlying.key)))


def _strike_and_right(contract: Contract) -> tuple[object, bool]:
    return contract.strike, contract.right is Right.PUT
