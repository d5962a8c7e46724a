"""The library's objects to our facts, our contracts and orders to the library's: by attribute, never by position."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

from execution.brokers.ibkr.edge import date_of, decimal_of, quantity_of, tws_time, whole_of
from execution.brokers.ibkr.facts import (
    CommissionFact,
    CompletedOrderFact,
    ExecutionFact,
    IbComboLeg,
    IbContract,
    IbContractDetails,
    IbMargins,
    OpenOrderFact,
)
from execution.brokers.ibkr.library import IbLibrary
from execution.brokers.ibkr.wire_port import IbOrder

#: TWS writes ``?`` and ``0`` for "neither" in echoes.
_RIGHTS: Final = {"C": "C", "CALL": "C", "P": "P", "PUT": "P"}


def contract_fact(contract: Any) -> IbContract:
    """Returns a contract of the library as a fact; a strike of 0 means it has none."""
    return IbContract(
        con_id=whole_of(contract.conId),
        symbol=contract.symbol,
        sec_type=contract.secType,
        last_trade=contract.lastTradeDateOrContractMonth,
        strike=decimal_of(contract.strike) or None,
        right=_RIGHTS.get(contract.right, ""),
        multiplier=contract.multiplier,
        exchange=contract.exchange,
        primary_exchange=contract.primaryExchange,
        currency=contract.currency,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
        combo_legs=tuple(
            IbComboLeg(whole_of(leg.conId), whole_of(leg.ratio), leg.action, leg.exchange)
            for leg in contract.comboLegs or ()
        ),
    )


def library_contract(library: IbLibrary, contract: IbContract) -> Any:
    """Returns a contract as the library sends it."""
    return library.module.Contract(
        conId=contract.con_id,
        symbol=contract.symbol,
        secType=contract.sec_type,
        lastTradeDateOrContractMonth=contract.last_trade,
        strike=0.0 if contract.strike is None else float(contract.strike),
        right=contract.right,
        multiplier=contract.multiplier,
        exchange=contract.exchange,
        primaryExchange=contract.primary_exchange,
        currency=contract.currency,
        localSymbol=contract.local_symbol,
        tradingClass=contract.trading_class,
        comboLegs=[
            library.module.ComboLeg(conId=leg.con_id, ratio=leg.ratio, action=leg.action, exchange=leg.exchange)
            for leg in contract.combo_legs
        ],
    )


def library_order(library: IbLibrary, order: IbOrder, *, order_id: int, is_what_if: bool) -> Any:
    """Returns an order as the library sends it: account, time in force and session always named, never a preset's."""
    made = library.module.Order(
        orderId=order_id,
        action=order.action,
        totalQuantity=_number(order.quantity),
        orderType=order.order_type,
        tif=order.tif,
        account=order.account,
        orderRef=order.order_ref,
        outsideRth=False,
        transmit=True,
        whatIf=is_what_if,
    )
    if order.limit_price is not None:
        made.lmtPrice = float(order.limit_price)
    return made


def details_fact(details: Any) -> IbContractDetails:
    """Returns contract details as a fact."""
    return IbContractDetails(
        contract=contract_fact(details.contract),
        min_tick=decimal_of(details.minTick),
        valid_exchanges=_split(details.validExchanges),
        market_rule_ids=tuple(int(rule) for rule in _split(details.marketRuleIds)),
        real_expiration=date_of(details.realExpirationDate),
        last_trade_time=details.lastTradeTime,
        time_zone=details.timeZoneId,
        under_con_id=whole_of(details.underConId),
        under_symbol=details.underSymbol,
        under_sec_type=details.underSecType,
        long_name=details.longName,
        stock_type=details.stockType,
        contract_month=details.contractMonth,
        price_magnifier=whole_of(details.priceMagnifier) or 1,
    )


def margins_fact(state: Any) -> IbMargins:
    """Returns an order state's margins and commissions; unset ones are None."""
    return IbMargins(
        initial_before=decimal_of(state.initMarginBefore),
        maintenance_before=decimal_of(state.maintMarginBefore),
        equity_before=decimal_of(state.equityWithLoanBefore),
        initial_change=decimal_of(state.initMarginChange),
        maintenance_change=decimal_of(state.maintMarginChange),
        equity_change=decimal_of(state.equityWithLoanChange),
        initial_after=decimal_of(state.initMarginAfter),
        maintenance_after=decimal_of(state.maintMarginAfter),
        equity_after=decimal_of(state.equityWithLoanAfter),
        commission=decimal_of(state.commission),
        min_commission=decimal_of(state.minCommission),
        max_commission=decimal_of(state.maxCommission),
        commission_currency=state.commissionCurrency,
        warning_text=state.warningText,
    )


def open_order_fact(contract: Any, order: Any, state: Any) -> OpenOrderFact:
    """Returns an open order as a fact."""
    return OpenOrderFact(
        order_id=whole_of(order.orderId),
        client_id=whole_of(order.clientId),
        perm_id=whole_of(order.permId),
        account=order.account,
        order_ref=order.orderRef,
        contract=contract_fact(contract),
        action=order.action,
        quantity=quantity_of(order.totalQuantity),
        order_type=order.orderType,
        limit_price=_limit_price(order),
        tif=order.tif,
        status=state.status,
        is_what_if=bool(order.whatIf),
        margins=margins_fact(state),
    )


def completed_order_fact(contract: Any, order: Any, state: Any, own_zone: tzinfo) -> CompletedOrderFact:
    """Returns an order that is done as a fact; a time that cannot be read is unknown."""
    try:
        at_utc = tws_time(state.completedTime, own_zone)
    except ValueError:
        at_utc = None
    return CompletedOrderFact(
        perm_id=whole_of(order.permId),
        account=order.account,
        order_ref=order.orderRef,
        contract=contract_fact(contract),
        action=order.action,
        quantity=quantity_of(order.totalQuantity),
        filled_quantity=decimal_of(order.filledQuantity),
        order_type=order.orderType,
        limit_price=_limit_price(order),
        tif=order.tif,
        status=state.status,
        completed_status=state.completedStatus,
        completed_at_utc=at_utc,
    )


def execution_fact(contract: Any, execution: Any, *, is_live: bool) -> ExecutionFact:
    """Returns an execution as a fact."""
    at: datetime = execution.time
    return ExecutionFact(
        exec_id=execution.execId,
        order_id=whole_of(execution.orderId),
        client_id=whole_of(execution.clientId),
        perm_id=whole_of(execution.permId),
        account=execution.acctNumber,
        order_ref=execution.orderRef,
        contract=contract_fact(contract),
        side=execution.side,
        quantity=quantity_of(execution.shares),
        price=quantity_of(execution.price),
        at_utc=at.astimezone(UTC),
        cumulative_quantity=quantity_of(execution.cumQty),
        is_live=is_live,
    )


def commission_fact(report: Any) -> CommissionFact:
    """Returns a commission report as a fact."""
    return CommissionFact(
        exec_id=report.execId,
        commission=decimal_of(report.commission),
        currency=report.currency,
        realized_pnl=decimal_of(report.realizedPNL),
    )


def _limit_price(order: Any) -> Decimal | None:
    """A market order's limit price is echoed as 0."""
    return decimal_of(order.lmtPrice) if "LMT" in order.orderType else None


def _number(quantity: Decimal) -> int | float:
    return int(quantity) if quantity == quantity.to_integral_value() else float(quantity)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
