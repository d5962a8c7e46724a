"""The newest market of every wanted symbol: a flood of events costs no more than its symbols.

What is wanted first is told with the frame it came in, everything else at most once per interval; what is superseded
before it is told is dropped, the newest never. Quotes, trades and closes of a symbol are one fact. A bid that comes as
NaN beside an ask is a zero bid, as worthless options have it; the SDK drops the ask with it. DXLink's own times are 0,
so a fact bears the time it was received.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from execution.brokers.tastytrade.facts import MarketFact, TastyGreeks, TastyQuote
from execution.brokers.tastytrade.feed import Events, Row
from execution.brokers.tastytrade.parsing import decimal_of
from models.clock import Clock

#: What comes within this time is told in one piece, of what is not wanted first.
GATHER_S: Final = 0.02
#: So many symbols at once: after a change of a whole chain the engine is not held up, what is left follows right after.
_MOST_AT_ONCE: Final = 60
_ZERO: Final = Decimal(0)
_NEVER_S: Final = float("-inf")
#: Numbers between these are sensible without a closer look.
_PLAIN_ABOVE: Final = 1e-9
_PLAIN_BELOW: Final = 10**9
_GREEKS: Final = "Greeks"


class MarketBook:
    """Takes events, keeps the newest, hands facts to `sink`. Loop thread only."""

    def __init__(
        self,
        *,
        clock: Clock,
        interval_s: float,
        prompt: int,
        sink: Callable[[tuple[MarketFact, ...]], None],
    ) -> None:
        """Of the symbols wanted the first `prompt` are told without delay, the others once in `interval_s` at most."""
        self._clock = clock
        self._sink = sink
        self._quotes: dict[str, _QuoteLine] = {}
        self._greeks: dict[str, _GreeksLine] = {}
        self._wanted_quotes: frozenset[str] = frozenset()
        self._wanted_greeks: frozenset[str] = frozenset()
        self._most_prompt = prompt
        self._prompt: frozenset[str] = frozenset()
        self._at_once = _Waiting(0.0, 0.0, self._tell)
        self._at_times = _Waiting(interval_s, GATHER_S, self._tell)

    def want(self, quotes: Collection[str], greeks: Collection[str]) -> None:
        """States what is told, by need; what is wanted anew and known already is told again."""
        old_quotes, old_greeks = self._wanted_quotes, self._wanted_greeks
        self._wanted_quotes, self._wanted_greeks = frozenset(quotes), frozenset(greeks)
        self._prompt = frozenset(islice(quotes, self._most_prompt))
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
        is_greeks = events.kind == _GREEKS
        lines: Mapping[str, _Line] = self._greeks if is_greeks else self._quotes
        make = self._new_greeks if is_greeks else self._new_quote
        slot = 0 if is_greeks else _SLOTS[events.kind]
        for row in events.rows:
            line = lines.get(row[0]) or make(row[0])
            if line is None or life < line.lives[slot]:
                continue
            line.lives[slot] = life
            line.rows[slot] = row
            line.received_at_utc = now_utc
            if not line.is_waiting:
                self._mark(line)

    @property
    def waiting(self) -> int:
        """How many lines wait to be told: a symbol has one for its quotes and one for its Greeks, whatever comes."""
        return len(self._at_once) + len(self._at_times)

    def flush(self) -> None:
        """Tells everything that waits, at once."""
        self._tell([*self._at_once.take_all(), *self._at_times.take_all()])

    def clear(self) -> None:
        """Forgets every market: after a break nothing known is true any more."""
        self._quotes.clear()
        self._greeks.clear()
        self._at_once.take_all()
        self._at_times.take_all()

    def close(self) -> None:
        """Tells nothing more."""
        self.clear()
        self._at_once.close()
        self._at_times.close()

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

    def _mark(self, line: _Line | None) -> None:
        if line is None or line.is_waiting:
            return
        is_prompt = isinstance(line, _QuoteLine) and line.symbol in self._prompt
        (self._at_once if is_prompt else self._at_times).add(line)

    def _tell(self, lines: Iterable[_Line]) -> None:
        facts = [line.fact() for line in lines if self._is_wanted(line)]
        if facts:
            self._sink(tuple(facts))

    def _is_wanted(self, line: _Line) -> bool:
        return line.symbol in (self._wanted_greeks if isinstance(line, _GreeksLine) else self._wanted_quotes)


class _Waiting:
    """Lines with something to tell: each handed on at most once per interval, several in one piece."""

    def __init__(self, interval_s: float, gather_s: float, tell: Callable[[list[_Line]], None]) -> None:
        self._interval_s = interval_s
        self._gather_s = gather_s
        self._tell = tell
        self._lines: dict[_Line, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: _Line) -> None:
        """Has a line told when it may be, that waits nowhere yet."""
        line.is_waiting = True
        self._lines[line] = None
        self._arm(line.told_at_s + self._interval_s)

    def take_all(self) -> list[_Line]:
        """Returns every line that waits, as told now."""
        return self._take(list(self._lines))

    def close(self) -> None:
        """Hands on nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take(self, lines: list[_Line]) -> list[_Line]:
        now_s = asyncio.get_running_loop().time() if lines else 0.0
        for line in lines:
            del self._lines[line]
            line.is_waiting = False
            line.told_at_s = now_s
        return lines

    def _arm(self, due_s: float) -> None:
        """Sees to it that what is due then is told then, and not before what comes with it has had its time."""
        if self._timer is not None and self._timer.when() <= due_s:
            return
        loop = asyncio.get_running_loop()
        at_s = max(due_s, loop.time() + self._gather_s)
        if self._timer is not None:
            if self._timer.when() <= at_s:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        latest_s = asyncio.get_running_loop().time() - self._interval_s
        due = (line for line in self._lines if line.told_at_s <= latest_s)
        self._tell(self._take(list(islice(due, _MOST_AT_ONCE))))
        if self._lines:
            self._arm(min(line.told_at_s for line in self._lines) + self._interval_s)


