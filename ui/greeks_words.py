"""Ours and the broker's Greeks side by side, in words. Pure, no Qt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from execution.market.model_greeks import DELTA_APART, GOOD_FOR_S, VOL_APART, are_apart
from models.enums import BrokerName
from ui import format as fmt

#: Before a figure that differs from the other source's: colour alone is no cue.
APART_SIGN: Final = "≠"
OURS_COUNT: Final = "Risk figures use the desk's own, always."
_SHORT: Final = {BrokerName.IBKR: "IB", BrokerName.TASTYTRADE: "TT", BrokerName.PAPER: "Paper"}
_NAMES: Final = {
    BrokerName.IBKR: "Interactive Brokers' model",
    BrokerName.TASTYTRADE: "Tastytrade's model",
    BrokerName.PAPER: "The paper broker's model",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A Greek that both sources give, as tips show it and as cells do; `gap` says how far two are apart."""

    name: str
    unit: str
    show: Callable[[float], str]
    brief: Callable[[float], str]
    gap: Callable[[float], str]
    most: float
    most_text: str


DELTA: Final = Measure(
    "Delta",
    "of one option, per point of the underlying",
    lambda value: fmt.signed(value, 3),
    fmt.unit_delta,
    lambda value: fmt.fixed(value, 4),
    DELTA_APART,
    f"{DELTA_APART:g}",
)
VOL: Final = Measure(
    "Implied volatility",
    "per cent a year",
    lambda value: fmt.percent(value * 100.0, 2),
    fmt.vol,
    lambda value: f"{fmt.fixed(value * 100.0, 2)} vol points",
    VOL_APART,
    f"{VOL_APART * 100:g}",
)


def short_name(broker: BrokerName) -> str:
    """Returns a broker's name for a column's title."""
    return _SHORT[broker]


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure from both sources; NaN = unknown, ages in seconds."""

    measure: Measure
    broker: BrokerName
    ours: float
    theirs: float
    quote_age_s: float
    broker_age_s: float
    is_apart: bool

    @property
    def short(self) -> str:
        """The broker's figure for a line that has room for little more: `≠ IB −0.26`; empty unless they differ."""
        if not self.is_apart:
            return ""
        return f"{APART_SIGN} {short_name(self.broker)} {self.measure.brief(self.theirs)}"

    @property
    def text(self) -> str:
        """Both figures with source, unit and age, how far they are apart, and which of them counts."""
        measure, who = self.measure, _NAMES[self.broker]
        lines = [f"{measure.name} {measure.unit}", self._ours(), self._theirs(who)]
        if self.is_apart:
            gap = measure.gap(abs(self.ours - self.theirs))
            lines.append(f"{APART_SIGN} {gap} apart (marked above {measure.most_text})")
        return "\n".join((*lines, OURS_COUNT))

    def _ours(self) -> str:
        known = fmt.is_known(self.ours)
        age = f", from a quote {fmt.age(self.quote_age_s)} old" if known and fmt.is_known(self.quote_age_s) else ""
        return f"The desk's own: {self.measure.show(self.ours)}{age}"

    def _theirs(self, who: str) -> str:
        if not fmt.is_known(self.theirs):
            return f"{who}: none in the last {GOOD_FOR_S:.0f} s"
        return f"{who}: {self.measure.show(self.theirs)}, {fmt.age(self.broker_age_s)} old"


def compared(
    measure: Measure,
    broker: BrokerName,
    ours: float | None,
    theirs: float | None,
    quote_age_s: float | None,
    broker_age_s: float | None,
) -> Compared:
    """Returns one figure from both sources; None is unknown and differs from nothing."""
    own, told, quoted_s, told_s = (
        math.nan if one is None else one for one in (ours, theirs, quote_age_s, broker_age_s)
    )
    is_apart = bool(are_apart(np.array(own), np.array(told), measure.most))
    return Compared(measure, broker, own, told, quoted_s, told_s, is_apart)
