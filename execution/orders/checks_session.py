"""Gate checks of desk, account and traffic. Each is pure; unknown denies."""

from __future__ import annotations

from datetime import datetime, timedelta

from execution.orders.gate_context import GateContext, is_purely_reducing
from models.enums import Mode, TradingState
from models.gate import Denial, DenialCode
from models.order import Order


def trading_locked(_order: Order, context: GateContext) -> Denial | None:
    """Denies while the desk, or the account's broker among several, starts, reconnects or reconciles."""
    if context.account_lock is not None:
        return Denial(DenialCode.TRADING_LOCKED, context.account_lock)
    if context.trading_unlocked:
        return None
    return Denial(DenialCode.TRADING_LOCKED, "The desk is still comparing with the broker. Wait until it is ready.")


def trading_halted(_order: Order, context: GateContext) -> Denial | None:
    """Denies everything while the kill switch is on, or its state is unknown."""
    if context.trading_state in (TradingState.ACTIVE, TradingState.REDUCING):
        return None
    return Denial(DenialCode.TRADING_HALTED, "Trading is halted. Find the cause, then release the kill switch.")


def reducing_only(order: Order, context: GateContext) -> Denial | None:
    """Denies what opens or enlarges a position while only closing is allowed."""
    if context.trading_state is TradingState.ACTIVE:
        return None
    if context.trading_state is TradingState.REDUCING and is_purely_reducing(context, order):
        return None
    return Denial(DenialCode.REDUCING_ONLY, "Only closing orders are allowed now, and this one opens a position.")


def read_only_desk(_order: Order, context: GateContext) -> Denial | None:
    """Denies when this desk may not write, because nothing could be recorded."""
    if not context.is_read_only:
        return None
    return Denial(
        DenialCode.READ_ONLY_DESK, "This desk is read-only (another one is open on this database). Trade there."
    )


def account_unknown(order: Order, context: GateContext) -> Denial | None:
    """Denies when the order's account is not among the connected ones."""
    if context.account is not None and context.account.account_id == order.account_id:
        return None
    return Denial(DenialCode.ACCOUNT_UNKNOWN, f"Account {order.account_id or '(none)'} is not connected.")


def account_read_only(order: Order, context: GateContext) -> Denial | None:
    """Denies in an account that was opened for looking only."""
    if context.account is not None and context.account.may_trade:
        return None
    return Denial(DenialCode.ACCOUNT_READ_ONLY, f"Account {order.account_id} is open for reading only.")


def mode_mismatch(order: Order, context: GateContext) -> Denial | None:
    """Denies when broker or mode of the account is not that of the session."""
    account = context.account
    if account is not None and account.mode is context.session_mode and account.broker is context.session_broker:
        return None
    return Denial(
        DenialCode.MODE_MISMATCH,
        f"Account {order.account_id} does not belong to this session's broker and mode. Start the session it needs.",
    )


def live_not_armed(order: Order, context: GateContext) -> Denial | None:
    """Denies a live account before its typed arming; paper needs none."""
    account = context.account
    if account is not None and (context.is_armed or account.mode is Mode.PAPER):
        return None
    return Denial(DenialCode.LIVE_NOT_ARMED, f"Account {order.account_id} is not armed. Arm it for this session first.")


def order_rate(_order: Order, context: GateContext) -> Denial | None:
    """Denies above the caps on orders a minute and a day; a count that failed denies."""
    caps, now, today = context.caps, context.now_utc, context.traffic.intents_today
    if caps is None or now is None or today is None:
        return Denial(DenialCode.ORDER_RATE, "How many orders went out cannot be counted, so none is sent.")
    if today >= caps.max_orders_per_day:
        text = f"{today} orders went out today; the cap is {caps.max_orders_per_day} a day."
        return Denial(DenialCode.ORDER_RATE, text)
    lately = sum(1 for sent in context.traffic.sent if _within(sent.at_utc, now, 60.0))
    if lately >= caps.max_orders_per_minute:
        text = f"{lately} orders went out in the last minute; the cap is {caps.max_orders_per_minute}. Wait a moment."
        return Denial(DenialCode.ORDER_RATE, text)
    return None


def open_orders_cap(order: Order, context: GateContext) -> Denial | None:
    """Denies above the cap on working orders in one underlying of the account."""
    caps, working = context.caps, context.traffic.open_in_underlying
    if caps is not None and working is not None and working < caps.max_open_orders_per_underlying:
        return None
    if caps is None or working is None:
        return Denial(DenialCode.OPEN_ORDERS_CAP, "Working orders cannot be counted, so none is added.")
    text = f"{working} orders work in {order.underlying}; the cap is {caps.max_open_orders_per_underlying}. Cancel one."
    return Denial(DenialCode.OPEN_ORDERS_CAP, text)


def duplicate(order: Order, context: GateContext) -> Denial | None:
    """Denies the same account, legs, price and terms again within the window: a slip, until shown otherwise."""
    caps, now = context.caps, context.now_utc
    if caps is None or now is None:
        return Denial(DenialCode.DUPLICATE, "Whether this repeats an order cannot be told, so it is not sent.")
    same = order.fingerprint
    for sent in context.traffic.sent:
        if (
            sent.order_id != order.id
            and sent.fingerprint == same
            and _within(sent.at_utc, now, caps.duplicate_window_s)
        ):
            text = f"The same order went out less than {caps.duplicate_window_s:g} s ago. Wait if you want it twice."
            return Denial(DenialCode.DUPLICATE, text)
    return None


def symbol_locked(order: Order, context: GateContext) -> Denial | None:
    """Denies in an account and underlying where an earlier order's outcome is not known."""
    if context.traffic.open_in_underlying is None:
        return Denial(DenialCode.SYMBOL_LOCKED, "Whether an earlier order is unresolved cannot be told.")
    if not context.traffic.unknown_in_underlying:
        return None
    text = f"An earlier {order.underlying} order may or may not be at the broker. Check it before sending another."
    return Denial(DenialCode.SYMBOL_LOCKED, text)


def _within(at_utc: datetime, now_utc: datetime, seconds: float) -> bool:
    return now_utc - at_utc < timedelta(seconds=seconds)
