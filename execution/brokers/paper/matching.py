"""Matches orders against quotes: packages at one net price, legs at prices that sum to it exactly.

Net prices are debits (positive) or credits (negative) per point of the package unit. The natural price takes every leg
at the side it must cross to; the mid takes every leg at its midpoint; natural >= mid always.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np

from execution.brokers.paper.orders import PaperOrder, package_weights
from execution.brokers.paper.settings import FillModel
from models.enums import Action, OrderType
from models.ids import ContractKey
from models.order import OrderLeg
from models.quote import Quote

CENT: Final = Decimal("0.01")
_MOST_CENTS_APART: Final = 12


@dataclass(frozen=True, slots=True)
class PackageQuote:
    """A package's market now. `displayed` is how many packages the sizes show, None when they are not told."""

    natural: Decimal
    mid: Decimal
    leg_naturals: tuple[Decimal, ...]
    leg_mids: tuple[Decimal, ...]
    displayed: int | None


@dataclass(frozen=True, slots=True)
class Fill:
    """Packages filled at one net price, and each leg's price per share."""

    packages: int
    net_price: Decimal
    leg_prices: tuple[Decimal, ...]


@dataclass(slots=True)
class _Patience:
    """How much fill intensity a resting order has seen, and at how much it fills."""

    threshold: float
    seen: float = 0.0


@dataclass(slots=True)
class Matcher:
    """Decides fills. Deterministic for a seed, the orders' serials and the sequence of quotes and elapsed times."""

    model: FillModel
    seed: int
    _patience: dict[tuple[int, int], _Patience] = field(default_factory=dict)

    def match(self, order: PaperOrder, quotes: Mapping[ContractKey, Quote], elapsed_s: float) -> Fill | None:
        """Returns what fills now, None when nothing does."""
        market = package_quote(order.legs, quotes)
        if market is None:
            return None
        if order.order_type is not OrderType.LIMIT:
            return self.take(order, market, market.natural)
        limit = order.limit_price
        if limit is None or limit < market.mid:
            return None
        if limit >= market.natural:
            return self.take(order, market, market.natural)
        share = float((limit - market.mid) / (market.natural - market.mid))
        return self.take(order, market, limit) if self._is_hit(order, share, elapsed_s) else None

    def take(self, order: PaperOrder, market: PackageQuote, net_price: Decimal) -> Fill:
        """Returns a fill at `net_price` of as many packages as the displayed sizes allow."""
        packages = order.remaining
        if self.model.use_displayed_size and market.displayed is not None:
            packages = min(packages, market.displayed)
        if self.model.max_packages_per_fill is not None:
            packages = min(packages, self.model.max_packages_per_fill)
        return fill_at(order, market, net_price, packages)

    def forget(self, order: PaperOrder) -> None:
        """Drops what it remembers of an order that is done."""
        for key in [key for key in self._patience if key[0] == order.serial]:
            del self._patience[key]

    def _is_hit(self, order: PaperOrder, share: float, elapsed_s: float) -> bool:
        """Whether a Poisson stream of rate(share) has hit the order, over all ticks since its last fill."""
        key = (order.serial, order.fills)
        patience = self._patience.get(key)
        if patience is None:
            draw = np.random.default_rng([self.seed, order.serial, order.fills])
            patience = self._patience[key] = _Patience(float(draw.exponential()))
        low, high = self.model.rate_at_mid_per_s, self.model.rate_at_natural_per_s
        rate = low ** (1.0 - share) * high**share if low > 0 and high > 0 else 0.0
        patience.seen += rate * elapsed_s
        return patience.seen >= patience.threshold


def fill_at(order: PaperOrder, market: PackageQuote, net_price: Decimal, packages: int) -> Fill:
    """Returns a fill of `packages` at `net_price`, spread over the legs."""
    weights = tuple(int(weight) for weight in package_weights(order.legs))
    prices = leg_prices(net_price, weights, market.leg_naturals, market.leg_mids)
    return Fill(packages, net_price, prices)


