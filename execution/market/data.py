"""The newest quote of everything, and who wants what quoted."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from models.clock import Clock
from models.contract import Contract
from models.enums import MarketDataKind
from models.ids import ContractKey
from models.quote import ModelGreeks, Quote

#: How far a quote's time may lie ahead of the desk's: clocks differ a little. Past it the time is not to be believed.
_AHEAD = timedelta(seconds=2)
#: The order being made comes first, then what is held and works; what is only shown comes last.
_STAGED = "ticket"
_LOOKED_AT = frozenset({"chain", "benchmark"})


class MarketData:
    """Newest quotes by contract. Engine thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quotes: dict[ContractKey, Quote] = {}
        self._model_greeks: dict[ContractKey, ModelGreeks] = {}
        self._newest: Quote | None = None

    def apply(self, quotes: Iterable[Quote]) -> None:
        """Takes quotes in; an older one than held is ignored.

        A quote held from the future (a wrong stamp, or the clock was set back) holds up nothing: it would keep out
        every sound one and never grow old.
        """
        latest = self._clock.now_utc() + _AHEAD
        if self._newest is not None and self._newest.at_utc > latest:
            self._newest = None
        for quote in quotes:
            held = self._quotes.get(quote.key)
            if held is None or quote.at_utc >= held.at_utc or held.at_utc > latest:
                self._quotes[quote.key] = quote
                if quote.at_utc <= latest and (self._newest is None or quote.at_utc >= self._newest.at_utc):
                    self._newest = quote

    def forget_older(self, than_utc: datetime) -> None:
        """Lets go of quotes and Greeks from before a time: chains that were looked at and strikes that expired."""
        self._quotes = {key: quote for key, quote in self._quotes.items() if quote.at_utc >= than_utc}
        self._model_greeks = {key: one for key, one in self._model_greeks.items() if one.at_utc >= than_utc}

    def apply_model_greeks(self, greeks: Iterable[ModelGreeks]) -> None:
        """Takes the broker's own Greeks in."""
        for one in greeks:
            self._model_greeks[one.key] = one

    def model_greeks(self, key: ContractKey) -> ModelGreeks | None:
        """Returns the broker's newest Greeks of a contract."""
        return self._model_greeks.get(key)

    def quote(self, key: ContractKey) -> Quote | None:
        """Returns the newest quote."""
        return self._quotes.get(key)

    def age_s(self, key: ContractKey) -> float | None:
        """Returns the age of the newest quote, never negative; None when there is none, or its time lies ahead."""
        quote = self._quotes.get(key)
        return None if quote is None else self._age_of(quote)

    def newest_age_s(self) -> float | None:
        """Returns the age of the newest quote of all."""
        return None if self._newest is None else self._age_of(self._newest)

    def price(self, symbol: str) -> float:
        """Returns the mark of an underlying or index, NaN when unknown."""
        quote = self._quotes.get(ContractKey(symbol))
        mark = None if quote is None else quote.mark
        return math.nan if mark is None else float(mark)

    def is_delayed(self, symbol: str) -> bool:
        """Returns whether the price of an underlying or index is a delayed one."""
        quote = self._quotes.get(ContractKey(symbol))
        return quote is not None and quote.kind is MarketDataKind.DELAYED

    def change(self, symbol: str) -> tuple[float, float] | None:
        """Returns (points, per cent) against the previous close; None when either is unknown."""
        quote = self._quotes.get(ContractKey(symbol))
        if quote is None or quote.mark is None or not quote.previous_close:
            return None
        points = quote.mark - quote.previous_close
        return float(points), float(points / quote.previous_close * 100)

    def _age_of(self, quote: Quote) -> float | None:
        now = self._clock.now_utc()
        if quote.at_utc - now > _AHEAD:
            return None
        return max((now - quote.at_utc).total_seconds(), 0.0)


class Subscriptions:
    """The union of what each part of the desk wants quoted, told to the broker when it changes.

    Told in order of need: a broker with few market-data lines leaves out what is only looked at.
    """

    def __init__(self, tell: Callable[[Collection[Contract]], None]) -> None:
        self._tell = tell
        self._wanted: dict[str, dict[ContractKey, Contract]] = {}
        self._told: tuple[ContractKey, ...] = ()

    def want(self, owner: str, contracts: Iterable[Contract]) -> None:
        """Replaces what `owner` wants; an empty list lets go."""
        wanted = {contract.key: contract for contract in contracts}
        if wanted.keys() == self._wanted.get(owner, {}).keys():
            return
        self._wanted[owner] = wanted
        self._tell_if_changed()

    def tell_again(self) -> None:
        """States everything anew, after a reconnect."""
        self._told = ()
        self._tell_if_changed()

    def _tell_if_changed(self) -> None:
        owners = sorted(self._wanted, key=lambda owner: (owner in _LOOKED_AT, owner != _STAGED))
        union = {key: contract for owner in owners for key, contract in self._wanted[owner].items()}
        if tuple(union) != self._told:
            self._told = tuple(union)
            self._tell(tuple(union.values()))
