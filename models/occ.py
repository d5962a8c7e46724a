"""OCC option symbols, both ways.

A symbol is root (1-6 characters, adjusted roots such as `AAPL7` included), yymmdd, C or P, and the strike in tenths of
a cent on eight digits. The padded 21-character form (`SPXW  260515P07000000`) is the canonical key of an option.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from models.enums import Right
from models.errors import InvalidInput

_TAIL = re.compile(r"(\d{2})(\d{2})(\d{2})([CP])(\d{8})")
_ROOT = re.compile(r"[A-Z][A-Z0-9.]{0,5}")
_TAIL_LENGTH = 15
_MILLS = Decimal(1000)
_MAX_MILLS = 99_999_999


@dataclass(frozen=True, slots=True)
class OccSymbol:
    """The four facts an OCC symbol carries."""

    root: str
    expiry: date
    right: Right
    strike: Decimal

    def padded(self) -> str:
        """Returns the 21-character form, root padded with spaces to six."""
        return f"{self.root:<6}{self._tail()}"

    def compact(self) -> str:
        """Returns the form without padding, as data vendors write it."""
        return f"{self.root}{self._tail()}"

    def _tail(self) -> str:
        return f"{self.expiry:%y%m%d}{self.right.value}{int(self.strike * _MILLS):08d}"


def occ_symbol(root: str, expiry: date, right: Right, strike: Decimal) -> OccSymbol:
    """Returns the symbol of the given facts; raises InvalidInput when they cannot be written as one."""
    if not _ROOT.fullmatch(root):
        raise InvalidInput("root", f"Option root {root!r} is not 1-6 capital letters or digits starting with a letter.")
    mills = strike * _MILLS
    if mills != mills.to_integral_value() or not 0 < mills <= _MAX_MILLS:
        raise InvalidInput("strike", f"Strike {strike} cannot be written in an OCC symbol (0.001 to 99999.999).")
    if not 2000 <= expiry.year <= 2099:
        raise InvalidInput("expiry", f"Expiry {expiry} cannot be written in an OCC symbol (years 2000-2099).")
    return OccSymbol(root, expiry, right, strike)


def parse_occ(text: str) -> OccSymbol:
    """Returns the symbol written in `text`, padded or not; raises InvalidInput naming what is wrong."""
    stripped = text.strip()
    root, tail = stripped[:-_TAIL_LENGTH].rstrip(), stripped[-_TAIL_LENGTH:]
    match = _TAIL.fullmatch(tail)
    if match is None:
        raise InvalidInput("symbol", f"{text!r} is not an OCC option symbol (root, yymmdd, C or P, 8-digit strike).")
    year, month, day, right, mills = match.groups()
    try:
        expiry = date(2000 + int(year), int(month), int(day))
    except ValueError as error:
        raise InvalidInput("symbol", f"{text!r} has no valid expiry date: {error}.") from error
    return occ_symbol(root, expiry, Right(right), Decimal(mills) / _MILLS)
