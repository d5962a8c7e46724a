"""The paper broker's what-if: margin before and after, equity, buying power, fees, warnings.

Asked on the engine's thread, where the books are; answered anywhere, because a large book takes its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.brokers.paper.accounts import Book
from execution.brokers.paper.commissions import CommissionSchedule
from execution.brokers.paper.margin_methods import Margin, MarginCase
from execution.brokers.paper.margining import Margining
from execution.brokers.paper.matching import PackageQuote, fill_at, package_quote
from execution.brokers.paper.orders import PaperOrder, package_unit
from execution.brokers.paper.valuation import Valuation
from execution.brokers.port import WhatIf
from execution.orders.wording import average_text, net_text
from models.enums import OrderType
from models.order import OrderLeg

CENT: Final = Decimal("0.01")
#: A limit further from the mid than this many half-spreads, and than this share of it, is called far away.
_FAR_HALF_SPREADS: Final = Decimal(3)
_FAR_SHARE: Final = Decimal("0.15")


@dataclass(frozen=True, slots=True)
class Question:
    """A what-if with all it needs copied, so that it can be answered on another thread."""

    case: MarginCase
    enforce_buying_power: bool
    legs: tuple[OrderLeg, ...]
    net_liquidation: Decimal
    equity_change: Decimal | None
    fees: Decimal | None
    warnings: tuple[str, ...]

    def answer(self) -> WhatIf:
        """Returns the what-if: margin before and after, what is left, and why it would be refused."""
        before = self.case.margin()
        after = self.case.margin(self.legs)
        said = list(self.warnings)
        if before is None or after is None:
            said.append("Margin unknown: a price that it needs is missing.")
        change = None if self.equity_change is None else self.net_liquidation + self.equity_change
        room = None if after is None or change is None else change - after.initial
        return WhatIf(
            initial_margin_before=None if before is None else before.initial,
            initial_margin_change=None if before is None or after is None else after.initial - before.initial,
            initial_margin_after=None if after is None else after.initial,
            maintenance_margin_before=None if before is None else before.maintenance,
            maintenance_margin_change=None
            if before is None or after is None
            else after.maintenance - before.maintenance,
            maintenance_margin_after=None if after is None else after.maintenance,
            equity_change=self.equity_change,
            buying_power_after=room,
            fees=self.fees,
            warning=" ".join(said) or None,
            error=self._shortage(before, after, room),
        )

    def _shortage(self, before: Margin | None, after: Margin | None, room: Decimal | None) -> str | None:
        if not self.enforce_buying_power or before is None or after is None or room is None:
            return None
        if room >= 0 or after.initial <= before.initial:
            return None
        return f"Insufficient buying power: the order would leave {room:,.2f} dollars."


@dataclass(frozen=True, slots=True)
class WhatIfEngine:
    """Asks about one order against the account as it is; working orders are not counted."""

    book: Book
    valuation: Valuation
    margining: Margining
    commissions: CommissionSchedule
    enforce_buying_power: bool

    def ask(self, order: PaperOrder, now_utc: datetime, warnings: Sequence[str] = ()) -> Question:
        """Returns the question of a sound order; its contracts' quotes must be fresh."""
        said = list(warnings)
        market = package_quote(order.legs, self.valuation.quotes)
        if market is None:
            said.append("A leg has no two-sided market; the answer assumes the limit price.")
        elif order.order_type is OrderType.LIMIT and order.limit_price is not None:
            said += far_from_market(order.limit_price, market)
        fees, equity_change = self._money(order, market)
        return Question(
            case=self.margining.case(
                order.account_id, self.book.holdings(order.account_id), self.valuation.marks, now_utc, order.legs
            ),
            enforce_buying_power=self.enforce_buying_power,
            legs=order.legs,
            net_liquidation=self.book.net_liquidation(order.account_id, self.valuation.marks),
            equity_change=equity_change,
            fees=fees,
            warnings=tuple(said),
        )

    def _money(self, order: PaperOrder, market: PackageQuote | None) -> tuple[Decimal | None, Decimal | None]:
        """Returns fees, and the change of net liquidation when the order fills at its price at the present marks."""
        net_price = order.limit_price if market is None or order.order_type is OrderType.LIMIT else market.natural
        if net_price is None:
            return None, None
        if market is None:
            prices = tuple(self.valuation.marks.get(leg.contract.key, Decimal(1)) for leg in order.legs)
        else:
            prices = fill_at(order, market, net_price, order.packages).leg_prices
        fees = sum(
            (
                self.commissions.leg_fee(leg.contract, leg.action, Decimal(leg.quantity), price)
                for leg, price in zip(order.legs, prices, strict=True)
            ),
            start=Decimal(0),
        )
        if market is None:
            return fees, None
        unit = package_unit(tuple(leg.contract for leg in order.legs))
        gain = (market.mid - net_price) * unit * order.packages
        return fees, (gain - fees).quantize(CENT)


def far_from_market(limit: Decimal, market: PackageQuote) -> list[str]:
    """Returns a warning when a limit is far from the market: unlikely to fill, or paying far through it."""
    half_spread = market.natural - market.mid
    reach = max(half_spread * _FAR_HALF_SPREADS, abs(market.mid) * _FAR_SHARE, CENT * 5)
    if limit < market.mid - reach:
        return [f"The limit is far from the market (mid {average_text(market.mid)}): it may not fill."]
    if limit > market.natural + reach:
        return [f"The limit is far through the market (natural {net_text(market.natural)}): it fills at the natural."]
    return []
