"""Whether a ticket makes sense as an order, in words at the field that is wrong. Quotes are the gate's subject."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from execution.brokers.port import Capability
from execution.commands import TicketDraft
from execution.facts import DeskFacts
from execution.orders.package import required_sign, value_bounds
from execution.orders.parsing import parse_price, parse_quantity
from execution.orders.wording import net_text, price_text
from execution.ticket_views import Problem
from models.contract import Contract
from models.enums import Action, InstrumentKind, OrderType, TimeInForce
from models.ids import is_uuid4
from models.order import MAX_LEGS, OrderLeg
from models.product import TickRule

__all__ = ["parse_price", "parse_quantity", "price_problems", "validate"]

_SHARES = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF})


def validate(
    draft: TicketDraft, facts: DeskFacts, capabilities: Collection[Capability] = frozenset()
) -> tuple[Problem, ...]:
    """Returns everything that is wrong with the ticket, worst first; empty = it may be simulated.

    Whether a contract is listed is asked of the broker when the order is simulated.
    """
    problems = [*_identity(draft), *_account(draft, facts)]
    legs = list(_legs(draft.legs, facts))
    problems += legs
    if legs or not draft.legs:
        return tuple(problems)
    problems += _order_type(draft, capabilities)
    problems += _price(draft, facts)
    return tuple(problems)


def price_problems(legs: tuple[OrderLeg, ...], limit_price: Decimal, tick: TickRule) -> tuple[Problem, ...]:
    """Returns what is wrong with a limit price for these legs: not finite, zero, wrong side, absurd, off tick."""
    if not limit_price.is_finite():
        return (_at_price("The limit price is not a number. Type a price, e.g. 1.85."),)
    if limit_price == 0:
        text = f"A price of 0 is neither a debit nor a credit. Use one tick: {net_text(tick.tick_at(limit_price))}."
        return (_at_price(text),)
    return (*_wrong_side(legs, limit_price), *_off_tick(limit_price, tick))


def _identity(draft: TicketDraft) -> Iterator[Problem]:
    if not is_uuid4(draft.order_id):
        yield Problem("legs", "The ticket has no valid order id. Open a new ticket.")


def _account(draft: TicketDraft, facts: DeskFacts) -> Iterator[Problem]:
    if not draft.account_id:
        yield Problem("account", "No account is chosen. Choose the account to trade in.")
    elif facts.account(draft.account_id) is None:
        yield Problem("account", f"Account {draft.account_id} is not connected. Choose a connected account.")


def _legs(legs: tuple[OrderLeg, ...], facts: DeskFacts) -> Iterator[Problem]:
    if not legs:
        yield Problem("legs", "The order has no legs. Click a bid to sell or an ask to buy in the option chain.")
        return
    if len(legs) > MAX_LEGS:
        yield Problem("legs", f"The order has {len(legs)} legs; at most {MAX_LEGS} go into one order. Split it.")
    seen: dict[str, int] = {}
    for index, leg in enumerate(legs):
        first = seen.setdefault(leg.contract.key, index)
        if first != index:
            text = f"{leg.contract.label} is in legs {first + 1} and {index + 1}. Put the quantity into one leg."
            yield Problem(f"leg:{index}", text)
        yield from _leg(index, leg, facts)
    underlyings = sorted({leg.contract.underlying for leg in legs})
    if len(underlyings) > 1:
        yield Problem("legs", f"The legs are on {' and '.join(underlyings)}. One order takes one underlying; split it.")


def _leg(index: int, leg: OrderLeg, facts: DeskFacts) -> Iterator[Problem]:
    contract, field = leg.contract, f"leg:{index}"
    if contract.kind is InstrumentKind.INDEX:
        yield Problem(field, f"{contract.label} is an index: it cannot be traded. Trade its options or a fund on it.")
    if contract.kind is InstrumentKind.CRYPTO:
        text = f"{contract.label} is a crypto currency: shown here, not traded. Use the broker's own app."
        yield Problem(field, text)
    if contract.is_option and (contract.strike is None or contract.right is None or contract.expiry is None):
        yield Problem(field, f"{contract.key} names no listed option. Pick the contract from the option chain.")
    if contract.is_adjusted:
        text = f"{contract.label} is an adjusted option: what it delivers is not known here. Trade it at the broker."
        yield Problem(field, text)
    expires_at = contract.expires_at_utc
    if expires_at is not None and expires_at <= facts.now_utc():
        yield Problem(field, f"{contract.label} expired at {expires_at:%Y-%m-%d %H:%M} UTC. Pick a later expiry.")
    yield from _quantity(leg, facts)


def _quantity(leg: OrderLeg, facts: DeskFacts) -> Iterator[Problem]:
    contract = leg.contract
    if type(leg.quantity) is not int:
        yield Problem("quantity", f"Quantity {leg.quantity} of {contract.label} is not whole. Type a whole number.")
        return
    if leg.quantity <= 0:
        text = f"Quantity {leg.quantity} of {contract.label} trades nothing. Type 1 or more; the side is its own field."
        yield Problem("quantity", text)
    cap = facts.caps.max_contracts_per_leg
    if contract.kind not in _SHARES and leg.quantity > cap:
        text = f"{leg.quantity} contracts of {contract.label} are above the cap of {cap} a leg. Trade fewer."
        yield Problem("quantity", text)


def _order_type(draft: TicketDraft, capabilities: Collection[Capability]) -> Iterator[Problem]:
    several = len(draft.legs) > 1
    if draft.order_type is OrderType.MARKET and several and Capability.MARKET_SPREADS not in capabilities:
        yield Problem("legs", "This broker takes no market order with several legs. Use a limit price.")
    if draft.order_type is OrderType.MARKET_ON_CLOSE:
        if Capability.MARKET_ON_CLOSE not in capabilities:
            yield Problem("tif", "This broker takes no market-on-close orders. Use a limit price.")
        if several:
            yield Problem("legs", "A market-on-close order has one leg. Use a limit price for a package.")
        elif draft.legs[0].contract.kind not in _SHARES:
            name = draft.legs[0].contract.label
            yield Problem("legs", f"Market-on-close is for stocks and funds, not for {name}. Use a limit price.")
        if draft.tif is not TimeInForce.DAY:
            yield Problem("tif", "A market-on-close order works for the day only. Set DAY.")
    if draft.order_type is OrderType.MARKET and draft.tif is not TimeInForce.DAY:
        yield Problem("tif", "A market order works for the day only. Set DAY.")


def _price(draft: TicketDraft, facts: DeskFacts) -> Iterator[Problem]:
    if draft.order_type is not OrderType.LIMIT:
        if draft.limit_price is not None:
            yield _at_price(f"A {draft.order_type.value} order takes no limit price. Clear it or choose LMT.")
        return
    if draft.limit_price is None:
        yield _at_price("The limit price is empty. Type a price, e.g. 1.85.")
        return
    yield from price_problems(draft.legs, draft.limit_price, facts.net_tick_rule(draft.legs))


def _wrong_side(legs: tuple[OrderLeg, ...], price: Decimal) -> Iterator[Problem]:
    sign = required_sign(legs)
    if sign and (price > 0) != (sign > 0):
        yield _at_price(_wrong_side_text(legs, price, sign))
        return
    bounds = value_bounds(legs)
    most = bounds[1] if bounds is not None else None
    if most is not None and price > 0 and price > most:
        yield _at_price(f"{net_text(price)} is more than the package can ever be worth ({price_text(most)}). Pay less.")


def _wrong_side_text(legs: tuple[OrderLeg, ...], price: Decimal, sign: int) -> str:
    if len(legs) == 1:
        contract: Contract = legs[0].contract
        if legs[0].action is Action.BUY:
            return f"A limit for buying {contract.label} cannot be negative: you pay for it. Type what you pay at most."
        return f"Selling {contract.label} for {net_text(price)} would pay to sell. Type the credit you want at least."
    if sign > 0:
        return f"{net_text(price)} is a credit, but these legs can only gain at expiry and cost a debit. Turn the sign."
    return f"{net_text(price)} is a debit, but these legs can only cost at expiry and pay a credit. Turn the sign."


def _off_tick(price: Decimal, tick: TickRule) -> Iterator[Problem]:
    if tick.is_on_tick(price):
        return
    below, above = tick.snap(price, rounding=ROUND_FLOOR), tick.snap(price, rounding=ROUND_CEILING)
    step = price_text(tick.tick_at(price))
    nearest = " or ".join(net_text(each) for each in (below, above) if each != 0)
    yield _at_price(f"{net_text(price)} is off the tick of {step}. The nearest prices are {nearest}.")


def _at_price(text: str) -> Problem:
    return Problem("limit_price", text)
