"""Partition the positions of a book into strategies, every contract used exactly once.

Deterministic, most specific first, per underlying: what was opened together (order hints); the few lines
of one expiry that form one strategy as they stand; verticals, joined to iron condors where quantities
match; stock with options; straddles and strangles; calendars and diagonals; the rest line by line.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from analytics.legs import PayoffLeg
from analytics.strategy import Recognised, recognise
from analytics.strategy_kinds import Family, StrategyKind

_TINY = 1e-9
_MOST_LEGS = 4

PairKey = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A position (index into the positions given) and the signed quantity of it in this group."""

    position: int
    quantity: float


@dataclass(frozen=True, slots=True)
class StrategyGroup:
    """Positions held as one strategy; `order_id` when an order hint put them together."""

    underlying: str
    strategy: Recognised
    members: tuple[GroupMember, ...]
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class OrderHint:
    """What one order opened: signed quantity by `PayoffLeg.key`."""

    order_id: str
    quantities: Mapping[str, float]


def group_positions(positions: Sequence[PayoffLeg], hints: Sequence[OrderHint] = ()) -> tuple[StrategyGroup, ...]:
    """Strategies of a whole book, by underlying, then in order of discovery.

    Hints apply in the order given, as far as their contracts are still held.
    """
    by_underlying: dict[str, list[int]] = defaultdict(list)
    for index, leg in enumerate(positions):
        by_underlying[leg.underlying].append(index)
    groups: list[StrategyGroup] = []
    for name in sorted(by_underlying):
        groups += _Partition(name, positions, by_underlying[name]).run(hints)
    return tuple(groups)


