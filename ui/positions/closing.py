"""Order legs that close or roll what is held. Pure."""

from __future__ import annotations

from execution.brokers.port import ChainExpiry
from models.contract import Contract, option_contract
from models.enums import Action, InstrumentKind
from models.errors import InvalidInput
from models.ids import AccountId
from models.order import MAX_LEGS, OrderLeg
from ui.positions.tree import Leg


def account_of(legs: tuple[Leg, ...]) -> AccountId:
    """Returns the one account that holds the legs; raises InvalidInput when there are several."""
    accounts = {leg.row.account_id for leg in legs}
    if len(accounts) != 1:
        raise InvalidInput("account", "These legs lie in several accounts.", cure="Close them account by account.")
    return accounts.pop()


def close_legs(legs: tuple[Leg, ...]) -> tuple[OrderLeg, ...]:
    """Returns the opposite of every leg; raises InvalidInput for more than four legs, coins or fractions."""
    account_of(legs)
    if len(legs) > MAX_LEGS:
        raise InvalidInput(
            "legs",
            f"An order has at most {MAX_LEGS} legs, this has {len(legs)}.",
            cure="Close it strategy by strategy.",
        )
    return tuple(_closing(leg) for leg in legs)


def _closing(leg: Leg) -> OrderLeg:
    if leg.row.contract.kind is InstrumentKind.CRYPTO:
        raise InvalidInput(
            "legs",
            f"{leg.row.contract.label} is a crypto currency: it is shown here, not traded.",
            cure="Close it in the broker's own app.",
        )
    if leg.quantity != leg.quantity.to_integral_value():
        raise InvalidInput(
            "quantity",
            f"{leg.row.contract.label}: a fraction of a contract cannot be ordered here.",
            cure="Close it at the broker.",
        )
    action = Action.BUY if leg.quantity < 0 else Action.SELL
    return OrderLeg(leg.row.contract, action, abs(int(leg.quantity)))


def can_roll(legs: tuple[Leg, ...]) -> bool:
    """Returns whether closing and reopening in another expiry fits one order: one or two options of one root."""
    contracts = [leg.row.contract for leg in legs]
    return (
        0 < 2 * len(legs) <= MAX_LEGS
        and all(contract.kind is InstrumentKind.OPTION for contract in contracts)
        and len({(contract.root, contract.expiry) for contract in contracts}) == 1
    )


def roll_legs(legs: tuple[Leg, ...], to: ChainExpiry) -> tuple[OrderLeg, ...]:
    """Returns closing legs followed by the same strikes opened again in another expiry."""
    closing = close_legs(legs)
    opening = tuple(OrderLeg(_moved(leg.contract, to), leg.action.opposite, leg.quantity) for leg in closing)
    return closing + opening


def _moved(contract: Contract, to: ChainExpiry) -> Contract:
    if contract.right is None or contract.strike is None:
        raise InvalidInput("legs", f"{contract.label} is not an option and cannot be rolled.")
    return option_contract(to.root, to.expiry, contract.right, contract.strike)


def later_expiries(legs: tuple[Leg, ...], listed: tuple[ChainExpiry, ...]) -> tuple[ChainExpiry, ...]:
    """Returns the expirations of the same root after the one held, earliest first."""
    contract = legs[0].row.contract
    later = [
        expiry
        for expiry in listed
        if expiry.root == contract.root and contract.expiry is not None and expiry.expiry > contract.expiry
    ]
    return tuple(sorted(later, key=lambda expiry: expiry.expiry))
