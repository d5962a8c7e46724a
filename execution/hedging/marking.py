"""What suggestions and books have brought until one instant: legs from their limit price, books from their old mids.

A contract that has expired is worth its intrinsic value at the underlying's price of that time: the price then, while
it can still be seen; afterwards, until the end of the next session, the close that quotes carry along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from execution.orders.package import packages_of, price_multiplier
from models.contract import Contract
from models.enums import MarketDataKind, Right, Settlement
from models.hedge import Verified
from models.ids import ContractKey
from models.quote import Quote
from models.suggestion_records import MarkedHolding

#: A quote older than this says nothing of now. Contracts that are quiet keep a quote for minutes.
QUOTE_LASTS: Final = timedelta(minutes=15)
_AHEAD: Final = timedelta(seconds=2)
#: How long after an expiration the underlying's own quote still is the price it settled at, nearly.
_SETTLES_FOR: Final = timedelta(minutes=30)
#: An index or a share may print its last price of the session a little before the close.
_LAST_PRINT: Final = timedelta(minutes=2)
_NOT_LIVE: Final = (MarketDataKind.DELAYED, MarketDataKind.FROZEN)
#: Share of a book's rows that must have both prices for its change to say anything.
_ENOUGH_OF_BOOK: Final = 0.9
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where prices come from. `last_session`: the newest day with a session before today, whose close quotes carry."""

    at_utc: datetime
    quote: Callable[[ContractKey], Quote | None]
    last_session: date | None


@dataclass(frozen=True, slots=True)
class Worth:
    """Dollars of profit, None = not known; `notes` say what is missing or not exact, in words."""

    usd: float | None
    notes: tuple[str, ...] = ()


def has_expired(contract: Contract, at_utc: datetime) -> bool:
    """Returns whether it is past its settlement."""
    ends = contract.expires_at_utc
    return ends is not None and ends <= at_utc


def price_of(contract: Contract, moment: Moment) -> Decimal | None:
    """Returns the price per share: the mid of a live quote, or what an expired option settled at; None = not known."""
    if has_expired(contract, moment.at_utc):
        return _settled(contract, moment)
    quote = _live(contract.key, moment)
    if quote is None:
        return None
    return quote.mid if contract.is_option else quote.mark


def legs_worth(verified: Verified, moment: Moment) -> Worth:
    """Returns what the legs would have brought from their limit price to now, fees of the way in taken off."""
    candidate = verified.candidate
    if not candidate.legs or candidate.limit_price is None:
        return Worth(None, ("it had no price to begin from",))
    prices = [price_of(leg.contract, moment) for leg in candidate.legs]
    missing = [leg.contract.label for leg, price in zip(candidate.legs, prices, strict=True) if price is None]
    if missing:
        return Worth(None, (f"no price of {', '.join(missing)}",))
    now_usd = sum(
        (
            leg.signed_quantity * leg.contract.multiplier * price
            for leg, price in zip(candidate.legs, prices, strict=True)
            if price is not None
        ),
        _ZERO,
    )
    paid_usd = candidate.limit_price * packages_of(candidate.legs) * price_multiplier(candidate.legs)
    notes = () if verified.fees is not None else ("fees are not known",)
    return Worth(float(now_usd - paid_usd - (verified.fees or _ZERO)), (*notes, *_by_opening(verified, moment)))


def book_worth(book: Sequence[MarkedHolding], moment: Moment) -> Worth:
    """Returns how a book has changed since its prices were kept, without what was traded since; fees do not come in.

    Rows without both prices are left out and counted; with more than a tenth of them left out nothing is said.
    """
    changes: list[Decimal] = []
    for held in book:
        price = price_of(held.contract, moment)
        if price is not None and held.price is not None:
            changes.append(held.quantity * held.contract.multiplier * (price - held.price))
    left_out = len(book) - len(changes)
    if len(changes) < _ENOUGH_OF_BOOK * len(book):
        return Worth(None, (f"{left_out} of {len(book)} positions had no price",))
    notes = () if not left_out else (f"book without {left_out} of {len(book)} positions that had no price",)
    return Worth(float(sum(changes, _ZERO)), notes)


def _live(key: ContractKey, moment: Moment) -> Quote | None:
    """A quote that is of now."""
    quote = moment.quote(key)
    if quote is None or quote.kind in _NOT_LIVE:
        return None
    age = moment.at_utc - quote.at_utc
    return quote if -_AHEAD <= age <= QUOTE_LASTS else None


def _settled(contract: Contract, moment: Moment) -> Decimal | None:
    """What an expired option was worth; None for what is not an option and when the price of then is gone."""
    ends = contract.expires_at_utc
    if ends is None or contract.strike is None or contract.right is None:
        return None
    spot = _spot_at(contract, ends, moment)
    if spot is None:
        return None
    inside = spot - contract.strike if contract.right is Right.CALL else contract.strike - spot
    return max(inside, _ZERO)


def _spot_at(contract: Contract, ends: datetime, moment: Moment) -> Decimal | None:
    is_am = contract.settlement is Settlement.AM
    quote = moment.quote(ContractKey(contract.underlying))
    if quote is None or quote.kind in _NOT_LIVE:
        return None
    if moment.at_utc - ends <= _SETTLES_FOR:
        earliest = ends if is_am else ends - _LAST_PRINT
        return quote.mark if quote.at_utc >= earliest else None
    if is_am or contract.expiry is None or contract.expiry != moment.last_session:
        return None
    return quote.previous_close if _live(quote.key, moment) is not None else None


def _by_opening(verified: Verified, moment: Moment) -> tuple[str, ...]:
    """AM settlement is made of opening trades of the members, which no quote tells."""
    am = any(
        leg.contract.settlement is Settlement.AM and has_expired(leg.contract, moment.at_utc)
        for leg in verified.candidate.legs
    )
    return ("settlement by the index after the opening, not by its official value",) if am else ()
