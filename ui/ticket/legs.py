"""Edits of the ticket's legs as pure functions: legs in, new legs out; InvalidInput says why one is not possible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from execution.brokers.port import ChainExpiry
from execution.chain_views import ChainStatic
from models.contract import Contract
from models.enums import Action, Right
from models.errors import InvalidInput
from models.order import MAX_LEGS, OrderLeg

Legs = tuple[OrderLeg, ...]
#: Listed strikes the ticket has seen, by option root and expiry.
Ladders = Mapping[tuple[str, date], ChainStatic]


def packages(legs: Legs) -> int:
    """Returns how many times the smallest package is in the legs; 0 without legs."""
    return math.gcd(*(leg.quantity for leg in legs)) if legs else 0


def stage(legs: Legs, leg: OrderLeg) -> Legs:
    """Returns the legs with one more staged: the same contract adds up, the opposite side takes away.

    Raises InvalidInput for a fifth leg and for another underlying.
    """
    for index, have in enumerate(legs):
        if have.contract != leg.contract:
            continue
        signed = have.signed_quantity + leg.signed_quantity
        if signed == 0:
            return remove(legs, index)
        action = Action.BUY if signed > 0 else Action.SELL
        merged = replace(have, action=action, quantity=abs(signed), greeks=leg.greeks or have.greeks)
        return (*legs[:index], merged, *legs[index + 1 :])
    if legs and legs[0].contract.underlying != leg.contract.underlying:
        raise InvalidInput(
            "legs",
            f"The ticket holds {legs[0].contract.underlying} legs, {leg.contract.label} is on "
            f"{leg.contract.underlying}.",
            cure="Clear the ticket first.",
        )
    if len(legs) >= MAX_LEGS:
        raise InvalidInput("legs", f"An order has at most {MAX_LEGS} legs.", cure="Remove one first.")
    return (*legs, leg)


def remove(legs: Legs, index: int) -> Legs:
    """Returns the legs without one."""
    return legs[:index] + legs[index + 1 :]


def flip_leg(legs: Legs, index: int) -> Legs:
    """Returns the legs with one bought instead of sold, or the other way round."""
    return _with(legs, index, replace(legs[index], action=legs[index].action.opposite))


def flip(legs: Legs) -> Legs:
    """Returns the legs with every side turned: the trade that closes what these open."""
    return tuple(replace(leg, action=leg.action.opposite) for leg in legs)


def with_quantity(legs: Legs, index: int, quantity: int) -> Legs:
    """Returns the legs with another quantity of one."""
    return _with(legs, index, replace(legs[index], quantity=quantity))


def with_packages(legs: Legs, count: int) -> Legs:
    """Returns the legs with `count` packages in the same ratio."""
    have = packages(legs)
    return tuple(replace(leg, quantity=leg.quantity // have * count) for leg in legs) if have else legs


def shift_leg(legs: Legs, index: int, steps: int, ladders: Ladders) -> Legs:
    """Returns the legs with one moved by listed strikes; raises InvalidInput at the end of the list."""
    leg = legs[index]
    moved = _neighbour(leg.contract, steps, ladders)
    if any(other.contract == moved for i, other in enumerate(legs) if i != index):
        raise InvalidInput("legs", f"{moved.label} is already in the ticket.", cure="Move the other leg first.")
    return _with(legs, index, replace(leg, contract=moved, greeks=None))


def shift(legs: Legs, steps: int, ladders: Ladders) -> Legs:
    """Returns the whole structure moved by listed strikes; shares stay. InvalidInput when a leg has nowhere to go."""
    if not any(leg.contract.is_option for leg in legs):
        raise InvalidInput("legs", "There is no option in the ticket to move.")
    return tuple(
        replace(leg, contract=_neighbour(leg.contract, steps, ladders), greeks=None) if leg.contract.is_option else leg
        for leg in legs
    )


def next_expiry(legs: Legs, steps: int, expiries: tuple[ChainExpiry, ...]) -> ChainExpiry:
    """Returns the expiration `steps` further on of the same root; InvalidInput when there is none or legs differ."""
    roots = {(leg.contract.root, leg.contract.expiry) for leg in legs if leg.contract.is_option}
    if len(roots) != 1:
        raise InvalidInput("legs", "Rolling needs options that all share one expiration.")
    ((root, expiry),) = roots
    same = sorted((item for item in expiries if item.root == root), key=lambda item: item.expiry)
    dates = [item.expiry for item in same]
    at = dates.index(expiry) + steps if expiry in dates else -1
    if not 0 <= at < len(same):
        word = "later" if steps > 0 else "earlier"
        raise InvalidInput("legs", f"There is no {word} {root} expiration listed.")
    return same[at]


def rolled(legs: Legs, target: ChainStatic) -> Legs:
    """Returns the legs in another expiration, each at the nearest listed strike; InvalidInput when two would meet."""
    moved = tuple(
        replace(leg, contract=_nearest(leg.contract, target), greeks=None) if leg.contract.is_option else leg
        for leg in legs
    )
    if len({leg.contract.key for leg in moved}) != len(moved):
        raise InvalidInput(
            "legs",
            f"Strikes of {target.expiry.root} {target.expiry.expiry:%d %b %y} are too far apart for these legs.",
            cure="Roll to another expiration or widen the structure.",
        )
    return moved


def _with(legs: Legs, index: int, leg: OrderLeg) -> Legs:
    return (*legs[:index], leg, *legs[index + 1 :])


def _side(static: ChainStatic, right: Right | None) -> list[Contract]:
    side = static.calls if right is Right.CALL else static.puts
    return [contract for contract in side if contract is not None]


def _neighbour(contract: Contract, steps: int, ladders: Ladders) -> Contract:
    static = None if contract.expiry is None else ladders.get((contract.root, contract.expiry))
    listed = [] if static is None else _side(static, contract.right)
    if contract not in listed:
        raise InvalidInput(
            "legs",
            f"The listed strikes around {contract.label} are not known here.",
            cure="Open its expiration in the option chain first.",
        )
    at = listed.index(contract) + steps
    if not 0 <= at < len(listed):
        raise InvalidInput("legs", f"{contract.label} is the last listed strike that way.")
    return listed[at]


def _nearest(contract: Contract, target: ChainStatic) -> Contract:
    listed = _side(target, contract.right)
    strike = contract.strike
    if not listed or strike is None:
        raise InvalidInput("legs", f"{target.expiry.root} {target.expiry.expiry} lists no such options.")
    return min(listed, key=lambda other: abs((other.strike or Decimal(0)) - strike))
