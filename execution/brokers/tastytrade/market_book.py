"""The newest market of every wanted symbol, told at most once per interval: a flood costs no more than its symbols.

Quotes, trades and closes of a symbol are one fact. A bid that comes as NaN beside an ask is a zero bid, as worthless
options have it; the SDK drops the ask with it. DXLink's own times are 0, so a fact bears the time it was received.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from execution.brokers.tastytrade.facts import MarketFact, TastyGreeks, TastyQuote
from execution.brokers.tastytrade.feed import Events, Row
from execution.brokers.tastytrade.parsing import decimal_of
from models.clock import Clock

#: What comes within this time is told in one piece.
GATHER_S: Final = 0.02
_ZERO: Final = Decimal(0)
_NEVER_S: Final = float("-inf")


class MarketBook:
    """Takes events, keeps the newest, hands facts to `sink`. Loop thread only."""

    def __init__(self, *, clock: Clock, interval_s: float, sink: Callable[[tuple[MarketFact, ...]], None]) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._sink = sink
        self._quotes: dict[str, _QuoteLine] = {}
        self._greeks: dict[str, _GreeksLine] = {}
        self._wanted_quotes: frozenset[str] = frozenset()
        self._wanted_greeks: frozenset[str] = frozenset()
        self._due: dict[_Line, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def want(self, quotes: Collection[str], greeks: Collection[str]) -> None:
        """States what is told; what is wanted anew and known already is told again."""
        old_quotes, old_greeks = self._wanted_quotes, self._wanted_greeks
        self._wanted_quotes, self._wanted_greeks = frozenset(quotes), frozenset(greeks)
        for symbol in self._wanted_quotes - old_quotes:
            self._mark(self._quotes.get(symbol))
        for symbol in self._wanted_greeks - old_greeks:
            self._mark(self._greeks.get(symbol))

    def forget(self, symbols: Iterable[str], *, greeks: bool) -> None:
        """Drops what is not subscribed any more; a symbol wanted again by now keeps its market until a newer comes."""
        for symbol in symbols:
            if greeks and symbol not in self._wanted_greeks:
                self._greeks.pop(symbol, None)
            elif not greeks and symbol not in self._wanted_quotes:
                self._quotes.pop(symbol, None)

    def take(self, life: int, events: Events) -> None:
        """Takes events of the connection `life`; what a newer connection has told already is not undone by an older."""
        now_utc = self._clock.now_utc()
        if events.kind == "Greeks":
            for row in events.rows:
                greeks = self._greeks.get(row[0]) or self._new_greeks(row[0])
                if greeks is not None:
                    self._put(greeks, 0, life, row, now_utc)
            return
        slot = _SLOTS[events.kind]
        for row in events.rows:
            quote = self._quotes.get(row[0]) or self._new_quote(row[0])
            if quote is not None:
                self._put(quote, slot, life, row, now_utc)

    def flush(self) -> None:
        """Tells everything that waits, at once."""
        self._tell(list(self._due))

    def clear(self) -> None:
        """Forgets every market: after a break nothing known is true any more."""
        self._quotes.clear()
        self._greeks.clear()
        self._due.clear()

    def close(self) -> None:
        """Tells nothing more."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _new_quote(self, symbol: str) -> _QuoteLine | None:
        if symbol not in self._wanted_quotes:
            return None
        line = self._quotes[symbol] = _QuoteLine(symbol)
        return line

    def _new_greeks(self, symbol: str) -> _GreeksLine | None:
        if symbol not in self._wanted_greeks:
            return None
        line = self._greeks[symbol] = _GreeksLine(symbol)
        return line

    def _put(self, line: _Line, slot: int, life: int, row: Row, now_utc: datetime) -> None:
        if life < line.lives[slot]:
            return
        line.lives[slot] = life
        line.rows[slot] = row
        line.received_at_utc = now_utc
        self._mark(line)

    def _mark(self, line: _Line | None) -> None:
        if line is None or line in self._due:
            return
        self._due[line] = None
        self._arm(line.told_at_s + self._interval_s)

    def _arm(self, due_s: float) -> None:
        """Sees to it that what is due then is told then, and not before what comes with it has had its time."""
        loop = asyncio.get_running_loop()
        at_s = max(due_s, loop.time() + GATHER_S)
        if self._timer is not None:
            if self._timer.when() <= at_s:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        latest_s = asyncio.get_running_loop().time() - self._interval_s
        self._tell([line for line in self._due if line.told_at_s <= latest_s])
        if self._due:
            self._arm(min(line.told_at_s for line in self._due) + self._interval_s)

    def _tell(self, lines: list[_Line]) -> None:
        now_s = asyncio.get_running_loop().time()
        facts: list[MarketFact] = []
        for line in lines:
            del self._due[line]
            line.told_at_s = now_s
            if line.symbol in (self._wanted_greeks if isinstance(line, _GreeksLine) else self._wanted_quotes):
                facts.append(line.fact())
        if facts:
            self._sink(tuple(facts))


_SLOTS: Final = {"Quote": 0, "Trade": 1, "Summary": 2}


class _QuoteLine:
    """The newest quote, trade and summary of a symbol, as they came."""

    __slots__ = ("lives", "received_at_utc", "rows", "symbol", "told_at_s")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.rows: list[Row | None] = [None, None, None]
        self.lives = [0, 0, 0]
        self.told_at_s = _NEVER_S
        self.received_at_utc: datetime

    def fact(self) -> TastyQuote:
        """Returns what is known now."""
        _, bid, ask, bid_size, ask_size = self.rows[0] or (None,) * 5
        ask_price, bid_price = decimal_of(ask), decimal_of(bid)
        if bid_price is None and ask_price is not None and _is_nan(bid):
            bid_price = _ZERO
        trade, summary = self.rows[1], self.rows[2]
        return TastyQuote(
            streamer_symbol=self.symbol,
            bid=bid_price,
            ask=ask_price,
            last=None if trade is None else decimal_of(trade[1]),
            bid_size=_size(bid_size),
            ask_size=_size(ask_size),
            previous_close=None if summary is None else decimal_of(summary[1]),
            received_at_utc=self.received_at_utc,
        )


class _GreeksLine:
    """The newest Greeks of a symbol, as they came."""

    __slots__ = ("lives", "received_at_utc", "rows", "symbol", "told_at_s")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.rows: list[Row | None] = [None]
        self.lives = [0]
        self.told_at_s = _NEVER_S
        self.received_at_utc: datetime

    def fact(self) -> TastyGreeks:
        """Returns what is known now; DXLink counts theta per day and vega per vol point."""
        _, volatility, delta, gamma, theta, vega = self.rows[0] or (None,) * 6
        return TastyGreeks(
            streamer_symbol=self.symbol,
            implied_vol=_float(volatility),
            delta=_float(delta),
            gamma=_float(gamma),
            theta_per_day=_float(theta),
            vega_per_point=_float(vega),
            received_at_utc=self.received_at_utc,
        )


_Line = _QuoteLine | _GreeksLine


def _is_nan(value: Any) -> bool:
    """Whether a number is said not to exist, which is more than its being absent or unreadable."""
    return value == "NaN" or (isinstance(value, float) and value != value)  # noqa: PLR0124 - that is what NaN is


def _size(value: Any) -> int | None:
    number = decimal_of(value)
    return None if number is None else int(number)


def _float(value: Any) -> float | None:
    number = decimal_of(value)
    return None if number is None else float(number)
