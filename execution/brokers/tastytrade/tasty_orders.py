"""Orders in the desk's form as Tastytrade wants them, and its words read back: pure.

Opening or closing is decided from what the account holds when the order is sent: a leg against a holding closes it, a
leg beside it opens. What working orders close already is not there to be closed again. A closing order is marked
strict, so that Tastytrade refuses it rather than open the other way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from execution.brokers.tastytrade.facts import TastyLeg, TastyOrder
from execution.brokers.tastytrade.order_failures import unsupported
from execution.brokers.tastytrade.signs import FUTURE, action_words, is_closing
from execution.brokers.tastytrade.wire_port import TastyOrderDraft, TastyOrderLeg
from models.contract import plain
from models.enums import Action, InstrumentKind, OrderType, TimeInForce
from models.ids import ContractKey, OrderId, is_uuid4
from models.order import MAX_LEGS, Order, OrderLeg

#: What the desk names itself as in an order's `source`; a version may follow.
PRODUCT: Final = "Optiondesk"
#: Status words by how far along they are: decides between words of one instant.
_RANKS: Final = {
    "Received": 0,
    "Contingent": 1,
    "Routed": 2,
    "In Flight": 3,
    "Live": 4,
    "Replace Requested": 5,
    "Cancel Requested": 6,
    "Partially Removed": 7,
    "Removed": 8,
    "Expired": 9,
    "Rejected": 10,
    "Cancelled": 11,
    "Filled": 12,
}
CONTINGENT: Final = "Contingent"
LIVE: Final = "Live"
CANCEL_REQUESTED: Final = "Cancel Requested"
FILLED: Final = "Filled"
REJECTED: Final = "Rejected"
CANCELLED: Final = "Cancelled"
_ENDS: Final = frozenset({FILLED, REJECTED, CANCELLED, "Expired", "Removed", "Partially Removed"})
_TYPES: Final = {"Limit": OrderType.LIMIT, "Market": OrderType.MARKET}
_TYPE_WORDS: Final = {order_type: word for word, order_type in _TYPES.items()}
_TIF_WORDS: Final = {TimeInForce.DAY: "Day", TimeInForce.GTC: "GTC"}
_END_REASONS: Final = {
    "Expired": "It expired unfilled.",
    "Removed": "Tastytrade removed it.",
    "Partially Removed": "Tastytrade removed what was left of it.",
}


@dataclass(frozen=True, slots=True)
class Instrument:
    """A contract as Tastytrade names it: symbol and instrument type."""

    symbol: str
    instrument_type: str


# --- sending ----------------------------------------------------------------------------------------------------------


def check_sendable(order: Order) -> None:
    """Raises BrokerFailure UNSUPPORTED for what Tastytrade would not take, or would take as something else."""
    if not order.legs or not order.account_id:
        raise unsupported("An order without legs or account cannot be sent.", "Build the order again.")
    if len(order.legs) > MAX_LEGS:
        raise unsupported(f"Tastytrade takes at most {MAX_LEGS} legs.", "Split the order.")
    if len({leg.contract.key for leg in order.legs}) < len(order.legs):
        raise unsupported("The same contract is in two legs.", "Put it into one leg.")
    if any(leg.quantity < 1 for leg in order.legs):
        raise unsupported("Every leg needs a quantity of at least 1.", "Correct the quantity.")
    if any(leg.contract.kind is InstrumentKind.CRYPTO for leg in order.legs):
        raise unsupported("Tastytrade does not trade cryptocurrencies through its interface.", "Use its own app.")
    if any(leg.contract.kind is InstrumentKind.INDEX for leg in order.legs):
        raise unsupported("An index itself cannot be traded.", "Trade options on it.")
    _check_type(order)


def _check_type(order: Order) -> None:
    if order.order_type is OrderType.LIMIT:
        check_price(order.legs, order.limit_price)
        return
    if order.order_type is not OrderType.MARKET:
        raise unsupported(f"Tastytrade takes no {order.order_type.value} orders from the desk.", "Use a limit price.")
    if len(order.legs) > 1:
        raise unsupported("Tastytrade takes market orders of one leg only.", "Use one net limit price.")
    if order.tif is not TimeInForce.DAY:
        raise unsupported("A market order works for the day only.", "Set DAY.")


def check_price(legs: Sequence[OrderLeg], limit_price: Decimal | None) -> None:
    """Raises BrokerFailure UNSUPPORTED for a net price that Tastytrade would refuse or read with another sign."""
    if limit_price is None or not limit_price.is_finite():
        raise unsupported("A limit order needs a price.", "Type the price.")
    if limit_price == 0:
        raise unsupported("Tastytrade is sent no order at even (0.00).", "Give at least one tick of debit or credit.")
    if len(legs) == 1 and limit_price * legs[0].action.sign < 0:
        what = "bought for a credit" if limit_price < 0 else "sold for a debit"
        raise unsupported(f"{legs[0].contract.label} cannot be {what}.", "Turn the sign of the price.")


def draft_of(
    order: Order,
    instruments: Sequence[Instrument],
    held: Mapping[ContractKey, Decimal],
    closings: Mapping[tuple[str, Action], Decimal],
) -> TastyOrderDraft:
    """Returns what is sent; `held` is the account's signed quantity per contract now, `closings` what is being closed.

    Raises BrokerFailure UNSUPPORTED for a leg that would close a position and open the other way at once, or close
    what another working order closes: it could be sent neither as a close, which is refused or turned when the other
    fills first, nor as an opening order, which nobody asked for.
    """
    legs = tuple(
        _wire_leg(
            leg,
            instrument,
            held.get(leg.contract.key, Decimal(0)),
            closings.get((instrument.symbol, leg.action), Decimal(0)),
        )
        for leg, instrument in zip(order.legs, instruments, strict=True)
    )
    return TastyOrderDraft(
        legs=legs,
        order_type=_TYPE_WORDS[order.order_type],
        time_in_force=_TIF_WORDS[order.tif],
        net_price=order.limit_price if order.order_type is OrderType.LIMIT else None,
        external_identifier=order.id,
        is_strict=any(is_closing(leg.action) for leg in legs),
    )


def _wire_leg(leg: OrderLeg, instrument: Instrument, held: Decimal, closing: Decimal) -> TastyOrderLeg:
    against = -leg.action.sign * held
    has_effect = instrument.instrument_type != FUTURE
    if has_effect and 0 < against < leg.quantity + closing and closing > 0:
        free, taken = max(against - closing, Decimal(0)), min(closing, against)
        raise unsupported(
            f"Working orders close {plain(taken)} of the {plain(against)} {leg.contract.label} you hold: "
            f"{leg.quantity} more cannot be closed.",
            f"Cancel or change the working order first{f', or trade {plain(free)} at most' if free else ''}.",
        )
    if has_effect and 0 < against < leg.quantity:
        verb, side = ("Selling", "short") if held > 0 else ("Buying", "long")
        open_quantity = plain(Decimal(leg.quantity) - against)
        raise unsupported(
            f"{verb} {leg.quantity} {leg.contract.label} would close the {plain(against)} you hold and open "
            f"{open_quantity} {side}: Tastytrade takes that only as two orders.",
            f"Split it: first {plain(against)}, then {open_quantity}.",
        )
    words = action_words(leg.action, instrument.instrument_type, is_closing=against > 0)
    return TastyOrderLeg(instrument.symbol, instrument.instrument_type, words, leg.quantity)


def underlying_of(legs: Sequence[OrderLeg]) -> str:
    """Returns Tastytrade's symbol of what the legs are on: a share class with a slash."""
    return legs[0].contract.underlying.replace(" ", "/")


