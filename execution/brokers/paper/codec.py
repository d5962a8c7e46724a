"""Contracts, orders and executions as JSON text for the paper store, and back without loss."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from models.contract import Contract
from models.enums import Action, Delivery, ExerciseStyle, InstrumentKind, Right, Settlement
from models.ids import ContractKey
from models.order import OrderLeg
from models.product import TickRule


def contract_to_json(contract: Contract) -> str:
    """Returns a contract as JSON text; decimals stay text."""
    return json.dumps(
        {
            "key": contract.key,
            "kind": contract.kind.value,
            "underlying": contract.underlying,
            "multiplier": str(contract.multiplier),
            "tick": _tick(contract.tick),
            "net_tick": _tick(contract.net_tick),
            "root": contract.root,
            "right": None if contract.right is None else contract.right.value,
            "strike": None if contract.strike is None else str(contract.strike),
            "expiry": None if contract.expiry is None else contract.expiry.isoformat(),
            "settlement": None if contract.settlement is None else contract.settlement.value,
            "style": None if contract.style is None else contract.style.value,
            "delivery": None if contract.delivery is None else contract.delivery.value,
            "conid": contract.conid,
        }
    )


def contract_from_json(text: str) -> Contract:
    """Returns the contract written by `contract_to_json`."""
    facts: dict[str, Any] = json.loads(text)
    return Contract(
        key=ContractKey(facts["key"]),
        kind=InstrumentKind(facts["kind"]),
        underlying=facts["underlying"],
        multiplier=Decimal(facts["multiplier"]),
        tick=_rule(facts["tick"]),
        net_tick=_rule(facts["net_tick"]),
        root=facts["root"],
        right=None if facts["right"] is None else Right(facts["right"]),
        strike=None if facts["strike"] is None else Decimal(facts["strike"]),
        expiry=None if facts["expiry"] is None else date.fromisoformat(facts["expiry"]),
        settlement=None if facts["settlement"] is None else Settlement(facts["settlement"]),
        style=None if facts["style"] is None else ExerciseStyle(facts["style"]),
        delivery=None if facts["delivery"] is None else Delivery(facts["delivery"]),
        conid=int(facts["conid"]),
    )


def legs_to_json(legs: tuple[OrderLeg, ...]) -> str:
    """Returns order legs as JSON text."""
    return json.dumps([[contract_to_json(leg.contract), leg.action.value, leg.quantity] for leg in legs])


def legs_from_json(text: str) -> tuple[OrderLeg, ...]:
    """Returns the legs written by `legs_to_json`."""
    return tuple(
        OrderLeg(contract_from_json(contract), Action(action), int(quantity))
        for contract, action, quantity in json.loads(text)
    )


def _tick(rule: TickRule) -> list[str]:
    return [str(rule.below), str(rule.threshold), str(rule.above)]


def _rule(parts: list[str]) -> TickRule:
    below, threshold, above = parts
    return TickRule(Decimal(below), Decimal(threshold), Decimal(above))
