"""Gate checks of quotes and prices. Each is pure; unknown denies. Prices are net points, positive = debit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from execution.orders.gate_context import GateContext
from execution.orders.package import net_mid, net_natural, required_sign
from execution.orders.wording import average_text, net_text
from models.contract import Contract
from models.enums import MarketDataKind, OrderType
from models.gate import Denial, DenialCode
from models.order import Order
from models.quote import Quote

_PER_CENT: Final = Decimal("0.01")


def contract_expired(order: Order, context: GateContext) -> Denial | None:
    """Denies when a leg has settled, or the time is unknown."""
    if context.now_utc is None:
        return Denial(DenialCode.CONTRACT_EXPIRED, "The desk does not know the time, so expiries cannot be checked.")
    for leg in order.legs:
        expires_at = leg.contract.expires_at_utc
        if expires_at is not None and expires_at <= context.now_utc:
            return Denial(DenialCode.CONTRACT_EXPIRED, f"{leg.contract.label} has expired. Pick a later expiry.")
    return None


def quote_missing(order: Order, context: GateContext) -> Denial | None:
    """Denies when a leg has no quote at all."""
    missing = [contract.label for contract, quote in _quotes(order, context) if quote is None]
    if order.legs and not missing:
        return None
    return Denial(DenialCode.QUOTE_MISSING, f"No quote for {', '.join(missing) or 'the order'}. Wait for the market.")


def quote_stale(order: Order, context: GateContext) -> Denial | None:
    """Denies when a leg's newest quote is too old or of unknown age."""
    if context.caps is None:
        return Denial(DenialCode.QUOTE_STALE, "How old a quote may be is not known, so none is good enough.")
    oldest = context.caps.quote_max_age_s
    for leg in order.legs:
        age = context.quote_ages_s.get(leg.contract.key)
        if age is None or not age <= oldest:
            told = "of unknown age" if age is None else f"{age:.0f} s old"
            text = f"The quote of {leg.contract.label} is {told}; at most {oldest:g} s is allowed."
            return Denial(DenialCode.QUOTE_STALE, text)
    return None


def quote_not_live(order: Order, context: GateContext) -> Denial | None:
    """Denies delayed and frozen quotes; simulated ones count on the paper broker only."""
    good = {MarketDataKind.LIVE}
    if context.simulated_quotes_count:
        good.add(MarketDataKind.SIMULATED)
    for contract, quote in _quotes(order, context):
        if quote is None or quote.kind not in good:
            told = "missing" if quote is None else quote.kind.value.lower()
            text = f"The quote of {contract.label} is {told}, not live. Check the market data subscription."
            return Denial(DenialCode.QUOTE_NOT_LIVE, text)
    return None


def quote_one_sided(order: Order, context: GateContext) -> Denial | None:
    """Denies when a leg lacks its bid or its ask. A bid of zero is a bid."""
    for contract, quote in _quotes(order, context):
        if quote is None or quote.bid is None or quote.ask is None or quote.ask <= 0 or quote.bid < 0:
            text = f"{contract.label} has no two-sided market. Wait until both bid and ask are quoted."
            return Denial(DenialCode.QUOTE_ONE_SIDED, text)
    return None


def quote_crossed(order: Order, context: GateContext) -> Denial | None:
    """Denies when a leg's bid is above its ask."""
    for contract, quote in _quotes(order, context):
        if quote is None or (quote.bid is not None and quote.ask is not None and not quote.bid <= quote.ask):
            text = f"The market in {contract.label} is crossed (bid above ask). Wait for a sound quote."
            return Denial(DenialCode.QUOTE_CROSSED, text)
    return None


def price_off_tick(order: Order, context: GateContext) -> Denial | None:
    """Denies a limit price that cannot be quoted, and a limit order without one."""
    price = order.limit_price
    if order.order_type is not OrderType.LIMIT:
        return None
    if price is None or context.tick is None or not price.is_finite():
        return Denial(DenialCode.PRICE_OFF_TICK, "The limit price or its increments are not known.")
    if context.tick.is_on_tick(price):
        return None
    low, high = context.tick.snap(price, rounding=ROUND_FLOOR), context.tick.snap(price, rounding=ROUND_CEILING)
    return Denial(
        DenialCode.PRICE_OFF_TICK, f"{net_text(price)} is off tick. Nearest: {net_text(low)} or {net_text(high)}."
    )


def price_sign(order: Order, context: GateContext) -> Denial | None:
    """Denies a debit where only a credit makes sense (and the reverse), by payoff, else by the midpoint."""
    price = order.limit_price
    if order.order_type is not OrderType.LIMIT:
        return None
    if price is None or not price.is_finite() or price == 0:
        return Denial(DenialCode.PRICE_SIGN, "The limit price is neither a debit nor a credit.")
    sign = required_sign(order.legs)
    if sign:
        return _sign_denial(price, "the payoff of these legs") if (price > 0) != (sign > 0) else None
    mid = net_mid(order.legs, context.quotes)
    if mid is None or context.caps is None:
        return Denial(DenialCode.PRICE_SIGN, "Debit or credit cannot be checked without quotes of every leg.")
    if (price > 0) != (mid > 0) and price > mid + context.caps.collar_min_usd:
        return _sign_denial(price, f"the midpoint of {average_text(mid)}")
    return None


def price_collar(order: Order, context: GateContext) -> Denial | None:
    """Denies a price much worse than the midpoint: paying far more, or taking far less.

    Allowed: midpoint + max(collar_pct_of_mid per cent of it, collar_min_usd). A better price than the midpoint is
    only patient. A market order is held against what crossing every spread would cost; at the close there is no
    price yet, and the quote checks stand alone.
    """
    if order.order_type is OrderType.MARKET_ON_CLOSE:
        return None
    mid, caps = net_mid(order.legs, context.quotes), context.caps
    price = order.limit_price if order.order_type is OrderType.LIMIT else net_natural(order.legs, context.quotes)
    if mid is None or caps is None or price is None or not price.is_finite():
        return Denial(DenialCode.PRICE_COLLAR, "The price cannot be held against the market, so it is not sent.")
    allowance = max(abs(mid) * caps.collar_pct_of_mid * _PER_CENT, caps.collar_min_usd)
    if price - mid <= allowance:
        return None
    text = (
        f"{net_text(price)} is {average_text(price - mid)[3:]} worse than the midpoint of {average_text(mid)}; "
        f"at most {average_text(allowance)[3:]} is allowed."
    )
    return Denial(DenialCode.PRICE_COLLAR, text)


def _sign_denial(price: Decimal, against: str) -> Denial:
    return Denial(DenialCode.PRICE_SIGN, f"{net_text(price)} is on the wrong side of {against}. Turn the sign.")


def _quotes(order: Order, context: GateContext) -> Iterator[tuple[Contract, Quote | None]]:
    for leg in order.legs:
        yield leg.contract, context.quotes.get(leg.contract.key)