def package_quote(legs: tuple[OrderLeg, ...], quotes: Mapping[ContractKey, Quote]) -> PackageQuote | None:
    """Returns the package's market; None unless every leg is two-sided (a zero bid counts, see `can_sell`)."""
    naturals: list[Decimal] = []
    mids: list[Decimal] = []
    displayed: int | None = None
    packages = math.gcd(*(leg.quantity for leg in legs))
    for leg in legs:
        quote = quotes.get(leg.contract.key)
        if quote is None or quote.bid is None or quote.ask is None or quote.mid is None:
            return None
        buys = leg.action is Action.BUY
        naturals.append(quote.ask if buys else quote.bid)
        mids.append(quote.mid)
        size = quote.ask_size if buys else quote.bid_size
        if size is not None:
            shown = max(size * packages // leg.quantity, 1)
            displayed = shown if displayed is None else min(displayed, shown)
    if len(legs) == 1 and naturals[0] <= 0:
        return None
    weights = package_weights(legs)
    natural = sum((w * p for w, p in zip(weights, naturals, strict=True)), start=Decimal(0))
    mid = sum((w * p for w, p in zip(weights, mids, strict=True)), start=Decimal(0))
    return PackageQuote(natural, mid, tuple(naturals), tuple(mids), displayed)


def leg_prices(
    net_price: Decimal, weights: tuple[int, ...], naturals: tuple[Decimal, ...], mids: tuple[Decimal, ...]
) -> tuple[Decimal, ...]:
    """Returns a price per leg, in cents and never negative, with sum(weight x price) exactly `net_price`.

    The concession from natural towards mid (or beyond) is the same share on every leg; the cents that rounding leaves
    go where they move the fewest legs. Weights are whole numbers without a common divisor, so cents always suffice;
    a net price finer than a cent leaves its rest on one leg.
    """
    natural = sum((w * p for w, p in zip(weights, naturals, strict=True)), start=Decimal(0))
    mid = sum((w * p for w, p in zip(weights, mids, strict=True)), start=Decimal(0))
    share = (natural - net_price) / (natural - mid) if natural != mid else Decimal(0)
    start = [max(_cents(n + (m - n) * share), Decimal(0)) for n, m in zip(naturals, mids, strict=True)]
    rest = net_price - sum((w * p for w, p in zip(weights, start, strict=True)), start=Decimal(0))
    if rest == 0:
        return tuple(start)
    ranges = tuple((min(n, m), max(n, m)) for n, m in zip(naturals, mids, strict=True))
    return _absorb(rest, weights, start, ranges)


def _absorb(
    rest: Decimal, weights: tuple[int, ...], prices: list[Decimal], ranges: tuple[tuple[Decimal, Decimal], ...]
) -> tuple[Decimal, ...]:
    """Moves `prices` so that their weighted sum grows by exactly `rest`.

    One leg if that can be, best one that stays between its natural and its mid (`ranges`); else several.
    """
    alone = {i: prices[i] + rest / weight for i, weight in enumerate(weights)}
    whole = [i for i, price in alone.items() if price >= 0 and (price * 100) % 1 == 0]
    if whole:
        best = min(whole, key=lambda i: (not ranges[i][0] <= alone[i] <= ranges[i][1], abs(weights[i]), -prices[i]))
        return _with(prices, {best: alone[best]})
    order = sorted(range(len(weights)), key=lambda i: (abs(weights[i]), -prices[i]))
    widest = max(_MOST_CENTS_APART, *(abs(weight) for weight in weights))
    last, others = order[0], order[1:]
    steps = sorted(range(-widest, widest + 1), key=abs)
    for cents in itertools.product(steps, repeat=len(others)):
        left = rest - sum((weights[i] * c * CENT for i, c in zip(others, cents, strict=True)), start=Decimal(0))
        moved = prices[last] + left / weights[last]
        changed = {i: prices[i] + c * CENT for i, c in zip(others, cents, strict=True)} | {last: moved}
        if (moved * 100) % 1 == 0 and all(price >= 0 for price in changed.values()):
            return _with(prices, changed)
    return _with(prices, {order[0]: prices[order[0]] + rest / weights[order[0]]})


def _with(prices: list[Decimal], changed: Mapping[int, Decimal]) -> tuple[Decimal, ...]:
    return tuple(changed.get(i, price) for i, price in enumerate(prices))


def _cents(price: Decimal) -> Decimal:
    return price.quantize(CENT, ROUND_HALF_EVEN)