class _Partition:
    """Positions of one underlying while they are being handed out."""

    def __init__(self, underlying: str, positions: Sequence[PayoffLeg], indices: Iterable[int]) -> None:
        self._underlying = underlying
        self._legs = positions
        self._left = {index: positions[index].quantity for index in sorted(indices, key=self._order)}
        self._groups: list[StrategyGroup] = []

    def _order(self, index: int) -> tuple[float, bool, float, int]:
        """Expiry, right, strike, given order."""
        leg = self._legs[index]
        return leg.expiry_epoch_s, bool(leg.is_call), leg.strike, index

    def run(self, hints: Sequence[OrderHint]) -> list[StrategyGroup]:
        """All groups; afterwards nothing is left."""
        for hint in hints:
            self._take_hint(hint)
        self._take_if_named(list(self._left))
        for expiry in self._by_expiry():
            self._take_if_named(expiry)
        for expiry in self._by_expiry():
            self._take_same_size(expiry)
        for expiry in self._by_expiry():
            self._take_butterflies(expiry)
            self._take_verticals(expiry)
        self._take_with_stock()
        for expiry in self._by_expiry():
            self._take_pairs(expiry, self._strangle_key)
        self._take_pairs(self._options(), self._time_spread_key)
        for index in list(self._left):
            self._take([(index, self._left[index])])
        return self._groups

    def _options(self) -> list[int]:
        """Options still to be placed, in order."""
        return [index for index in self._left if self._legs[index].is_option]

    def _by_expiry(self) -> list[list[int]]:
        """Options still to be placed, per expiry, first expiry first."""
        found: dict[float, list[int]] = defaultdict(list)
        for index in self._options():
            found[self._legs[index].expiry_epoch_s].append(index)
        return [found[expiry] for expiry in sorted(found)]

    def _take(self, parts: Sequence[tuple[int, float]], order_id: str | None = None) -> None:
        """Make a group of signed quantities and take them off what is left."""
        strategy = recognise([self._legs[index].with_quantity(quantity) for index, quantity in parts])
        members = tuple(GroupMember(index, quantity) for index, quantity in parts)
        self._groups.append(StrategyGroup(self._underlying, strategy, members, order_id))
        for index, quantity in parts:
            rest = self._left[index] - quantity
            if abs(rest) <= _TINY:
                del self._left[index]
            else:
                self._left[index] = rest

    def _kind(self, parts: Sequence[tuple[int, float]]) -> StrategyKind:
        """What the quantities would be called; CUSTOM when they cancel each other."""
        if len({self._legs[index].identity for index, _ in parts}) < len(parts):
            return StrategyKind.CUSTOM
        return recognise([self._legs[index].with_quantity(quantity) for index, quantity in parts]).kind

    def _take_hint(self, hint: OrderHint) -> None:
        """The contracts of one order, scaled down evenly to what is still held."""
        wanted: list[tuple[int, float]] = []
        free = {self._legs[index].key: index for index in self._left if self._legs[index].key}
        for key, quantity in hint.quantities.items():
            index = free.get(key)
            if index is None or quantity * self._left[index] <= 0:
                return
            wanted.append((index, quantity))
        if len(wanted) < 2:
            return
        sizes = [abs(round(quantity)) for _, quantity in wanted]
        if any(abs(abs(q) - size) > _TINY or size == 0 for (_, q), size in zip(wanted, sizes, strict=True)):
            return
        lots = math.gcd(*sizes)
        held = min(int((abs(self._left[i]) + _TINY) * lots // abs(q)) for i, q in wanted)
        if held >= 1:
            share = min(held, lots)
            self._take([(i, q / lots * share) for i, q in wanted], hint.order_id)

    def _take_if_named(self, indices: Sequence[int]) -> None:
        """All of the lines at once, when together they are one known strategy.

        Call against put stays apart while stock is left: it is the collar of that stock.
        """
        parts = [(index, self._left[index]) for index in indices]
        if not 2 <= len(parts) <= _MOST_LEGS:
            return
        kind = self._kind(parts)
        is_stock_free = all(self._legs[index].is_option for index in self._left)
        if kind is not StrategyKind.CUSTOM and (is_stock_free or kind.family is not Family.SYNTHETIC):
            self._take(parts)

    def _take_same_size(self, indices: Sequence[int]) -> None:
        """Lines of one expiry and one size, when together they are one known strategy."""
        by_size: dict[float, list[int]] = defaultdict(list)
        for index in indices:
            by_size[abs(self._left[index])].append(index)
        for size in sorted(by_size):
            self._take_if_named(by_size[size])

    def _take_butterflies(self, indices: Sequence[int]) -> None:
        """Neighbouring strikes of one right held exactly 1-2-1."""
        for is_call in (False, True):
            lines = [i for i in indices if i in self._left and self._legs[i].is_call == is_call]
            for triple in zip(lines, lines[1:], lines[2:], strict=False):
                if all(index in self._left for index in triple):
                    low, body, high = (self._left[index] for index in triple)
                    if low == high and body == -2 * low:
                        self._take_if_named(triple)

    def _take_verticals(self, indices: Sequence[int]) -> None:
        """Verticals of one expiry; a put and a call vertical of one size become one strategy if it has a name."""
        lines = [index for index in indices if index in self._left]
        found = self._matches(lines, self._vertical_key)
        puts = [pair for pair in found if self._legs[pair[0][0]].is_put]
        calls = [pair for pair in found if not self._legs[pair[0][0]].is_put]
        for put in puts:
            size = abs(put[0][1])
            partner = next(
                (c for c in calls if abs(c[0][1]) == size and self._kind([*put, *c]) is not StrategyKind.CUSTOM),
                None,
            )
            if partner is not None:
                calls.remove(partner)
            self._take([*put, *(partner or ())])
        for call in calls:
            self._take(call)

    def _take_pairs(self, indices: Sequence[int], key: Callable[[int, int], PairKey | None]) -> None:
        """Pairs by ascending key, each as large as both lines allow."""
        for pair in self._matches([index for index in indices if index in self._left], key):
            self._take(pair)

    def _matches(
        self, indices: Sequence[int], key: Callable[[int, int], PairKey | None]
    ) -> list[list[tuple[int, float]]]:
        """Pairs with their signed quantities, best key first, without taking them."""
        ranked = sorted(
            (rank, one, other)
            for position, one in enumerate(indices)
            for other in indices[position + 1 :]
            if (rank := key(one, other)) is not None
        )
        free = {index: self._left[index] for index in indices}
        found: list[list[tuple[int, float]]] = []
        for _, one, other in ranked:
            size = min(abs(free[one]), abs(free[other]))
            if size > _TINY:
                pair = [(index, math.copysign(size, self._left[index])) for index in (one, other)]
                found.append(pair)
                for index, quantity in pair:
                    free[index] -= quantity
        return found

    def _vertical_key(self, one: int, other: int) -> PairKey | None:
        """Equal size first, credit side next, then the narrowest."""
        a, b = self._legs[one], self._legs[other]
        if a.is_call != b.is_call or a.multiplier != b.multiplier or a.strike == b.strike:
            return None
        if self._left[one] * self._left[other] >= 0:
            return None
        short, long = (a, b) if self._left[one] < 0 else (b, a)
        is_credit = (long.strike > short.strike) == bool(a.is_call)
        uneven = abs(abs(self._left[one]) - abs(self._left[other]))
        return (uneven > _TINY, not is_credit, abs(a.strike - b.strike), uneven)

    def _strangle_key(self, one: int, other: int) -> PairKey | None:
        """Call and put on the same side: equal size first, then the closest strikes."""
        a, b = self._legs[one], self._legs[other]
        if a.is_call == b.is_call or a.multiplier != b.multiplier:
            return None
        if self._left[one] * self._left[other] <= 0:
            return None
        uneven = abs(abs(self._left[one]) - abs(self._left[other]))
        return (uneven > _TINY, abs(a.strike - b.strike), uneven)

    def _time_spread_key(self, one: int, other: int) -> PairKey | None:
        """Short and long of one right, two expiries: same strike first, then equal size, then nearest."""
        a, b = self._legs[one], self._legs[other]
        if a.is_call != b.is_call or a.multiplier != b.multiplier or a.expiry_epoch_s == b.expiry_epoch_s:
            return None
        if self._left[one] * self._left[other] >= 0:
            return None
        uneven = abs(abs(self._left[one]) - abs(self._left[other])) > _TINY
        apart = abs(a.expiry_epoch_s - b.expiry_epoch_s)
        return (a.strike != b.strike, uneven, abs(a.strike - b.strike), apart)

    def _take_with_stock(self) -> None:
        """Collars, then covered calls and puts, then protective options, as far as whole lots reach."""
        linear = [index for index in self._left if not self._legs[index].is_option]
        for stock in linear:
            for short in self._options():
                self._cover(stock, short)
            for option in self._options():
                self._protect(stock, option)

    def _lots(self, stock: int, option: int) -> int:
        """Whole contracts of an option that the rest of a stock line matches."""
        if stock not in self._left or option not in self._left:
            return 0
        if self._legs[stock].is_future != self._legs[option].is_future:
            return 0
        units = abs(self._left[stock]) * self._legs[stock].multiplier / self._legs[option].multiplier
        return int(min(units, abs(self._left[option])) + _TINY)

    def _stock_part(self, stock: int, option: int, lots: int) -> tuple[int, float]:
        """Signed stock quantity of some lots."""
        quantity = lots * self._legs[option].multiplier / self._legs[stock].multiplier
        return stock, math.copysign(quantity, self._left[stock])

    def _cover(self, stock: int, short: int) -> None:
        """Short calls on long stock or short puts on short stock, collared by a long of that expiry if held."""
        lots = self._lots(stock, short)
        leg = self._legs[short]
        if lots < 1 or self._left[short] > 0 or bool(leg.is_call) != (self._left[stock] > 0):
            return
        for guard in self._options():
            other = self._legs[guard]
            if other.is_call == leg.is_call or other.expiry_epoch_s != leg.expiry_epoch_s:
                continue
            both = min(lots, self._lots(stock, guard))
            parts = [self._stock_part(stock, short, both), (short, -float(both)), (guard, float(both))]
            if both >= 1 and self._left[guard] > 0 and self._kind(parts) is not StrategyKind.CUSTOM:
                self._take(parts)
                lots = self._lots(stock, short)
            if lots < 1:
                return
        self._take([self._stock_part(stock, short, lots), (short, -float(lots))])

    def _protect(self, stock: int, option: int) -> None:
        """Long puts on long stock, long calls on short stock."""
        lots = self._lots(stock, option)
        if lots >= 1 and self._left[option] > 0 and bool(self._legs[option].is_call) != (self._left[stock] > 0):
            self._take([self._stock_part(stock, option, lots), (option, float(lots))])
