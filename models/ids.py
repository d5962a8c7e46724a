"""Typed ids, and the one place that makes new ones."""

from __future__ import annotations

import re
import uuid
from typing import NewType

#: Ours, uuid4 text; travels to the broker as IBKR `orderRef` / Tastytrade `external-identifier`.
OrderId = NewType("OrderId", str)
#: The broker's own durable id (IBKR permId, Tastytrade order id).
BrokerOrderId = NewType("BrokerOrderId", str)
#: The broker's account number.
AccountId = NewType("AccountId", str)
#: The broker's execution id without a correction suffix, unique within broker + account.
ExecutionId = NewType("ExecutionId", str)
#: Canonical key of a contract, see `models.contract`.
ContractKey = NewType("ContractKey", str)

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_uuid() -> str:
    """Returns a fresh random uuid4 as text."""
    return str(uuid.uuid4())


def new_order_id() -> OrderId:
    """Returns a fresh order id."""
    return OrderId(new_uuid())


def is_uuid4(text: str) -> bool:
    """Returns whether `text` is a lower-case uuid4, as the journal demands of its ids."""
    return _UUID4.fullmatch(text) is not None
