"""What a Flex statement tells beside trades: options that ended, the cash they paid, and money that just moved."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from execution.brokers.ibkr.flex_contracts import CONTRACT_FIELDS, contract_of
from execution.brokers.ibkr.flex_trades import CloseKey, trade_id_key
from execution.brokers.ibkr.flex_values import BadValue, SlashOrder, day_of, instant_of, joined, number
from execution.brokers.ibkr.flex_xml import FlexRow
from models.enums import Action, BrokerName, Delivery
from models.ids import AccountId
from models.statement import CashKind, CashMovement, StatementSection, TradeLine
from models.trade import Execution, ExecutionKind

EVENT_FIELDS: Final = (
    *CONTRACT_FIELDS,
    *("accountId", "currency", "date", "transactionType", "quantity", "tradePrice", "proceeds", "tradeID"),
    *("commisionsAndTax", "commissionsAndTax", "levelOfDetail"),
)
CASH_FIELDS: Final = (
    *("accountId", "currency", "symbol", "underlyingSymbol", "description", "type", "amount", "levelOfDetail"),
    *("dateTime", "reportDate", "settleDate", "transactionID"),
)
#: When Interactive Brokers books what ended on a day (its `Trades` rows say 16:20:00).
_BOOKED_AT: Final = time(16, 20)
_EVENT_KINDS = {
    "expiration": ExecutionKind.EXPIRED_WORTHLESS,
    "assignment": ExecutionKind.ASSIGNMENT,
    "exercise": ExecutionKind.EXERCISE,
}
_CASH_WORDS = (
    ("tax", CashKind.TAX),
    ("871", CashKind.TAX),
    ("interest", CashKind.INTEREST),
    ("dividend", CashKind.DIVIDEND),
    ("deposit", CashKind.TRANSFER),
    ("withdrawal", CashKind.TRANSFER),
    ("fee", CashKind.FEE),
    ("commission adj", CashKind.FEE),
)


def is_cash_settlement(row: FlexRow) -> bool:
    """Returns whether a row only tells the cash of an option that was settled so; it closes nothing itself."""
    return row.get("transactionType").lower().replace(" ", "") == "cashsettlement"


def event_key(row: FlexRow, account_id: AccountId, order: SlashOrder) -> CloseKey:
    """Returns which closing a row speaks of; raises BadValue."""
    return account_id, contract_of(row, order).key, _day(row, order)


def cash_of_settlement(row: FlexRow, account_id: AccountId, order: SlashOrder) -> tuple[CloseKey, Decimal]:
    """Returns which closing the cash belongs to and the amount, positive = received; raises BadValue."""
    proceeds = number(row.get("proceeds"))
    if proceeds is None:
        raise BadValue("its proceeds are not told; add Proceeds to the Flex Query")
    return event_key(row, account_id, order), proceeds


def event_line(
    row: FlexRow, account_id: AccountId, order: SlashOrder, underlying_kinds: dict[tuple[AccountId, str, date], str]
) -> TradeLine:
    """Returns an exercise, assignment or expiration, or the shares it moved; raises BadValue.

    `underlying_kinds` tells by account, symbol and day what befell the options there. Its fee is preliminary: the same
    closing in `Trades` says it too.
    """
    if row.get("currency") not in ("", "USD"):
        raise BadValue(f"it is in {row.get('currency')}; the desk books dollars")
    contract, day = contract_of(row, order), _day(row, order)
    word = row.get("transactionType").lower()
    if word in ("buy", "sell"):
        word = underlying_kinds.get((account_id, row.get("symbol"), day), "exercise")
    kind = _EVENT_KINDS.get(word)
    if kind is None:
        raise BadValue(f"{row.get('transactionType')[:40]!r} is not known")
    if kind is not ExecutionKind.EXPIRED_WORTHLESS and contract.delivery is Delivery.CASH:
        kind = ExecutionKind.CASH_SETTLEMENT
    quantity, trade_id = number(row.get("quantity")), row.get("tradeID")
    if not quantity:
        raise BadValue("its quantity is not told; add Quantity to the Flex Query")
    if not trade_id:
        raise BadValue("it has no trade id; add Trade ID to the Flex Query, or the section Trades")
    fee = number(row.get("commisionsAndTax", "commissionsAndTax"))
    execution = Execution(
        broker=BrokerName.IBKR,
        account_id=account_id,
        execution_id=trade_id_key(trade_id),
        broker_order_id=None,
        order_id=None,
        contract=contract,
        action=Action.BUY if quantity > 0 else Action.SELL,
        quantity=abs(quantity),
        price=number(row.get("tradePrice")) or Decimal(0),
        executed_at_utc=_booked_at(day),
        kind=kind,
    )
    return TradeLine(
        section=StatementSection.SETTLEMENTS,
        account_id=account_id,
        line_id=f"{row.tag}:{execution.execution_id}",
        line_no=0,
        trade_id=trade_id,
        cancels="",
        execution=execution,
        fee=None if fee is None else -fee,
        is_preliminary=True,
        place=row.place,
    )


def event_words(rows: list[tuple[FlexRow, AccountId]], order: SlashOrder) -> dict[tuple[AccountId, str, date], str]:
    """Returns what befell the options of each underlying on each day; rows that cannot be read say nothing."""
    found: dict[tuple[AccountId, str, date], str] = {}
    for row, account_id in rows:
        word = row.get("transactionType").lower()
        if word in ("assignment", "exercise"):
            try:
                found[account_id, row.get("underlyingSymbol"), _day(row, order)] = word
            except BadValue:
                continue
    return found


def cash_movement(row: FlexRow, account_id: AccountId, order: SlashOrder, seen: Counter[str]) -> CashMovement:
    """Returns money that moved; raises BadValue. `seen` numbers rows that are alike and have no id of their own."""
    amount = number(row.get("amount"))
    if amount is None:
        raise BadValue("its amount is not told; add Amount to the Flex Query")
    currency, text = row.get("currency"), row.get("description")
    if not currency:
        raise BadValue("its currency is not told; add Currency to the Flex Query")
    at_utc = _cash_time(row.get("dateTime", "reportDate", "settleDate"), order)
    movement_id = row.get("transactionID")
    if not movement_id:
        facts = "|".join((account_id, at_utc.isoformat(), row.get("type"), currency, str(amount), text))
        seen[facts] += 1
        movement_id = f"row-{hashlib.sha256(f'{facts}|{seen[facts]}'.encode()).hexdigest()[:32]}"
    return CashMovement(
        broker=BrokerName.IBKR,
        account_id=account_id,
        movement_id=movement_id,
        kind=_cash_kind(row.get("type")),
        at_utc=at_utc,
        amount=amount,
        currency=currency,
        text=text or row.get("type"),
        symbol=row.get("symbol"),
    )


def _cash_kind(text: str) -> CashKind:
    lowered = text.lower()
    if "in lieu" in lowered:
        return CashKind.DIVIDEND
    return next((kind for word, kind in _CASH_WORDS if word in lowered), CashKind.OTHER)


def _cash_time(text: str, order: SlashOrder) -> datetime:
    if not text:
        raise BadValue("its day is not told; add Date/Time to the Flex Query")
    try:
        return instant_of(text, order)
    except BadValue:
        return _booked_at(day_of(text, order))


def _day(row: FlexRow, order: SlashOrder) -> date:
    text = row.get("date")
    if not text:
        raise BadValue("its day is not told; add Date to the Flex Query")
    return day_of(text, order)


def _booked_at(day: date) -> datetime:
    return joined(day, _BOOKED_AT.isoformat())
