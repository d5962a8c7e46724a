"""Contracts both ways: what TWS calls them and what the desk does. Pure; nothing is asked here.

An option's local symbol at IBKR is its OCC symbol, and that is our key. It outranks the last-trade date: TWS tells that
date in the time zone it was started with, a day late in Asia (ib_insync issue 605), and for AM settlement it is the day
before the expiration. TWS's multiplier and settlement win over the product table; what the desk cannot represent is
refused by name, never guessed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from execution.brokers.ibkr.contract_names import (
    DOLLARS,
    SMART,
    future_exchange,
    ib_date,
    last_trade_day,
    parse_ib_date,
)
from execution.brokers.ibkr.facts import IbContract, IbContractDetails
from models.contract import Contract, contract_of_occ, future_option_contract, plain, underlying_contract
from models.contract_key import future_option_settlement, is_ticker, product_of
from models.enums import Delivery, ExerciseStyle, InstrumentKind, Right, Settlement
from models.errors import InvalidInput
from models.occ import OccSymbol, occ_symbol, parse_occ
from models.product import FUTURES, INDEX_SYMBOLS, TickRule, future_root, option_product

_INDEX_EXCHANGES: Final = {
    "SPX": "CBOE",
    "XSP": "CBOE",
    "VIX": "CBOE",
    "VIX3M": "CBOE",
    "NDX": "NASDAQ",
    "RUT": "RUSSELL",
}
#: The one index with American options (Cboe, OEX specification); every other index option in the US is European.
_AMERICAN_INDEX_ROOTS: Final = frozenset({"OEX", "OEXW"})
_FUND_TYPES: Final = frozenset({"ETF", "ETN", "ETC", "ETMF", "ETP"})
_REFUSED: Final = {
    "BAG": "a combination",
    "BILL": "a treasury bill",
    "BOND": "a bond",
    "CASH": "a currency pair",
    "CFD": "a contract for difference",
    "CMDTY": "a commodity",
    "CONTFUT": "a continuous future",
    "CRYPTO": "a crypto currency",
    "FUND": "a mutual fund",
    "IOPT": "a structured product",
    "NEWS": "a news feed",
    "WAR": "a warrant",
}
#: An AM option trades last on the business day before; a long weekend is the most that lies between.
_LONGEST_GAP: Final = timedelta(days=5)


def refuse_unknown_kind(ib: IbContract) -> None:
    """Raises InvalidInput naming a contract of a kind or currency the desk cannot represent."""
    kind = _REFUSED.get(ib.sec_type)
    if kind is not None:
        raise _refused(ib, f"is {kind}, which the desk does not represent.")
    if ib.currency not in ("", DOLLARS):
        raise _refused(ib, f"is in {ib.currency}; the desk represents US dollars only.")


# --- IBKR -> ours -----------------------------------------------------------------------------------------------------


def contract_of(details: IbContractDetails, future: Contract | None) -> Contract:
    """Returns the desk's contract; `future` is the underlying of an option on a future, None for everything else.

    Ticks are the product table's until a market rule replaces them. Raises InvalidInput naming what the desk cannot
    represent.
    """
    ib = details.contract
    refuse_unknown_kind(ib)
    if details.price_magnifier not in (0, 1):
        raise _refused(ib, f"is quoted in 1/{details.price_magnifier} dollars, which the desk does not represent.")
    match ib.sec_type:
        case "STK":
            return _stock(details)
        case "IND":
            return _index(details)
        case "OPT":
            return _option(details)
        case "FUT":
            return _future(details)
        case "FOP":
            return _future_option(details, future)
    raise _refused(ib, f"is of the kind {ib.sec_type or '(none told)'}, which the desk does not represent.")


def _stock(details: IbContractDetails) -> Contract:
    ib = details.contract
    symbol = _ticker(ib, ib.symbol)
    if symbol in INDEX_SYMBOLS:
        raise _refused(ib, f"is a share with the name of the index {symbol}: the desk cannot tell the two apart.")
    kind = InstrumentKind.ETF if details.stock_type.upper() in _FUND_TYPES else InstrumentKind.STOCK
    return replace(underlying_contract(symbol), kind=kind, conid=ib.con_id)


def _index(details: IbContractDetails) -> Contract:
    symbol = _ticker(details.contract, details.contract.symbol)
    return replace(underlying_contract(symbol), kind=InstrumentKind.INDEX, conid=details.contract.con_id)


def _option(details: IbContractDetails) -> Contract:
    ib = details.contract
    occ = _occ_of(details)
    table = contract_of_occ(occ, conid=ib.con_id, multiplier=_multiplier(ib))
    underlying = _ticker(ib, details.under_symbol or ib.symbol)
    product = option_product(occ.root)
    is_known_index = product.underlying_kind is InstrumentKind.INDEX
    if details.under_sec_type not in ("", "STK", "IND"):
        raise _refused(ib, f"is an option on a {details.under_sec_type}, which the desk does not represent.")
    if details.under_sec_type == "STK" or (not details.under_sec_type and not is_known_index):
        if is_known_index:
            raise _refused(ib, f"is an option on a share under the index root {occ.root}.")
        return replace(table, underlying=underlying)
    known = replace(table, underlying=underlying, settlement=_index_settlement(details, occ, product.settlement))
    if is_known_index:
        return known
    tick = table.tick if details.min_tick is None else _flat(details.min_tick)
    return replace(
        known,
        style=ExerciseStyle.AMERICAN if occ.root in _AMERICAN_INDEX_ROOTS else ExerciseStyle.EUROPEAN,
        delivery=Delivery.CASH,
        tick=tick,
        net_tick=tick,
    )


def _index_settlement(details: IbContractDetails, occ: OccSymbol, by_table: Settlement) -> Settlement:
    """AM when trading ends on a day before the expiration; otherwise the product's own.

    Equal dates do not prove PM: a TWS in an Asian time zone tells the last-trade date a day late.
    """
    last_trade = parse_ib_date(details.contract.last_trade)
    return Settlement.AM if last_trade is not None and last_trade < occ.expiry else by_table


def _occ_of(details: IbContractDetails) -> OccSymbol:
    """The OCC symbol of an option; raises InvalidInput where its local symbol and its other facts contradict."""
    ib = details.contract
    right, strike = _right(ib), _strike(ib)
    try:
        if not ib.local_symbol:
            expiry = details.real_expiration or parse_ib_date(ib.last_trade)
            if expiry is None:
                raise _refused(ib, "has no expiration date.")
            return occ_symbol(ib.trading_class or ib.symbol, expiry, right, strike)
        occ = parse_occ(ib.local_symbol)
    except InvalidInput as error:
        raise _refused(ib, f"has no OCC symbol. {error.what}") from error
    facts = ((occ.right, right), (occ.strike, strike), (occ.root, ib.trading_class or occ.root))
    if any(named != told for named, told in facts):
        told = f"{ib.trading_class} {plain(strike)} {right.value}"
        raise _refused(ib, f"is told as {told}: its symbol says otherwise.")
    return occ


def _future(details: IbContractDetails) -> Contract:
    ib = details.contract
    if f"/{product_of(ib.local_symbol)}" not in FUTURES:
        raise _refused(ib, f"({ib.symbol}) is not a futures product the desk knows.")
    expiry = details.real_expiration or parse_ib_date(ib.last_trade)
    contract = underlying_contract(f"/{ib.local_symbol}", expiry=expiry, conid=ib.con_id)
    tick = contract.tick if details.min_tick is None else _flat(details.min_tick)
    return replace(contract, multiplier=_multiplier(ib), tick=tick, net_tick=tick)


def _future_option(details: IbContractDetails, future: Contract | None) -> Contract:
    ib = details.contract
    if future is None or future.kind is not InstrumentKind.FUTURE:
        raise _refused(ib, "is an option on a future the desk does not know.")
    if details.under_con_id != future.conid:
        raise _refused(ib, f"is an option on the contract {details.under_con_id}, not on {future.key}.")
    code = ib.local_symbol.partition(" ")[0]
    root = product_of(code)
    if root is None or root != (ib.trading_class or root):
        raise _refused(ib, f"has a symbol the desk cannot read (trading class {ib.trading_class or 'none'}).")
    expiry = details.real_expiration or parse_ib_date(ib.last_trade)
    if expiry is None:
        raise _refused(ib, "has no expiration date.")
    right, strike = _right(ib), _strike(ib)
    contract = future_option_contract(
        f".{future.key} {code} {expiry:%y%m%d}{right.value}{plain(strike)}",
        future=str(future.key),
        root=root,
        expiry=expiry,
        right=right,
        strike=strike,
        settlement=future_option_settlement(future.root, root),
    )
    return replace(contract, multiplier=_multiplier(ib), conid=ib.con_id)


def _ticker(ib: IbContract, symbol: str) -> str:
    if not is_ticker(symbol):
        raise _refused(ib, f"has a symbol the desk cannot write ({symbol!r}).")
    return symbol


def _multiplier(ib: IbContract) -> Decimal:
    try:
        multiplier = Decimal(ib.multiplier)
    except InvalidOperation:
        multiplier = Decimal(0)
    if not multiplier.is_finite() or multiplier <= 0:
        raise _refused(ib, f"has no multiplier ({ib.multiplier!r}).")
    return Decimal(plain(multiplier))


def _right(ib: IbContract) -> Right:
    try:
        return Right(ib.right[:1])
    except ValueError as error:
        raise _refused(ib, f"is neither call nor put ({ib.right!r}).") from error


def _strike(ib: IbContract) -> Decimal:
    if ib.strike is None or not ib.strike.is_finite() or ib.strike <= 0:
        raise _refused(ib, f"has no strike ({ib.strike}).")
    return Decimal(plain(ib.strike))


def _flat(size: Decimal) -> TickRule:
    return TickRule(size, Decimal(0), size)


def _refused(ib: IbContract, why: str) -> InvalidInput:
    name = ib.local_symbol or ib.symbol or f"contract {ib.con_id}"
    return InvalidInput("contract", f"{name} {why}", cure="See it in TWS; the desk leaves it out of its figures.")


def details_as_told(ib: IbContract) -> IbContractDetails:
    """Returns the details of a contract TWS itself named in full but does not list any more (it expired)."""
    return IbContractDetails(
        contract=ib,
        min_tick=None,
        valid_exchanges=(),
        market_rule_ids=(),
        real_expiration=None,
        last_trade_time="",
        time_zone="",
        under_con_id=0,
        under_symbol="",
        under_sec_type="",
        long_name="",
        stock_type="",
        contract_month="",
    )


# --- ours -> IBKR -----------------------------------------------------------------------------------------------------


def ib_contract(contract: Contract, con_id: int) -> IbContract:
    """Returns what TWS calls a contract; `con_id` 0 makes it a question.

    Raises InvalidInput for what TWS cannot name.
    """
    match contract.kind:
        case InstrumentKind.STOCK | InstrumentKind.ETF:
            return IbContract(con_id, str(contract.key), "STK", exchange=SMART)
        case InstrumentKind.INDEX:
            return IbContract(con_id, str(contract.key), "IND", exchange=_INDEX_EXCHANGES.get(contract.key, ""))
        case InstrumentKind.OPTION:
            return _ib_option(contract, con_id)
        case InstrumentKind.FUTURE:
            return _ib_future(contract, con_id)
        case InstrumentKind.FUTURE_OPTION:
            return _ib_future_option(contract, con_id)
    raise InvalidInput("contract", f"{contract.label} has no name at Interactive Brokers.")


def _ib_option(contract: Contract, con_id: int) -> IbContract:
    expiry, strike, right = _option_facts(contract)
    return IbContract(
        con_id,
        contract.underlying,
        "OPT",
        last_trade=ib_date(last_trade_day(expiry, contract.settlement)),
        strike=strike,
        right=right.value,
        multiplier=plain(contract.multiplier),
        exchange=SMART,
        local_symbol=str(contract.key),
        trading_class=contract.root,
    )


def _ib_future(contract: Contract, con_id: int) -> IbContract:
    symbol = contract.root.removeprefix("/")
    return IbContract(
        con_id,
        symbol,
        "FUT",
        last_trade="" if contract.expiry is None else ib_date(contract.expiry),
        multiplier=plain(contract.multiplier),
        exchange=future_exchange(contract.root),
        local_symbol=contract.key.removeprefix("/"),
        trading_class=symbol,
    )


def _ib_future_option(contract: Contract, con_id: int) -> IbContract:
    expiry, strike, right = _option_facts(contract)
    product = future_root(contract.underlying)
    return IbContract(
        con_id,
        product.removeprefix("/"),
        "FOP",
        last_trade=ib_date(expiry),
        strike=strike,
        right=right.value,
        multiplier=plain(contract.multiplier),
        exchange=future_exchange(product),
        trading_class=contract.root,
    )


def _option_facts(contract: Contract) -> tuple[date, Decimal, Right]:
    if contract.expiry is None or contract.strike is None or contract.right is None:
        raise InvalidInput("contract", f"{contract.label} lacks expiry, strike or right.")
    return contract.expiry, contract.strike, contract.right


def qualified(details: IbContractDetails, contract: Contract) -> IbContract:
    """Returns the contract to send and subscribe with: TWS's own, sent to SMART where it can be.

    A last-trade date that TWS moved into its own time zone is put right, or TWS itself refuses it (code 478).
    """
    ib = details.contract
    exchange = SMART if SMART in details.valid_exchanges or ib.sec_type in ("STK", "OPT") else ib.exchange
    last_trade = ib.last_trade
    told = parse_ib_date(ib.last_trade)
    if contract.expiry is not None and not _is_plausible(told, contract):
        is_listed = contract.kind is InstrumentKind.OPTION
        last_trade = ib_date(last_trade_day(contract.expiry, contract.settlement)) if is_listed else ""
    if not exchange and contract.kind in (InstrumentKind.FUTURE, InstrumentKind.FUTURE_OPTION):
        exchange = future_exchange(future_root(contract.underlying))
    return replace(ib, exchange=exchange, last_trade=last_trade)


def _is_plausible(told: date | None, contract: Contract) -> bool:
    if told is None or contract.expiry is None:
        return False
    if contract.kind is InstrumentKind.OPTION and contract.settlement is Settlement.AM:
        return contract.expiry - _LONGEST_GAP <= told < contract.expiry
    return told == contract.expiry
