"""Trade rows of a Flex statement: executions, cancels and corrections, under the ids the live connection gives.

Activity statements (`Trade`) and trade confirmations (`TradeConfirm`) name the same things differently; both are read.
A combo stands there by its legs only, as it is booked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from execution.brokers.ibkr.executions import split_exec_id
from execution.brokers.ibkr.flex_contracts import CONTRACT_FIELDS, contract_of
from execution.brokers.ibkr.flex_values import BadValue, SlashOrder, day_of, instant_of, joined, number
from execution.brokers.ibkr.flex_xml import FlexRow
from models.clock import new_york_time
from models.contract import Contract
from models.enums import Action, BrokerName, Delivery
from models.ids import AccountId, BrokerOrderId, ContractKey, ExecutionId, OrderId, is_uuid4
from models.statement import StatementSection, TradeLine
from models.trade import Execution, ExecutionKind

TRADE_FIELDS: Final = (
    *CONTRACT_FIELDS,
    *("accountId", "currency", "levelOfDetail", "transactionType", "notes", "code", "buySell"),
    *("tradeID", "transactionID", "origTradeID", "ibExecID", "execID"),
    *("ibOrderID", "orderID", "brokerageOrderID", "orderReference"),
    *("dateTime", "tradeDate", "tradeTime", "quantity", "tradePrice", "price", "proceeds"),
    *("ibCommission", "commission", "ibCommissionCurrency", "commissionCurrency", "taxes", "tax"),
)
#: Settlements and their cash are found by account, contract and New York day.
CloseKey = tuple[AccountId, ContractKey, date]

_CODES = re.compile(r"[;,\s]+")
_MOST_REVISIONS: Final = 9999
#: Rows of these types happened on an exchange and always have an execution id at the broker.
_EXCHANGE_TYPES = frozenset({"", "ExchTrade", "TradeCorrect"})


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A row with what may still be missing: the cash that a settled index option paid."""

    line: TradeLine
    needs_cash: bool


def trade_id_key(trade_id: str) -> ExecutionId:
    """Returns the execution id of what has none because no exchange executed it: settlements, bookings."""
    return ExecutionId(f"trade-{trade_id}")


def trade_row(row: FlexRow, account_id: AccountId, order: SlashOrder) -> TradeRow:
    """Returns what a row books or cancels; raises BadValue, in the user's words, when it cannot be taken."""
    if is_cancel(row):
        return TradeRow(_cancel_line(row, account_id), needs_cash=False)
    currency = row.get("currency")
    if currency not in ("", "USD"):
        raise BadValue(f"it is in {currency}; the desk books dollars")
    contract = contract_of(row, order)
    kind = _kind(row, contract)
    execution_id, revision = _execution_id(row, kind)
    quantity = _required(row, "Quantity", "quantity")
    price = _required(row, "Price", "tradePrice", "price")
    if quantity == 0:
        raise BadValue("its quantity is 0")
    needs_cash = False
    if kind in (ExecutionKind.ASSIGNMENT, ExecutionKind.EXERCISE) and contract.delivery is Delivery.CASH:
        kind = ExecutionKind.CASH_SETTLEMENT
        proceeds = number(row.get("proceeds")) or Decimal(0)
        price = price or abs(proceeds) / (abs(quantity) * contract.multiplier)
        needs_cash = price == 0
    reference = row.get("orderReference")
    execution = Execution(
        broker=BrokerName.IBKR,
        account_id=account_id,
        execution_id=execution_id,
        broker_order_id=_order_key(row),
        order_id=OrderId(reference) if is_uuid4(reference) else None,
        contract=contract,
        action=_action(row, quantity),
        quantity=abs(quantity),
        price=price,
        executed_at_utc=_at(row, order),
        kind=kind,
        revision=revision,
    )
    return TradeRow(_line(row, execution, _fee(row), kind), needs_cash=needs_cash)


def is_cancel(row: FlexRow) -> bool:
    """Returns whether a row takes an earlier trade back."""
    return row.get("transactionType") == "TradeCancel" or "(ca.)" in row.get("buySell").lower()


def is_repeat(row: FlexRow) -> bool:
    """Returns whether a row only sums up others: orders, lots, symbols."""
    return row.get("levelOfDetail").upper() not in ("", "EXECUTION", "DETAIL")


def close_key(execution: Execution) -> CloseKey:
    """Returns where the cash of a settlement is found."""
    day = new_york_time(execution.executed_at_utc).date()
    return execution.account_id, execution.contract.key, day


