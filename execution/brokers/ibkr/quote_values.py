"""A market-data line's state as the desk's quote: what TWS means by -1, 0 and nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from execution.brokers.ibkr.facts import TickFact
from models.contract import Contract
from models.enums import InstrumentKind, MarketDataKind
from models.quote import Quote

_KINDS: Final = {1: MarketDataKind.LIVE, 2: MarketDataKind.FROZEN}
#: The only kinds whose price may be below zero (crude oil, April 2020; spreads of rates).
_MAY_BE_NEGATIVE: Final = frozenset({InstrumentKind.FUTURE})
_NO_PRICE: Final = Decimal(-1)


def quote_of(tick: TickFact, contract: Contract) -> Quote:
    """Returns the quote of a tick.

    A zero bid is a real price (nobody pays anything); a zero ask, last or close is none. -1 is "no price" unless a size
    stands beside it. An index trades nowhere: it has a last and no sides, whatever the wire says.
    """
    may_be_negative = contract.kind in _MAY_BE_NEGATIVE
    bid_size, ask_size = _size(tick.bid_size), _size(tick.ask_size)
    is_index = contract.kind is InstrumentKind.INDEX
    return Quote(
        key=contract.key,
        bid=None if is_index else _price(tick.bid, bid_size, may_be_negative=may_be_negative),
        ask=None if is_index else _not_zero(_price(tick.ask, ask_size, may_be_negative=may_be_negative)),
        last=_not_zero(_price(tick.last, None, may_be_negative=may_be_negative)),
        at_utc=tick.at_utc,
        # What is neither live nor frozen counts as delayed, an unknown kind too: nothing is sent on it.
        kind=_KINDS.get(tick.data_type, MarketDataKind.DELAYED),
        bid_size=None if is_index else bid_size,
        ask_size=None if is_index else ask_size,
        previous_close=_not_zero(_price(tick.close, None, may_be_negative=may_be_negative)),
    )


def _price(price: Decimal | None, size: int | None, *, may_be_negative: bool) -> Decimal | None:
    if price is None or not price.is_finite():
        return None
    if price >= 0:
        return price
    return price if may_be_negative and (price != _NO_PRICE or size) else None


def _not_zero(price: Decimal | None) -> Decimal | None:
    return price or None


def _size(size: int | None) -> int | None:
    return None if size is None or size < 0 else size
