"""Rate and dividend yield per underlying and expiry: from the chain's own parity where seen, else from settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple


class Carry(NamedTuple):
    """Continuously compounded, per year."""

    rate: float
    dividend_yield: float


class CarryBook:
    """What it costs to hold an underlying until an expiry."""

    def __init__(self, *, rate: float, dividend_yields: Mapping[str, float]) -> None:
        self._rate = rate
        self._yields = dict(dividend_yields)
        self._implied: dict[tuple[str, date], float] = {}

    @property
    def rate(self) -> float:
        """The rate in use."""
        return self._rate

    def set_implied_yield(self, underlying: str, expiry: date, dividend_yield: float) -> bool:
        """Takes the yield a chain's put-call parity implies; True when it moved by more than a basis point."""
        before = self._implied.get((underlying, expiry))
        if before is not None and abs(before - dividend_yield) <= 1e-4:
            return False
        self._implied[(underlying, expiry)] = dividend_yield
        return True

    def carry(self, underlying: str, expiry: date | None) -> Carry:
        """Returns rate and yield; an expiry that was never seen takes the nearest seen one's yield, else settings'."""
        if underlying.startswith("/"):
            return Carry(self._rate, self._rate)
        if expiry is not None:
            exact = self._implied.get((underlying, expiry))
            if exact is not None:
                return Carry(self._rate, exact)
            near = [
                (abs((seen - expiry).days), value)
                for (name, seen), value in self._implied.items()
                if name == underlying
            ]
            if near:
                return Carry(self._rate, min(near)[1])
        return Carry(self._rate, self._yields.get(underlying, 0.0))