def changed_draft(order: TastyOrder, identifier: str, limit_price: Decimal) -> TastyOrderDraft:
    """Returns what is sent to change the price of an order as Tastytrade holds it; its legs stay."""
    legs = tuple(TastyOrderLeg(leg.symbol, leg.instrument_type, leg.action, int(leg.quantity)) for leg in order.legs)
    return TastyOrderDraft(
        legs=legs,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        net_price=limit_price,
        external_identifier=identifier,
        is_strict=any(is_closing(leg.action) for leg in legs),
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def is_known_word(word: str) -> bool:
    """Returns whether the desk knows what a status means."""
    return word in _RANKS


def rank_of(word: str) -> int:
    """Returns how far along a status is; unknown ones are no news (-1)."""
    return _RANKS.get(word, -1)


def is_end(word: str) -> bool:
    """Returns whether nothing more is expected after this status but fills on their way."""
    return word in _ENDS


def end_reason(order: TastyOrder) -> str | None:
    """Returns why an order ended, in Tastytrade's words where it gave any."""
    return order.reject_reason or _END_REASONS.get(order.status)


def order_type_of(order: TastyOrder) -> OrderType:
    """Returns the order type; what the desk does not make itself (stops...) by whether it has a limit."""
    return _TYPES.get(order.order_type, OrderType.MARKET if order.net_price is None else OrderType.LIMIT)


def foreign_type(order: TastyOrder) -> str | None:
    """Returns a word for an order type that the desk does not make itself; None for its own."""
    return None if order.order_type in _TYPES else f"{order.order_type or 'Unknown'} order."


def tif_of(order: TastyOrder) -> TimeInForce:
    """Returns the time in force; everything that outlives a day counts as GTC."""
    return TimeInForce.GTC if order.time_in_force.upper().startswith("GT") else TimeInForce.DAY


def our_id(order: TastyOrder) -> OrderId | None:
    """Returns our order id when the order bears one (a uuid4) and no other program's name; else None."""
    is_ours = is_uuid4(order.external_identifier) and (not order.source or PRODUCT in order.source)
    return OrderId(order.external_identifier) if is_ours else None


def packages_of(legs: Sequence[TastyLeg]) -> int:
    """Returns how many packages the legs make; 0 where they are none or broken."""
    if not legs or any(leg.quantity <= 0 or leg.quantity != int(leg.quantity) for leg in legs):
        return 0
    return math.gcd(*(int(leg.quantity) for leg in legs))


def without_fills(order: TastyOrder) -> TastyOrder:
    """Returns the order's own words without its executions, which are merged elsewhere."""
    return replace(order, legs=tuple(replace(leg, fills=(), remaining=Decimal(0)) for leg in order.legs))
