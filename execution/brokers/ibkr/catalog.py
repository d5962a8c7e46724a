"""Every contract TWS told, by its conid and by our key, with the facts orders and quotes need.

Details hold for one New York day and are asked once however many want them. A contract's identity never changes, so
what was known yesterday still stands when TWS does not know it any more (it expired) or does not answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from execution.brokers.daily import DailyAnswers
from execution.brokers.ibkr.chains import OptionChains
from execution.brokers.ibkr.contract_codec import (
    contract_of,
    details_as_told,
    ib_contract,
    qualified,
    refuse_unknown_kind,
)
from execution.brokers.ibkr.contract_names import SMART
from execution.brokers.ibkr.facts import IbContract, IbContractDetails
from execution.brokers.ibkr.market_rules import MarketRules, rule_id_of
from execution.brokers.ibkr.wire_port import IbWire
from execution.brokers.port import ChainExpiry
from models.clock import Clock, new_york_time
from models.contract import Contract
from models.contract_key import contract_of_key
from models.enums import InstrumentKind
from models.errors import BrokerFailure, InvalidInput
from models.ids import ContractKey
from models.order import OrderLeg
from models.package_tick import package_tick
from models.product import ETF_SYMBOLS, TickRule, front_future

_LOG = logging.getLogger(__name__)
_KEPT_AFTER_EXPIRY: Final = timedelta(days=7)
_US_EXCHANGES: Final = frozenset({"NASDAQ", "NYSE", "ARCA", "AMEX", "BATS", "IEX", "PINK", "CBOE", "ISLAND"})
_ALWAYS_LISTED: Final = ("SPX", "XSP", "SPY", "QQQ", "IWM", "NDX", "RUT", "VIX")
_FUTURES_BY_NAME: Final = ("/ES", "/MES", "/NQ", "/MNQ", "/RTY")


@dataclass(frozen=True, slots=True)
class _Known:
    """A contract with what TWS wants to be told of it, and the New York date on which it said so."""

    contract: Contract
    ib: IbContract
    rule_id: int | None
    day: date


class ContractCatalog:
    """One for the adapter's life: it outlives connections. Engine thread only."""

    def __init__(self, wire: Callable[[], IbWire], clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._rules = MarketRules(wire, clock)
        self._details: DailyAnswers[IbContract, tuple[IbContractDetails, ...]] = DailyAnswers(clock)
        self._unlisted: DailyAnswers[ContractKey, InvalidInput] = DailyAnswers(clock)
        self._chains = OptionChains(self, wire, clock)
        self._known: dict[int, _Known] = {}
        self._by_key: dict[ContractKey, int] = {}
        self._pruned = self._today()

    # --- identity ---------------------------------------------------------------------------------------------------

    def by_con_id(self, con_id: int) -> Contract | None:
        """Returns the contract of a conid if TWS told it at any time; asks nothing."""
        known = self._known.get(con_id)
        return None if known is None else known.contract

    async def contract(self, ib: IbContract) -> Contract:
        """Returns the contract TWS speaks of, asking for its details when they are not known today.

        Raises InvalidInput, naming it, when the desk cannot represent it or TWS knows none; BrokerFailure when it must
        be asked and TWS does not answer.
        """
        known = self._known.get(ib.con_id)
        if known is not None and known.day == self._today():
            return known.contract
        refuse_unknown_kind(ib)
        try:
            answers = await self.details(_question_of(ib))
        except BrokerFailure as error:
            if known is None:
                raise
            _LOG.warning("details of %s were not told again, yesterday's stand: %s", known.contract.key, error)
            return known.contract
        if answers:
            return await self.learn(_only(answers, ib))
        return self._no_more_listed(ib) if known is None else known.contract

    async def con_id_of(self, contract: Contract) -> IbContract:
        """Returns the contract as it is sent and subscribed with, conid and routing included.

        Raises InvalidInput when it is not listed, BrokerFailure.
        """
        known = self._known_today(contract.key)
        if known is None:
            resolved = await self.resolve(contract.key)
            known = self._known[resolved.conid]
        return known.ib

    async def resolve(self, key: ContractKey) -> Contract:
        """Returns the listed contract of a key; raises InvalidInput when it is not listed, BrokerFailure."""
        known = self._known_today(key)
        if known is not None:
            return known.contract
        wanted = contract_of_key(key)
        refusal = self._unlisted.known(wanted.key)
        if refusal is not None or self._chains.is_dropped(wanted):
            raise refusal or _not_listed(wanted)
        try:
            details = await self._find(wanted)
        except InvalidInput as error:
            self._unlisted.set(wanted.key, error)
            raise
        return await self.learn(details)

    def _known_today(self, key: ContractKey) -> _Known | None:
        known = self._known.get(self._by_key.get(key, 0))
        return known if known is not None and known.day == self._today() else None

    def _no_more_listed(self, ib: IbContract) -> Contract:
        """An expired contract by TWS's own words; raises InvalidInput for one that should be listed and is not."""
        told = contract_of(details_as_told(ib), None)
        if told.expiry is None or told.expiry >= self._today():
            raise _not_listed(told)
        if told.conid:
            self._remember(_Known(told, ib, None, self._today()))
        return told

    # --- questions ----------------------------------------------------------------------------------------------------

    async def details(self, question: IbContract) -> tuple[IbContractDetails, ...]:
        """Returns what TWS knows of a question, one entry per conid; raises BrokerFailure."""

        async def ask() -> tuple[IbContractDetails, ...]:
            by_con_id: dict[int, IbContractDetails] = {}
            for one in await self._wire().contract_details(question):
                # TWS may answer once per exchange: the entry routed to SMART is the one that is used.
                if one.contract.con_id not in by_con_id or one.contract.exchange == SMART:
                    by_con_id[one.contract.con_id] = one
            return tuple(by_con_id.values())

        return await self._details.get(question, ask)

    async def learn(self, details: IbContractDetails) -> Contract:
        """Returns the desk's contract of an answer, with TWS's price increments, and remembers it.

        Raises InvalidInput for what the desk cannot represent, BrokerFailure when the future under an option is not
        told. Without an answer about increments the product's own stand until somebody asks for the tick.
        """
        future = None
        if details.contract.sec_type == "FOP":
            future = await self.contract(IbContract(details.under_con_id, "", "", currency=""))
        contract = contract_of(details, future)
        ib = qualified(details, contract)
        rule_id = rule_id_of(details, ib.exchange)
        try:
            tick = await self._rules.tick(rule_id)
        except BrokerFailure as error:
            _LOG.warning("price increments of %s are the product's own for now: %s", contract.key, error)
            tick = None
        if tick is not None:
            contract = replace(contract, tick=tick)
        self._remember(_Known(contract, ib, rule_id, self._today()))
        return contract

    async def underlying(self, symbol: str) -> tuple[IbContractDetails, Contract]:
        """Returns a stock, fund, index or future by name; raises InvalidInput when TWS knows none, BrokerFailure."""
        wanted = contract_of_key(ContractKey(symbol))
        if wanted.is_option:
            raise InvalidInput("underlying", f"{symbol} is an option: it has no options.")
        details = await self._find(wanted)
        return details, await self.learn(details)

    async def _find(self, wanted: Contract) -> IbContractDetails:
        """The details of the one listed contract with a key, by as many questions as it takes."""
        refusal: InvalidInput | None = None
        for question in _questions(wanted):
            fitting: list[IbContractDetails] = []
            for one in await self.details(question):
                try:
                    if await self._key_of(one) == wanted.key:
                        fitting.append(one)
                except InvalidInput as error:
                    refusal = error
            if fitting:
                return _best(fitting, wanted)
        raise refusal or _not_listed(wanted)

    async def _key_of(self, details: IbContractDetails) -> ContractKey:
        known = self._known.get(details.contract.con_id)
        if known is not None and known.day == self._today():
            return known.contract.key
        if details.contract.sec_type == "FOP":
            return (await self.learn(details)).key
        return contract_of(details, None).key

    # --- chains and ticks ---------------------------------------------------------------------------------------------

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the listed expirations in date order; raises InvalidInput where there are none, BrokerFailure."""
        return await self._chains.expiries(underlying.strip().upper())

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the contracts of an expiration by strike, call before put; raises InvalidInput, BrokerFailure."""
        return await self._chains.chain(expiry)

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the increments of the net price: of one leg TWS's market rule, of several the complex order's.

        Raises InvalidInput for a leg that is not listed, BrokerFailure.
        """
        if len(legs) != 1:
            return package_tick(legs)
        contract = await self.resolve(legs[0].contract.key)
        tick = await self._rules.tick(self._known[contract.conid].rule_id)
        return contract.tick if tick is None else tick

    async def underlyings(self) -> tuple[str, ...]:
        """Returns the names the user may browse: the best known ones, the front futures, and what the book holds."""
        fronts = [front_future(root, self._today()) for root in _FUTURES_BY_NAME]
        seen = sorted({known.contract.underlying for known in self._known.values()})
        return tuple(dict.fromkeys((*_ALWAYS_LISTED, *fronts, *sorted(ETF_SYMBOLS), *seen)))

    # --- memory -------------------------------------------------------------------------------------------------------

    def _remember(self, known: _Known) -> None:
        self._prune()
        contract = known.contract
        self._known[contract.conid] = known
        other = self._known.get(self._by_key.get(contract.key, 0))
        # Futures of two decades share a name (/CLZ6): it is the nearer one's until that has expired.
        if other is None or not self._is_nearer(other.contract, contract):
            self._by_key[contract.key] = contract.conid

    def _is_nearer(self, one: Contract, other: Contract) -> bool:
        if one.expiry is None or other.expiry is None:
            return False
        return self._today() <= one.expiry < other.expiry

    def _prune(self) -> None:
        today = self._today()
        if today == self._pruned:
            return
        self._pruned = today
        oldest = today - _KEPT_AFTER_EXPIRY
        self._known = {
            con_id: known
            for con_id, known in self._known.items()
            if known.contract.expiry is None or known.contract.expiry >= oldest
        }
        self._by_key = {key: con_id for key, con_id in self._by_key.items() if con_id in self._known}

    def _today(self) -> date:
        return new_york_time(self._clock.now_utc()).date()


def _question_of(ib: IbContract) -> IbContract:
    """A conid says all; without one TWS's own words are the question."""
    if ib.con_id:
        return IbContract(ib.con_id, "", "", currency="")
    exchange = ib.exchange or (SMART if ib.sec_type in ("STK", "OPT") else "")
    return replace(ib, exchange=exchange)


def _questions(wanted: Contract) -> tuple[IbContract, ...]:
    """What to ask for a contract, best first. Multipliers are left open: the broker's may differ from the table's."""
    question = replace(ib_contract(wanted, 0), multiplier="")
    match wanted.kind:
        case InstrumentKind.OPTION:
            by_symbol = IbContract(0, "", "OPT", exchange=SMART, local_symbol=question.local_symbol)
            return replace(question, local_symbol=""), by_symbol
        case InstrumentKind.INDEX:
            return question, replace(question, exchange="")
        case InstrumentKind.STOCK | InstrumentKind.ETF:
            return question, IbContract(0, question.symbol, "IND")
        case InstrumentKind.FUTURE:
            return (replace(question, last_trade=""),)
    return (question,)


def _only(answers: Sequence[IbContractDetails], ib: IbContract) -> IbContractDetails:
    fitting = [one for one in answers if ib.con_id in (0, one.contract.con_id)]
    if len(fitting) == 1:
        return fitting[0]
    name = ib.local_symbol or ib.symbol or f"contract {ib.con_id}"
    raise InvalidInput("contract", f"{name} fits {len(fitting)} contracts at Interactive Brokers, not one.")


def _best(fitting: list[IbContractDetails], wanted: Contract) -> IbContractDetails:
    """The nearest of futures that share a name; the US listing of a share; raises InvalidInput when two are left."""
    if wanted.kind is InstrumentKind.FUTURE:
        return min(fitting, key=lambda one: one.contract.last_trade)
    if len(fitting) > 1:
        fitting = [one for one in fitting if _is_us(one)] or fitting
    if len(fitting) > 1:
        places = ", ".join(sorted(one.contract.primary_exchange or one.contract.exchange for one in fitting))
        raise InvalidInput("symbol", f"{wanted.label} is listed more than once at Interactive Brokers ({places}).")
    return fitting[0]


def _is_us(details: IbContractDetails) -> bool:
    return details.contract.primary_exchange in _US_EXCHANGES


def _not_listed(contract: Contract) -> InvalidInput:
    return InvalidInput(
        "symbol",
        f"{contract.label} is not listed at Interactive Brokers.",
        cure="Check symbol, date and strike; new strikes are looked up again the next day.",
    )
