"""Contracts of the desk in TWS's words: symbols, security types, dates, exchanges, details, price rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from models.business_days import business_day_on_or_before
from models.contract import Contract, plain
from models.enums import InstrumentKind, Settlement
from models.ids import ContractKey
from models.product import (
    FUTURE_OPTION_TICK,
    NICKEL,
    NICKEL_DIME,
    PENNY,
    PENNY_NICKEL,
    TickRule,
    flat_tick,
    underlying_kind,
)
from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.replies import WireDetails

ConIdOf = Callable[[ContractKey], int]

SEC_TYPES: Final = {
    InstrumentKind.STOCK: "STK",
    InstrumentKind.ETF: "STK",
    InstrumentKind.INDEX: "IND",
    InstrumentKind.OPTION: "OPT",
    InstrumentKind.FUTURE: "FUT",
    InstrumentKind.FUTURE_OPTION: "FOP",
}
_FUTURES_EXCHANGES: Final = {"/CL": "NYMEX", "/GC": "COMEX"}
_LISTED_ON: Final = {"SPY": "ARCA", "IWM": "ARCA", "DIA": "ARCA", "GLD": "ARCA", "HYG": "ARCA"}
_INDEX_OPTION_EXCHANGES: Final = "SMART,CBOE,IBUSOPT"
_OPTION_EXCHANGES: Final = "SMART,AMEX,CBOE,PHLX,ISE,BOX,IBUSOPT"
_STOCK_EXCHANGES: Final = "SMART,NASDAQ,NYSE,ARCA,BATS,IEX"
#: Price rules by TWS's number. A combo exchange with a rule of its own stands among an option's exchanges.
RULES: Final = {
    26: PENNY,
    32: PENNY_NICKEL,
    67: flat_tick("0.25"),
    68: flat_tick("0.10"),
    109: FUTURE_OPTION_TICK,
    110: NICKEL_DIME,
    557: NICKEL,
}
_RULE_OF: Final = {rule: number for number, rule in RULES.items()}
_PENNY_RULE: Final = 26


def futures_exchange(root: str) -> str:
    """Returns where a futures product trades."""
    return _FUTURES_EXCHANGES.get(root, "CME")


def last_trade_date(contract: Contract) -> date | None:
    """Returns the last day on which it trades: of AM-settled options the business day before they settle."""
    if contract.expiry is None or contract.settlement is not Settlement.AM:
        return contract.expiry
    return business_day_on_or_before(contract.expiry - timedelta(days=1))


def date_text(day: date | None) -> str:
    """Returns YYYYMMDD, empty for None."""
    return "" if day is None else f"{day:%Y%m%d}"


def future_symbol(key: str) -> str:
    """Returns a future's local symbol, `ESZ6` for `/ESZ6`."""
    return key.removeprefix("/")


def wire_contract(contract: Contract, con_id: int) -> WireContract:
    """Returns the contract as TWS writes it, on its usual exchange."""
    kind = contract.kind
    sec_type = SEC_TYPES[kind]
    if kind is InstrumentKind.FUTURE:
        return _future(contract, con_id)
    if kind is InstrumentKind.FUTURE_OPTION:
        return _future_option(contract, con_id)
    if kind is InstrumentKind.OPTION:
        return WireContract(
            con_id=con_id,
            symbol=contract.underlying,
            sec_type=sec_type,
            last_trade=date_text(last_trade_date(contract)),
            strike=contract.strike or Decimal(0),
            right="" if contract.right is None else contract.right.value,
            multiplier=plain(contract.multiplier),
            exchange="SMART",
            currency="USD",
            local_symbol=str(contract.key),
            trading_class=contract.root,
        )
    symbol = str(contract.key)
    if kind is InstrumentKind.INDEX:
        return WireContract(con_id, symbol, sec_type, exchange="CBOE", currency="USD", local_symbol=symbol)
    return WireContract(
        con_id,
        symbol,
        sec_type,
        exchange="SMART",
        primary_exchange=_LISTED_ON.get(symbol, "NASDAQ"),
        currency="USD",
        local_symbol=symbol,
        trading_class=symbol if kind is InstrumentKind.ETF else "NMS",
    )


