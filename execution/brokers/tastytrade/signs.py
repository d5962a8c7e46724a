"""Signs, in one place: Tastytrade writes amounts without a sign and says beside them which way they go.

Effects: `Credit` is money to the account, `Debit` money from it, `None` nothing. Ours: net prices debit positive, cash
effects positive when money comes in, margin and fees positive when they cost. Positions: `Long`, `Short`, `Zero` beside
a quantity that is never negative. Actions: `Buy to Open` and its three kin, plain `Buy` and `Sell` for futures.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from models.enums import Action
from models.errors import InvalidInput

CREDIT: Final = "Credit"
DEBIT: Final = "Debit"
#: Instrument types that Tastytrade trades with plain `Buy` and `Sell`.
FUTURE: Final = "Future"

_NO_EFFECT: Final = "None"
_QUANTITY_SIGNS: Final = {"Long": 1, "Short": -1, "Zero": 0}
_BUY: Final = "Buy"
_SELL: Final = "Sell"
_TO_OPEN: Final = " to Open"
_TO_CLOSE: Final = " to Close"


def money_in(amount: Decimal | None, effect: str) -> Decimal | None:
    """Returns an amount positive when it comes to the account, negative when it leaves it.

    None when it is absent, or when nothing says which way it goes and it is not zero.
    """
    if amount is None:
        return None
    if effect == CREDIT:
        return abs(amount)
    if effect == DEBIT:
        return _negated(abs(amount))
    return Decimal(0) if amount == 0 or effect == _NO_EFFECT else None


def money_out(amount: Decimal | None, effect: str) -> Decimal | None:
    """Returns an amount positive when it costs the account: fees, margin, buying power needed. None as `money_in`."""
    came_in = money_in(amount, effect)
    return None if came_in is None else _negated(came_in)


def net_price(price: Decimal | None, effect: str, only_action: str = "") -> Decimal | None:
    """Returns an order's net price, debit positive.

    `only_action` is the action of its leg when it has but one: it tells the way where no effect does. None when the
    order has no price, or when nothing tells the way.
    """
    found = money_out(price, effect)
    if found is not None or price is None:
        return found
    if only_action.startswith(_BUY):
        return abs(price)
    return -abs(price) if only_action.startswith(_SELL) else None


def wire_price(price: Decimal) -> tuple[str, str]:
    """Returns a net price as it is sent: the amount, and its effect.

    Raises InvalidInput for an even price (0): it would be sent without an effect, and nobody has seen Tastytrade take
    one.
    """
    if not price.is_finite() or price == 0:
        what = f"Tastytrade takes no order at a net price of {price}."
        raise InvalidInput("limit_price", what, cure="Give at least one tick of debit or credit.")
    return format(abs(price), "f"), DEBIT if price > 0 else CREDIT


def signed_quantity(quantity: Decimal, direction: str) -> Decimal | None:
    """Returns a position's quantity, short negative; None for a direction nobody knows."""
    sign = _QUANTITY_SIGNS.get(direction)
    return None if sign is None else abs(quantity) * sign


def action_words(action: Action, instrument_type: str, *, is_closing: bool) -> str:
    """Returns the action of a leg in Tastytrade's words; futures are bought and sold without more."""
    word = _BUY if action is Action.BUY else _SELL
    if instrument_type == FUTURE:
        return word
    return word + (_TO_CLOSE if is_closing else _TO_OPEN)


def action_of(words: str) -> Action | None:
    """Returns the side of an action in Tastytrade's words; None for one that is neither (`Allocate`)."""
    if words == _BUY or words.startswith(_BUY + " "):
        return Action.BUY
    return Action.SELL if words == _SELL or words.startswith(_SELL + " ") else None


def is_closing(words: str) -> bool:
    """Returns whether an action says that it closes."""
    return words.endswith(_TO_CLOSE)


def _negated(amount: Decimal) -> Decimal:
    return -amount if amount else Decimal(0)