_SLOTS: Final = {"Quote": 0, "Trade": 1, "Summary": 2}


class _QuoteLine:
    """The newest quote, trade and summary of a symbol, as they came."""

    __slots__ = (
        "_asks",
        "_bids",
        "_closes",
        "_lasts",
        "is_waiting",
        "lives",
        "received_at_utc",
        "rows",
        "symbol",
        "told_at_s",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.rows: list[Row | None] = [None, None, None]
        self.lives = [0, 0, 0]
        self.told_at_s = _NEVER_S
        self.is_waiting = False
        self.received_at_utc: datetime
        self._bids, self._asks, self._lasts, self._closes = _Price(), _Price(), _Price(), _Price()

    def fact(self) -> TastyQuote:
        """Returns what is known now."""
        _, bid, ask, bid_size, ask_size = self.rows[0] or (None,) * 5
        ask_price, bid_price = self._asks.of(ask), self._bids.of(bid)
        if bid_price is None and ask_price is not None and _is_nan(bid):
            bid_price = _ZERO
        trade, summary = self.rows[1], self.rows[2]
        return TastyQuote(
            streamer_symbol=self.symbol,
            bid=bid_price,
            ask=ask_price,
            last=None if trade is None else self._lasts.of(trade[1]),
            bid_size=_size(bid_size),
            ask_size=_size(ask_size),
            previous_close=None if summary is None else self._closes.of(summary[1]),
            received_at_utc=self.received_at_utc,
        )


class _GreeksLine:
    """The newest Greeks of a symbol, as they came."""

    __slots__ = ("is_waiting", "lives", "received_at_utc", "rows", "symbol", "told_at_s")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.rows: list[Row | None] = [None]
        self.lives = [0]
        self.told_at_s = _NEVER_S
        self.is_waiting = False
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


class _Price:
    """A price of a line: most events repeat it, and reading a decimal costs more than all else about an event."""

    __slots__ = ("_price", "_raw")

    def __init__(self) -> None:
        self._raw: Any = None
        self._price: Decimal | None = None

    def of(self, raw: Any) -> Decimal | None:
        """Returns the price that was written so."""
        if type(raw) is not float or type(self._raw) is not float or raw != self._raw:
            self._price = decimal_of(raw)
            self._raw = raw
        return self._price


def _is_nan(value: Any) -> bool:
    """Whether a number is said not to exist, which is more than its being absent or unreadable."""
    return value == "NaN" or (isinstance(value, float) and value != value)  # noqa: PLR0124 - that is what NaN is


def _size(value: Any) -> int | None:
    if type(value) in (int, float) and 0 <= value < _PLAIN_BELOW:
        return int(value)
    number = decimal_of(value)
    return None if number is None else int(number)


def _float(value: Any) -> float | None:
    """NaN and what is too large or too small for a sensible number fall through to the slow reading."""
    if type(value) is float and _PLAIN_ABOVE < abs(value) < _PLAIN_BELOW:
        return value
    number = decimal_of(value)
    return None if number is None else float(number)
