"""What the ticket's fields accept: whole quantities, and prices as plain decimals with `CR` or `DB` in front."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from models.errors import InvalidInput

_WHOLE: Final = re.compile(r"[0-9]+")
_DECIMAL: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_EFFECT: Final = re.compile(r"(CR|DB)\s*", re.IGNORECASE)
_MAX_QUANTITY_DIGITS: Final = 7
_MAX_PRICE_DIGITS: Final = 7
_MAX_PRICE_DECIMALS: Final = 4
_CURRENCY: Final = "$€£"


def parse_quantity(text: str) -> int:
    """Returns a quantity of 1 or more; raises InvalidInput("quantity") that names what is wrong."""
    stripped = text.strip()
    if not stripped:
        raise _quantity("The quantity is empty.", "Type how many to trade, e.g. 1.")
    if "," in stripped:
        raise _quantity(f"Quantity {stripped!r} has a comma.", "Type a whole number without separators, e.g. 1000.")
    if not _WHOLE.fullmatch(stripped):
        if _DECIMAL.fullmatch(stripped):
            raise _quantity(
                f"Quantity {stripped} is not a whole number of 1 or more.",
                "Type a whole number, e.g. 2; buy or sell is set on the leg.",
            )
        raise _quantity(f"Quantity {stripped!r} is not a number.", "Type a whole number, e.g. 2.")
    if len(stripped.lstrip("0")) > _MAX_QUANTITY_DIGITS:
        raise _quantity(f"Quantity {stripped} has too many digits.", "Check it for a slip of the finger.")
    quantity = int(stripped)
    if quantity == 0:
        raise _quantity("Quantity 0 trades nothing.", "Type 1 or more, or remove the leg.")
    return quantity


def parse_price(text: str, *, allow_negative: bool = True) -> Decimal:
    """Returns a net price (positive = debit, negative = credit) from `1.85`, `-1.85`, `CR 1.85` or `DB 0.40`.

    `allow_negative` False refuses a minus sign and `CR`/`DB`: one leg has a plain price and its side says who pays.
    Raises InvalidInput("limit_price").
    """
    stripped = text.strip()
    if not stripped:
        raise _price("The limit price is empty.", "Type a price, e.g. 1.85.")
    effect = _EFFECT.match(stripped)
    number = stripped[effect.end() :] if effect else stripped
    _check_number(number, stripped)
    price = Decimal(number)
    if effect and price < 0:
        raise _price(f"Price {stripped!r} has both a word and a minus sign.", "Type CR 1.85 or -1.85.")
    if not allow_negative and (price < 0 or effect):
        raise _price(
            f"Price {stripped} is a net credit or debit, but one leg has a plain price.",
            "Type it without sign, e.g. 1.85.",
        )
    return -price if effect and effect.group(1).upper() == "CR" else price


def _check_number(number: str, given: str) -> None:
    if "," in number:
        raise _price(f"Price {given!r} has a comma.", "Use a point for decimals and no thousands separator: 1234.50.")
    if any(sign in number for sign in _CURRENCY):
        raise _price(f"Price {given!r} has a currency sign.", "Type the number alone, e.g. 1.85.")
    if re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", number):
        raise _price(f"Price {given!r} is in exponent notation.", "Type it in full, e.g. 100000.")
    if not _DECIMAL.fullmatch(number) or not number.isascii():
        raise _price(f"Price {given!r} is not a number.", "Type a price, e.g. 1.85.")
    whole, _, decimals = number.lstrip("-").partition(".")
    if len(whole.lstrip("0")) > _MAX_PRICE_DIGITS or len(decimals) > _MAX_PRICE_DECIMALS:
        raise _price(
            f"Price {given} has too many digits.",
            f"At most {_MAX_PRICE_DIGITS} before and {_MAX_PRICE_DECIMALS} after the point.",
        )


def _quantity(what: str, cure: str) -> InvalidInput:
    return InvalidInput("quantity", what, cure=cure)


def _price(what: str, cure: str) -> InvalidInput:
    return InvalidInput("limit_price", what, cure=cure)