def _cancel_line(row: FlexRow, account_id: AccountId) -> TradeLine:
    original = row.get("origTradeID", "tradeID")
    if not original:
        raise BadValue("it cancels a trade but does not say which; add Orig Trade ID to the Flex Query")
    number_text = row.get("transactionID")
    return TradeLine(
        section=StatementSection.TRADES,
        account_id=account_id,
        line_id=f"booked:{number_text}" if number_text else f"cancel:{original}",
        line_no=_line_no(number_text),
        trade_id="",
        cancels=original,
        execution=None,
        fee=_fee(row),
        is_preliminary=row.tag == "TradeConfirm",
        place=row.place,
    )


def _line(row: FlexRow, execution: Execution, fee: Decimal | None, kind: ExecutionKind) -> TradeLine:
    booked = row.get("transactionID")
    is_preliminary = row.tag == "TradeConfirm"
    own = f"{execution.execution_id}.{execution.revision}"
    line_id = f"booked:{booked}" if booked and not is_preliminary else f"{row.tag}:{own}"
    is_correction = row.get("transactionType") == "TradeCorrect" and not row.get("ibExecID", "execID")
    return TradeLine(
        section=StatementSection.TRADES if kind is ExecutionKind.TRADE else StatementSection.SETTLEMENTS,
        account_id=execution.account_id,
        line_id=line_id,
        line_no=0 if is_preliminary else _line_no(booked),
        trade_id=row.get("tradeID"),
        cancels=row.get("origTradeID") if is_correction else "",
        execution=execution,
        fee=fee,
        is_preliminary=is_preliminary,
        place=row.place,
    )


def _kind(row: FlexRow, contract: Contract) -> ExecutionKind:
    codes = frozenset(_CODES.split(row.get("notes", "code")))
    if row.get("transactionType") in _EXCHANGE_TYPES and row.get("ibExecID", "execID"):
        return ExecutionKind.TRADE
    if "Ep" in codes:
        price = number(row.get("tradePrice", "price"))
        return ExecutionKind.CASH_SETTLEMENT if price and not contract.is_option else ExecutionKind.EXPIRED_WORTHLESS
    if "A" in codes:
        return ExecutionKind.ASSIGNMENT
    if codes & {"Ex", "AEx", "MEx", "GEA"}:
        return ExecutionKind.EXERCISE
    return ExecutionKind.TRADE


def _execution_id(row: FlexRow, kind: ExecutionKind) -> tuple[ExecutionId, int]:
    text = row.get("ibExecID", "execID")
    if text:
        execution_id, revision = split_exec_id(text)
        if revision > _MOST_REVISIONS:
            raise BadValue(f"its execution id {text[:40]!r} is not one of Interactive Brokers'")
        return execution_id, revision
    is_settlement = kind is not ExecutionKind.TRADE
    is_correction = row.get("transactionType") == "TradeCorrect" and row.get("origTradeID")
    if not is_settlement and not is_correction and row.get("transactionType") in _EXCHANGE_TYPES:
        raise BadValue(
            "it has no execution id, so it cannot be told from what the desk saw live; add IB Execution ID to the "
            "Flex Query"
        )
    trade_id = row.get("tradeID")
    if not trade_id:
        raise BadValue("it has neither an execution id nor a trade id; add Trade ID to the Flex Query")
    return trade_id_key(trade_id), 1


def _order_key(row: FlexRow) -> BrokerOrderId | None:
    """The statement's order numbers are not TWS's permanent ids: kept apart, so that neither is taken for the other."""
    text = row.get("brokerageOrderID", "ibOrderID", "orderID")
    return BrokerOrderId(f"flex:{text}") if text else None


def _action(row: FlexRow, quantity: Decimal) -> Action:
    side = row.get("buySell").upper()[:1]
    if side in ("B", "S"):
        return Action.BUY if side == "B" else Action.SELL
    return Action.BUY if quantity > 0 else Action.SELL


def _at(row: FlexRow, order: SlashOrder) -> datetime:
    text = row.get("dateTime")
    if text:
        return instant_of(text, order)
    day, clock = row.get("tradeDate"), row.get("tradeTime")
    if not day or not clock:
        raise BadValue("its time is not told; add Date/Time to the Flex Query")
    return joined(day_of(day, order), clock).astimezone(UTC)


def _fee(row: FlexRow) -> Decimal | None:
    """Commission and taxes, positive = paid; None when not told or not in dollars."""
    if row.get("ibCommissionCurrency", "commissionCurrency") not in ("", "USD"):
        return None
    commission = number(row.get("ibCommission", "commission"))
    taxes = number(row.get("taxes", "tax")) or Decimal(0)
    return None if commission is None else -commission - taxes


def _required(row: FlexRow, name: str, *attributes: str) -> Decimal:
    value = number(row.get(*attributes))
    if value is None:
        raise BadValue(f"its {name.lower()} is not told; add {name} to the Flex Query")
    return value


def _line_no(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