def _future(contract: Contract, con_id: int) -> WireContract:
    return WireContract(
        con_id=con_id,
        symbol=future_symbol(contract.root),
        sec_type="FUT",
        last_trade=date_text(contract.expiry),
        multiplier=plain(contract.multiplier),
        exchange=futures_exchange(contract.root),
        currency="USD",
        local_symbol=future_symbol(contract.key),
        trading_class=future_symbol(contract.root),
    )


def _future_option(contract: Contract, con_id: int) -> WireContract:
    right = "" if contract.right is None else contract.right.value
    strike = contract.strike or Decimal(0)
    product = product_of(contract.underlying)
    series = contract.key.split(" ")[1]
    return WireContract(
        con_id=con_id,
        symbol=future_symbol(product),
        sec_type="FOP",
        last_trade=date_text(last_trade_date(contract)),
        strike=strike,
        right=right,
        multiplier=plain(contract.multiplier),
        exchange=futures_exchange(product),
        currency="USD",
        local_symbol=f"{series} {right}{plain(strike)}",
        trading_class=contract.root,
    )


def product_of(future: str) -> str:
    """Returns the product of a futures symbol: `/ESZ6` -> `/ES` (month letter and year digits dropped)."""
    return future.rstrip("0123456789")[:-1]


def valid_exchanges(contract: Contract) -> tuple[str, ...]:
    """Returns where it trades, SMART first where TWS routes."""
    kind = contract.kind
    if kind is InstrumentKind.FUTURE:
        return (futures_exchange(contract.root),)
    if kind is InstrumentKind.FUTURE_OPTION:
        return (futures_exchange(product_of(contract.underlying)),)
    if kind is InstrumentKind.INDEX:
        return ("CBOE",)
    if kind is InstrumentKind.OPTION:
        is_index = underlying_kind(contract.underlying) is InstrumentKind.INDEX
        return tuple((_INDEX_OPTION_EXCHANGES if is_index else _OPTION_EXCHANGES).split(","))
    return tuple(_STOCK_EXCHANGES.split(","))


def rule_number(rule: TickRule) -> int:
    """Returns TWS's number of a price rule; raises KeyError for one that no product of the desk has."""
    return _RULE_OF[rule]


def increments(number: int) -> tuple[tuple[Decimal, Decimal], ...] | None:
    """Returns low edges and increments of a price rule, None for a number that names none."""
    rule = RULES.get(number)
    if rule is None:
        return None
    if rule.threshold == 0:
        return ((Decimal(0), rule.above),)
    return ((Decimal(0), rule.below), (rule.threshold, rule.above))


def wire_details(contract: Contract, con_ids: ConIdOf) -> WireDetails:
    """Returns all TWS tells about a contract."""
    kind, exchanges = contract.kind, valid_exchanges(contract)
    own_rule = rule_number(contract.tick)
    rules = (_PENNY_RULE if exchange == "IBUSOPT" else own_rule for exchange in exchanges)
    wire = wire_contract(contract, con_ids(contract.key))
    under = contract.underlying if contract.is_option else product_of(contract.key) if wire.sec_type == "FUT" else ""
    is_derived = bool(under) and contract.is_option
    return WireDetails(
        contract=wire,
        min_tick=min(contract.tick.below, contract.tick.above),
        valid_exchanges=",".join(exchanges),
        market_rule_ids=",".join(map(str, rules)),
        last_trade_time="16:00:00" if contract.expiry is not None else "",
        last_trade_zone="US/Eastern" if contract.expiry is not None else "",
        real_expiration=date_text(contract.expiry),
        contract_month="" if contract.expiry is None else f"{contract.expiry:%Y%m}",
        under_con_id=con_ids(ContractKey(contract.underlying)) if is_derived else 0,
        under_symbol=future_symbol(under),
        under_sec_type=_under_sec_type(contract),
        long_name=_long_name(contract),
        market_name=wire.trading_class or wire.symbol,
        stock_type={InstrumentKind.STOCK: "COMMON", InstrumentKind.ETF: "ETF"}.get(kind, ""),
        trading_hours="",
    )


def _under_sec_type(contract: Contract) -> str:
    if contract.kind is InstrumentKind.FUTURE:
        return "IND"
    if contract.kind is InstrumentKind.FUTURE_OPTION:
        return "FUT"
    return SEC_TYPES[underlying_kind(contract.underlying)] if contract.is_option else ""


def _long_name(contract: Contract) -> str:
    if contract.kind is InstrumentKind.INDEX:
        return f"{contract.key} Index"
    return f"{future_symbol(contract.underlying)} (simulated)"
