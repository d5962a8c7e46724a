"""Contract details as TWS tells them, written by hand: what the codec and the catalog are tested against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from execution.brokers.ibkr.facts import IbContract, IbContractDetails, IbOptionParams

_MONTHS = "FGHJKMNQUVXZ"


def details(
    contract: IbContract,
    *,
    real: date | None = None,
    under: tuple[int, str, str] = (0, "", ""),
    stock_type: str = "",
    min_tick: str | None = "0.01",
    exchanges: tuple[str, ...] = ("SMART", "CBOE"),
    rules: tuple[int, ...] = (),
    price_magnifier: int = 1,
) -> IbContractDetails:
    return IbContractDetails(
        contract=contract,
        min_tick=None if min_tick is None else Decimal(min_tick),
        valid_exchanges=exchanges,
        market_rule_ids=rules,
        real_expiration=real,
        last_trade_time="",
        time_zone="US/Eastern",
        under_con_id=under[0],
        under_symbol=under[1],
        under_sec_type=under[2],
        long_name=contract.symbol,
        stock_type=stock_type,
        contract_month="",
        price_magnifier=price_magnifier,
    )


def stock(
    con_id: int, symbol: str, *, stock_type: str = "COMMON", primary: str = "NASDAQ", rules: tuple[int, ...] = ()
) -> IbContractDetails:
    contract = IbContract(
        con_id, symbol, "STK", exchange="SMART", primary_exchange=primary, local_symbol=symbol, trading_class="NMS"
    )
    return details(contract, stock_type=stock_type, rules=rules)


def index(con_id: int, symbol: str, exchange: str = "CBOE") -> IbContractDetails:
    contract = IbContract(con_id, symbol, "IND", exchange=exchange, local_symbol=symbol, trading_class=symbol)
    return details(contract, exchanges=(exchange,))


def option(
    con_id: int,
    root: str,
    expiry: date,
    right: str,
    strike: str,
    *,
    under: tuple[int, str, str],
    last_trade: date | None = None,
    multiplier: str = "100",
    min_tick: str | None = "0.05",
    rules: tuple[int, ...] = (),
) -> IbContractDetails:
    """An option of a US exchange: the local symbol is its OCC symbol, which carries the expiration."""
    mills = int(Decimal(strike) * 1000)
    contract = IbContract(
        con_id,
        under[1],
        "OPT",
        last_trade=f"{last_trade or expiry:%Y%m%d}",
        strike=Decimal(strike),
        right=right,
        multiplier=multiplier,
        exchange="SMART",
        local_symbol=f"{root.ljust(6)}{expiry:%y%m%d}{right}{mills:08d}",
        trading_class=root,
    )
    return details(contract, real=expiry, under=under, min_tick=min_tick, rules=rules)


def future(
    con_id: int,
    symbol: str,
    year: int,
    month: int,
    last_trade: date,
    *,
    multiplier: str = "50",
    exchange: str = "CME",
    min_tick: str = "0.25",
) -> IbContractDetails:
    contract = IbContract(
        con_id,
        symbol,
        "FUT",
        last_trade=f"{last_trade:%Y%m%d}",
        multiplier=multiplier,
        exchange=exchange,
        local_symbol=f"{symbol}{_MONTHS[month - 1]}{year % 10}",
        trading_class=symbol,
    )
    return details(contract, real=last_trade, under=(1, symbol, "IND"), min_tick=min_tick, exchanges=(exchange,))


def future_option(
    con_id: int, on: IbContractDetails, trading_class: str, code: str, expiry: date, right: str, strike: str
) -> IbContractDetails:
    """An option on the future `on`; `code` is the first word of its local symbol (`E1AZ6`)."""
    contract = IbContract(
        con_id,
        on.contract.symbol,
        "FOP",
        last_trade=f"{expiry:%Y%m%d}",
        strike=Decimal(strike),
        right=right,
        multiplier=on.contract.multiplier,
        exchange=on.contract.exchange,
        local_symbol=f"{code} {right}{strike}",
        trading_class=trading_class,
    )
    under = (on.contract.con_id, on.contract.local_symbol, "FUT")
    return details(contract, real=expiry, under=under, min_tick="0.05", exchanges=(on.contract.exchange,))


def params(
    trading_class: str, dates: Sequence[str], *, under_con_id: int, exchange: str = "SMART", strikes: Sequence[str] = ()
) -> IbOptionParams:
    return IbOptionParams(
        exchange, under_con_id, trading_class, "100", tuple(dates), tuple(Decimal(strike) for strike in strikes)
    )


def third_friday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)
