"""What Tastytrade lists: expirations and contracts out of nested chains, asked for once a New York day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from execution.brokers.daily import DailyAnswers
from execution.brokers.port import ChainExpiry
from execution.brokers.tastytrade import contract_codec as codec
from execution.brokers.tastytrade.facts import TastyExpiration, TastyStrike
from execution.brokers.tastytrade.wire_port import TastyWire
from models.clock import Clock, new_york_time
from models.contract import Contract, underlying_contract
from models.contract_key import contract_of_key
from models.enums import InstrumentKind, Settlement
from models.errors import InvalidInput
from models.ids import ContractKey
from models.order import OrderLeg
from models.package_tick import package_tick
from models.product import FUTURES, TickRule, front_future, future_root

#: Offered by name; any other symbol can be typed.
_OFFERED: Final = ("SPX", "SPY", "QQQ", "XSP", "NDX", "RUT", "IWM", "AAPL", "MSFT", "NVDA", "TSLA")
_OFFERED_FUTURES: Final = ("/ES",)


class TastyCatalog:
    """Contracts by Tastytrade's symbols and by the desk's keys. Engine thread only."""

    def __init__(self, wire: Callable[[], TastyWire], clock: Clock) -> None:
        """`wire` raises BrokerFailure while there is no session."""
        self._wire = wire
        self._clock = clock
        self._listed: DailyAnswers[str, tuple[TastyExpiration, ...]] = DailyAnswers(clock)
        self._symbols: DailyAnswers[ContractKey, str] = DailyAnswers(clock)
        self._streamers: dict[str, str] = {}
        self._adjusted: dict[ContractKey, Contract] = {}

    def by_symbol(self, symbol: str, instrument_type: str) -> Contract | None:
        """Returns the contract of a symbol as far as it is known without asking; None for what must be asked about."""
        try:
            contract = codec.contract_of(symbol, instrument_type)
        except InvalidInput:
            return None
        return self._adjusted.get(contract.key) if _is_adjusted(contract) else contract

    async def contract(self, symbol: str, instrument_type: str) -> Contract:
        """Returns the contract of a symbol; an adjusted option's multiplier is what its chain says.

        Raises InvalidInput for what the desk cannot represent, BrokerFailure.
        """
        contract = codec.contract_of(symbol, instrument_type)
        if not _is_adjusted(contract) or contract.key in self._adjusted:
            return self._adjusted.get(contract.key, contract)
        listed = await self.resolve(contract.key)
        self._adjusted[contract.key] = listed
        return listed

    async def symbol_of(self, contract: Contract) -> tuple[str, str]:
        """Returns Tastytrade's symbol and instrument type."""
        return codec.symbol_of(contract)

    async def streamer_of(self, contract: Contract) -> str:
        """Returns DXLink's symbol; raises InvalidInput for what Tastytrade does not know, BrokerFailure."""
        symbol, kind = codec.symbol_of(contract)
        known = self._streamers.get(symbol)
        if known is not None:
            return known
        return await self._symbols.get(contract.key, lambda: self._wire().streamer_symbol(symbol, kind))

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the listed expirations in date order; raises InvalidInput where there are none."""
        found = {_place(one): one for one in await self._expirations(underlying)}
        if not found:
            raise InvalidInput("symbol", f"{underlying!r} has no listed options at Tastytrade.")
        return tuple(sorted(found, key=lambda one: (one.expiry, one.settlement.value, one.root)))

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the contracts of one expiration by strike, call before put; raises InvalidInput where none are."""
        for one in await self._expirations(expiry.underlying):
            if _place(one) == expiry:
                return tuple(_contracts(one))
        raise InvalidInput("expiry", f"{expiry.root} {expiry.expiry} is not listed at Tastytrade.")

    async def resolve(self, key: ContractKey) -> Contract:
        """Returns the listed contract of a key; raises InvalidInput when it is not listed, BrokerFailure."""
        wanted = contract_of_key(key)
        if not wanted.is_option:
            await self.streamer_of(wanted)
            return wanted
        for one in await self._expirations(wanted.underlying):
            if one.expiration == wanted.expiry and one.root == wanted.root:
                found = next((contract for contract in _contracts(one) if contract.key == wanted.key), None)
                if found is not None:
                    return found
        raise InvalidInput("symbol", f"{wanted.label} is not listed at Tastytrade.")

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the increments of the package's net price: of a single leg what its chain says."""
        if len(legs) > 1:
            return package_tick(legs)
        contract = legs[0].contract
        return (await self.resolve(contract.key)).tick if contract.is_option else contract.tick

    async def underlyings(self) -> tuple[str, ...]:
        """Returns the symbols offered by name."""
        today = new_york_time(self._clock.now_utc()).date()
        return (*_OFFERED, *(front_future(root, today) for root in _OFFERED_FUTURES))

    async def _expirations(self, underlying: str) -> tuple[TastyExpiration, ...]:
        return await self._listed.get(underlying, lambda: self._ask(underlying))

    async def _ask(self, underlying: str) -> tuple[TastyExpiration, ...]:
        contract = underlying_contract(underlying)
        if contract.kind is InstrumentKind.FUTURE:
            listed = await self._wire().futures_chain(_product(underlying))
            listed = tuple(one for one in listed if one.future_symbol == underlying)
        else:
            symbol, _ = codec.symbol_of(contract)
            listed = await self._wire().chain(symbol)
        today = new_york_time(self._clock.now_utc()).date()
        kept = tuple(one for one in listed if one.expiration >= today and one.settlement in set(Settlement))
        for one in kept:
            self._learn(one.strikes)
        return kept

    def _learn(self, strikes: Iterable[TastyStrike]) -> None:
        """Keeps the chain's pairs; a side without its streamer symbol is asked for by itself when it is wanted."""
        for strike in strikes:
            pairs = ((strike.call, strike.call_streamer), (strike.put, strike.put_streamer))
            self._streamers.update({symbol: streamer for symbol, streamer in pairs if symbol and streamer})


def _product(future: str) -> str:
    try:
        return future_root(future).removeprefix("/")
    except KeyError as error:
        names = ", ".join(sorted(FUTURES))
        raise InvalidInput("symbol", f"{future!r} is not a future the desk knows ({names}).") from error


def _is_adjusted(contract: Contract) -> bool:
    """Whether an option's root carries a digit: after a split or merger its deliverable is not 100 shares."""
    return contract.kind is InstrumentKind.OPTION and contract.root[-1].isdigit()


def _place(one: TastyExpiration) -> ChainExpiry:
    underlying = one.future_symbol or one.underlying_symbol.replace("/", " ")
    return ChainExpiry(underlying, one.root, one.expiration, Settlement(one.settlement))


def _contracts(one: TastyExpiration) -> Iterable[Contract]:
    """The contracts by strike; a symbol the desk cannot read is left out of the chain, never guessed."""
    kind = codec.FUTURE_OPTION if one.future_symbol else codec.EQUITY_OPTION
    for strike in sorted(one.strikes, key=lambda each: each.strike):
        for symbol in (strike.call, strike.put):
            if symbol:
                yield codec.listed_contract(symbol, kind, one)
