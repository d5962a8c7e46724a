"""What the listed products are: multiplier, settlement, exercise and ticks by option root.

A broker's own contract data wins where it differs; this table serves recorded chains, the paper market and checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

from models.enums import Delivery, ExerciseStyle, InstrumentKind, Settlement


@dataclass(frozen=True, slots=True)
class TickRule:
    """Price increments: `below` up to (not including) `threshold`, `above` from there on; per share, in dollars."""

    below: Decimal
    threshold: Decimal
    above: Decimal

    def tick_at(self, price: Decimal) -> Decimal:
        """Returns the increment that applies at the size of `price`."""
        return self.below if abs(price) < self.threshold else self.above

    def is_on_tick(self, price: Decimal) -> bool:
        """Returns whether `price` may be quoted."""
        return price % self.tick_at(price) == 0

    def snap(self, price: Decimal, *, rounding: str = ROUND_HALF_EVEN) -> Decimal:
        """Returns the nearest quotable price (or the one below / above with ROUND_FLOOR / ROUND_CEILING)."""
        tick = self.tick_at(price)
        return (price / tick).to_integral_value(rounding=rounding) * tick

    def step(self, price: Decimal, ticks: int) -> Decimal:
        """Returns `price` moved by whole ticks, the size of each taken where the move starts."""
        moved = price
        for _ in range(abs(ticks)):
            if ticks > 0:
                moved = self._grown(moved) if moved >= 0 else -self._shrunk(-moved)
            else:
                moved = self._shrunk(moved) if moved > 0 else -self._grown(-moved)
        return moved

    def _grown(self, size: Decimal) -> Decimal:
        """Returns the next quotable size above one that is not negative."""
        return self.snap(size, rounding=ROUND_FLOOR) + self.tick_at(size)

    def _shrunk(self, size: Decimal) -> Decimal:
        """Returns the next quotable size below a positive one; at the threshold the lower increment counts."""
        tick = self.below if size <= self.threshold else self.above
        return (size / tick).to_integral_value(rounding=ROUND_CEILING) * tick - tick


def flat_tick(size: str) -> TickRule:
    """Returns a rule with one increment at every price."""
    return TickRule(Decimal(size), Decimal(0), Decimal(size))


PENNY: Final = flat_tick("0.01")
NICKEL: Final = flat_tick("0.05")
NICKEL_DIME: Final = TickRule(Decimal("0.05"), Decimal(3), Decimal("0.10"))
PENNY_NICKEL: Final = TickRule(Decimal("0.01"), Decimal(3), Decimal("0.05"))


@dataclass(frozen=True, slots=True)
class OptionProduct:
    """Facts of one option root. `net_tick` is the increment of a package of two to four legs."""

    root: str
    underlying: str
    underlying_kind: InstrumentKind
    multiplier: Decimal
    settlement: Settlement
    style: ExerciseStyle
    delivery: Delivery
    tick: TickRule
    net_tick: TickRule


@dataclass(frozen=True, slots=True)
class FutureProduct:
    """Facts of one futures product."""

    root: str
    multiplier: Decimal
    tick: TickRule


_HUNDRED: Final = Decimal(100)


def _index_option(
    root: str, underlying: str, settlement: Settlement, tick: TickRule, net_tick: TickRule = NICKEL
) -> OptionProduct:
    return OptionProduct(
        root,
        underlying,
        InstrumentKind.INDEX,
        _HUNDRED,
        settlement,
        ExerciseStyle.EUROPEAN,
        Delivery.CASH,
        tick,
        net_tick,
    )


_INDEX_OPTIONS: Final = {
    product.root: product
    for product in (
        _index_option("SPX", "SPX", Settlement.AM, NICKEL_DIME),
        _index_option("SPXW", "SPX", Settlement.PM, NICKEL_DIME),
        _index_option("XSP", "XSP", Settlement.PM, PENNY, PENNY),
        _index_option("NDX", "NDX", Settlement.AM, NICKEL_DIME),
        _index_option("NDXP", "NDX", Settlement.PM, NICKEL_DIME),
        _index_option("RUT", "RUT", Settlement.AM, NICKEL_DIME),
        _index_option("RUTW", "RUT", Settlement.PM, NICKEL_DIME),
        _index_option("VIX", "VIX", Settlement.AM, TickRule(Decimal("0.01"), Decimal(3), Decimal("0.05")), PENNY),
        _index_option("VIXW", "VIX", Settlement.AM, TickRule(Decimal("0.01"), Decimal(3), Decimal("0.05")), PENNY),
    )
}

#: Underlyings that are levels, not shares.
INDEX_SYMBOLS: Final = frozenset(product.underlying for product in _INDEX_OPTIONS.values()) | {"VIX3M", "SPX"}
#: Underlyings whose beta to SPX is 1 by definition.
EXACT_BETA_SYMBOLS: Final = frozenset({"SPX", "XSP"})
#: Funds the desk knows as such; everything else with shares is shown as a stock.
ETF_SYMBOLS: Final = frozenset({"SPY", "QQQ", "IWM", "DIA", "TLT", "GLD", "HYG", "IEF", "XLU", "RSP", "XLE", "XLF"})
#: Classes quoted in pennies at every price (the penny programme's three funds).
_PENNY_EVERYWHERE: Final = frozenset({"SPY", "QQQ", "IWM"})

_INDEX_FUTURES: Final = frozenset({"/ES", "/MES", "/NQ", "/MNQ", "/RTY"})
FUTURES: Final = {
    product.root: product
    for product in (
        FutureProduct("/ES", Decimal(50), flat_tick("0.25")),
        FutureProduct("/MES", Decimal(5), flat_tick("0.25")),
        FutureProduct("/NQ", Decimal(20), flat_tick("0.25")),
        FutureProduct("/MNQ", Decimal(2), flat_tick("0.25")),
        FutureProduct("/RTY", Decimal(50), flat_tick("0.10")),
        FutureProduct("/CL", Decimal(1000), flat_tick("0.01")),
        FutureProduct("/GC", Decimal(100), flat_tick("0.10")),
    )
}
_QUARTER_CODES: Final = {3: "H", 6: "M", 9: "U", 12: "Z"}
FUTURE_OPTION_TICK: Final = TickRule(Decimal("0.05"), Decimal(5), Decimal("0.25"))


def option_product(root: str) -> OptionProduct:
    """Returns the facts of an option root; an unknown root is an American, share-delivered option on that stock.

    An adjusted root (`AAPL7`) keeps its root as its own product on the stock without the digit; its deliverable is not
    known here, so the broker's contract data must supply the multiplier before it may be traded.
    """
    known = _INDEX_OPTIONS.get(root)
    if known is not None:
        return known
    underlying = root.rstrip("0123456789") or root
    kind = InstrumentKind.ETF if underlying in ETF_SYMBOLS else InstrumentKind.STOCK
    tick = PENNY if underlying in _PENNY_EVERYWHERE else PENNY_NICKEL
    return OptionProduct(
        root,
        underlying,
        kind,
        _HUNDRED,
        Settlement.PM,
        ExerciseStyle.AMERICAN,
        Delivery.UNDERLYING,
        tick,
        PENNY,
    )


def underlying_kind(symbol: str) -> InstrumentKind:
    """Returns what kind of instrument an underlying symbol names."""
    if symbol.startswith("/"):
        return InstrumentKind.FUTURE
    if "/" in symbol:
        return InstrumentKind.CRYPTO
    if symbol in INDEX_SYMBOLS:
        return InstrumentKind.INDEX
    return InstrumentKind.ETF if symbol in ETF_SYMBOLS else InstrumentKind.STOCK


def future_root(symbol: str) -> str:
    """Returns the product of a futures symbol: `/ESZ6` -> `/ES`; raises KeyError for one not in the table."""
    for length in range(len(symbol) - 1, 1, -1):
        if symbol[:length] in FUTURES:
            return symbol[:length]
    raise KeyError(symbol)


def future_option_style(product: str, option_root: str) -> ExerciseStyle:
    """Returns whether options with this root on the future `product` (`/ES`) may be exercised early.

    CME's rulebook: the weekly and month-end options on equity index futures (E1A, EW, QN1 ...) are European, the
    quarterly ones that carry the future's own root (ES, NQ) are American, and so are those on oil and gold.
    """
    is_index = product in _INDEX_FUTURES
    return ExerciseStyle.EUROPEAN if is_index and option_root != product.lstrip("/") else ExerciseStyle.AMERICAN


def front_future(root: str, day: date) -> str:
    """Returns the symbol of the quarterly future that expires next on or after `day`: `/ES` -> `/ESZ6`.

    Index futures expire on the third Friday of March, June, September and December.
    """
    year, month = day.year, -(-day.month // 3) * 3
    if third_friday(year, month) < day:
        year, month = (year, month + 3) if month < 12 else (year + 1, 3)
    return f"{root}{_QUARTER_CODES[month]}{year % 10}"


def third_friday(year: int, month: int) -> date:
    """Returns the third Friday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)
