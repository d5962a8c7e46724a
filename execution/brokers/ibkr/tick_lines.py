"""The market-data lines of one connection: single ticks in, the present state of each changed line out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.brokers.ibkr.edge import decimal_of, float_of, size_of
from execution.brokers.ibkr.facts import IbGreeks, TickFact

_LIVE: Final = 1
_DELAYED: Final = 3
_DELAYED_TICKS: Final = frozenset({*range(66, 77), 80, 81, 82, 83})
_BID_PRICE: Final = frozenset({1, 66})
_ASK_PRICE: Final = frozenset({2, 67})
_LAST_PRICE: Final = frozenset({4, 68})
_CLOSE_PRICE: Final = frozenset({9, 75})
_BID_SIZE: Final = frozenset({0, 69})
_ASK_SIZE: Final = frozenset({3, 70})
_MODEL: Final = frozenset({13, 83})
#: How TWS writes "not computed": prices and volatility -1, Greeks -2.
_NO_PRICE: Final = -1.0
_NO_GREEK: Final = -2.0


@dataclass(slots=True)
class _Line:
    con_id: int
    request_id: int
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    close: Decimal | None = None
    data_type: int = _LIVE
    greeks: IbGreeks | None = None

    def fact(self, at_utc: datetime) -> TickFact:
        return TickFact(
            self.con_id,
            self.bid,
            self.ask,
            self.last,
            self.bid_size,
            self.ask_size,
            self.close,
            self.data_type,
            self.greeks,
            at_utc,
        )


class TickLines:
    """Keyed by contract id on our side and by request id on TWS's. A contract has one line, however often asked."""

    def __init__(self, tell: Callable[[tuple[TickFact, ...]], None], now_utc: Callable[[], datetime]) -> None:
        self._tell = tell
        self._now_utc = now_utc
        self._by_request: dict[int, _Line] = {}
        self._by_contract: dict[int, _Line] = {}
        self._changed: dict[int, _Line] = {}

    def request_of(self, con_id: int) -> int | None:
        """Returns the request id of a contract's line, None when there is none."""
        line = self._by_contract.get(con_id)
        return None if line is None else line.request_id

    def open(self, con_id: int, request_id: int) -> None:
        """Adds a line."""
        line = _Line(con_id, request_id)
        self._by_request[request_id] = self._by_contract[con_id] = line

    def close(self, con_id: int) -> int | None:
        """Removes a line; returns its request id, None when there was none."""
        line = self._by_contract.pop(con_id, None)
        if line is None:
            return None
        del self._by_request[line.request_id]
        self._changed.pop(line.request_id, None)
        return line.request_id

    def forget(self) -> None:
        """Drops all lines: TWS has lost them (1101), and they must be opened anew."""
        self._by_request.clear()
        self._by_contract.clear()
        self._changed.clear()

    def price(self, request_id: int, tick_type: int, price: float, size: float) -> None:
        """Takes a price with its size."""
        line = self._touched(request_id, tick_type)
        if line is None:
            return
        value = None if price == _NO_PRICE else decimal_of(price)
        if tick_type in _BID_PRICE:
            line.bid, line.bid_size = value, size_of(size)
        elif tick_type in _ASK_PRICE:
            line.ask, line.ask_size = value, size_of(size)
        elif tick_type in _LAST_PRICE:
            line.last = value
        elif tick_type in _CLOSE_PRICE:
            line.close = value
        else:
            return
        self._changed[request_id] = line

    def size(self, request_id: int, tick_type: int, size: float) -> None:
        """Takes a size that comes without its price."""
        line = self._touched(request_id, tick_type)
        if line is None:
            return
        if tick_type in _BID_SIZE:
            line.bid_size = size_of(size)
        elif tick_type in _ASK_SIZE:
            line.ask_size = size_of(size)
        else:
            return
        self._changed[request_id] = line

    def data_type(self, request_id: int, data_type: int) -> None:
        """Takes whether the line is live (1), frozen (2) or delayed (3, 4)."""
        if (line := self._by_request.get(request_id)) is not None and line.data_type != data_type:
            line.data_type = data_type
            self._changed[request_id] = line

    def model(self, request_id: int, tick_type: int, greeks: IbGreeks) -> None:
        """Takes the Greeks of the model; those of bid, ask and last are left aside."""
        if tick_type in _MODEL and (line := self._touched(request_id, tick_type)) is not None:
            line.greeks = greeks
            self._changed[request_id] = line

    def flush(self) -> None:
        """Tells every line that changed since the last time, once."""
        if self._changed:
            changed, self._changed = self._changed, {}
            at_utc = self._now_utc()
            self._tell(tuple(line.fact(at_utc) for line in changed.values()))

    def _touched(self, request_id: int, tick_type: int) -> _Line | None:
        line = self._by_request.get(request_id)
        if line is not None and tick_type in _DELAYED_TICKS and line.data_type < _DELAYED:
            line.data_type = _DELAYED  # delayed ticks fill the same fields, and may come before the word about it
        return line


def model_greeks(
    *, implied_vol: float, delta: float, price: float, gamma: float, vega: float, theta: float, underlying: float
) -> IbGreeks:
    """Returns Greeks with what was not computed left out.

    A theta of exactly -2 dollars a day can be real; it is none only beside other Greeks that are not computed.
    """
    empty = _NO_GREEK in {delta, gamma, vega}
    return IbGreeks(
        implied_vol=None if implied_vol == _NO_PRICE else float_of(implied_vol),
        delta=None if delta == _NO_GREEK else float_of(delta),
        gamma=None if gamma == _NO_GREEK else float_of(gamma),
        vega_per_point=None if vega == _NO_GREEK else float_of(vega),
        theta_per_day=None if theta == _NO_GREEK and empty else float_of(theta),
        underlying_price=None if underlying == _NO_PRICE else float_of(underlying),
        option_price=None if price == _NO_PRICE else float_of(price),
    )
