"""TWS's messages about the session, accounts, contracts and market data, as fields for `framing.encode`.

Numbers may be None where TWS writes its "unset" double. Messages about orders are in `order_replies`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.framing import UNSET_DOUBLE, Field, Fields

Number = Decimal | float | int
_REJECT_JSON_SINCE = 166
_SIZE_INCREMENT_SINCE = 163
_SIZE_RULES_SINCE = 164


@dataclass(frozen=True, slots=True)
class WireDetails:
    """A contract with what TWS knows beyond its name. `market_rule_ids` runs parallel to `valid_exchanges`."""

    contract: WireContract
    min_tick: Decimal
    #: Comma-separated, as on the wire.
    valid_exchanges: str = "SMART"
    market_rule_ids: str = "26"
    #: "08:30" or "16:00:00", and "US/Central"; both empty where the wire has the date alone.
    last_trade_time: str = ""
    last_trade_zone: str = ""
    #: The date of expiration, YYYYMMDD; for AM-settled options the day after the last trade.
    real_expiration: str = ""
    contract_month: str = ""
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    long_name: str = ""
    market_name: str = ""
    order_types: str = "ACTIVETIM,ALERT,AON,DAY,GTC,LMT,MKT,STP,STPLMT,WHATIF"
    stock_type: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    #: The zone of the hours below.
    time_zone: str = "US/Eastern"
    #: "20260105:0930-20260105:1600;20260106:CLOSED".
    trading_hours: str = ""
    liquid_hours: str = ""
    ev_rule: str = ""
    ev_multiplier: str = ""
    sec_ids: tuple[tuple[str, str], ...] = ()
    price_magnifier: int = 1
    agg_group: int = 1
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    suggested_size_increment: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class OptionComputation:
    """The Greeks of one option tick; None is "not computed" (-1 for IV and prices, -2 for Greeks)."""

    implied_volatility: float | None
    delta: float | None
    option_price: float | None
    pv_dividend: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    under_price: float | None
    #: 0 from returns, 1 from prices.
    tick_attribute: int = 0


@dataclass(frozen=True, slots=True)
class WireBar:
    """One bar; `date` as the request's format asks: "20260105", "20260105 10:00:00 US/Eastern" or epoch seconds."""

    date: str
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number = 0
    average: Number = 0
    count: int = 0


def _or_unset(value: Number | None) -> Field:
    return UNSET_DOUBLE if value is None else value


# Session


def next_valid_id(order_id: int) -> Fields:
    """9: the client may use order ids from here on."""
    return (9, 1, order_id)


def managed_accounts(accounts: Sequence[str]) -> Fields:
    """15: the accounts of this login."""
    return (15, 1, ",".join(accounts))


def current_time(at_utc: datetime) -> Fields:
    """49: TWS's clock in whole seconds."""
    return (49, 1, int(at_utc.timestamp()))


def error(req_id: int, code: int, text: str, version: int, *, reject_json: str = "") -> Fields:
    """4: an error, a warning or a notice; `req_id` -1 when it is about no request. JSON only from 166 on."""
    fields: Fields = (4, 2, req_id, code, text)
    return (*fields, reject_json) if version >= _REJECT_JSON_SINCE else fields


# Accounts


def account_value(key: str, value: str, currency: str, account: str) -> Fields:
    """6: one value of an account; all are texts."""
    return (6, 2, key, value, currency, account)


def account_update_time(clock: str) -> Fields:
    """8: "hh:mm", when the account's values were last worked out."""
    return (8, 1, clock)


def account_download_end(account: str) -> Fields:
    """54: the first full set of values and positions is through."""
    return (54, 1, account)


def portfolio_value(
    account: str,
    contract: WireContract,
    *,
    position: Number,
    market_price: Number | None,
    market_value: Number | None,
    average_cost: Number | None,
    unrealized_pnl: Number | None,
    realized_pnl: Number | None,
) -> Fields:
    """7: one position with its value. It names the primary exchange only; position 0 ends it."""
    listed = contract.eleven(exchange=contract.primary_exchange, right=_plain_right(contract))
    figures = (market_price, market_value, average_cost, unrealized_pnl, realized_pnl)
    return (7, 8, *listed, position, *(_or_unset(figure) for figure in figures), account)


def position(account: str, contract: WireContract, quantity: Number, average_cost: Number) -> Fields:
    """61: one position, without an exchange; the average cost includes the multiplier. Quantity 0 ends it."""
    return (61, 3, account, *contract.eleven(exchange="", right=_plain_right(contract)), quantity, average_cost)


def position_end() -> Fields:
    """62: all positions are told."""
    return (62, 1)


def account_summary(req_id: int, account: str, tag: str, value: str, currency: str) -> Fields:
    """63: one value of a summary."""
    return (63, 1, req_id, account, tag, value, currency)


def account_summary_end(req_id: int) -> Fields:
    """64: the first full summary is through."""
    return (64, 1, req_id)


def account_update_multi(req_id: int, account: str, model_code: str, key: str, value: str, currency: str) -> Fields:
    """73: one value of an account and model."""
    return (73, 1, req_id, account, model_code, key, value, currency)


def account_update_multi_end(req_id: int) -> Fields:
    """74: the first full set is through."""
    return (74, 1, req_id)


def pnl(req_id: int, daily: Number | None, unrealized: Number | None, realized: Number | None) -> Fields:
    """94: profit and loss of an account."""
    return (94, req_id, _or_unset(daily), _or_unset(unrealized), _or_unset(realized))


def pnl_single(
    req_id: int,
    quantity: Number,
    *,
    daily: Number | None,
    unrealized: Number | None,
    realized: Number | None,
    value: Number | None,
) -> Fields:
    """95: profit and loss of one position."""
    return (95, req_id, quantity, _or_unset(daily), _or_unset(unrealized), _or_unset(realized), _or_unset(value))


# Contracts


def contract_details(req_id: int, details: WireDetails, version: int) -> Fields:
    """10: one contract that fits the question."""
    contract = details.contract
    old = version < _SIZE_RULES_SINCE
    return (
        *((10, 8) if old else (10,)),
        *(req_id, contract.symbol, contract.sec_type, _last_trade(details), contract.strike, _plain_right(contract)),
        *(contract.exchange, contract.currency, contract.local_symbol, details.market_name, contract.trading_class),
        *(contract.con_id, details.min_tick),
        *((100,) if old else ()),  # a size multiplier that TWS gave up
        *(contract.multiplier, details.order_types, details.valid_exchanges, details.price_magnifier),
        *(details.under_con_id, _escaped(details.long_name), contract.primary_exchange, details.contract_month),
        *(details.industry, details.category, details.subcategory),
        *(details.time_zone, details.trading_hours, details.liquid_hours),
        *(details.ev_rule, details.ev_multiplier),
        *(len(details.sec_ids), *(text for pair in details.sec_ids for text in pair)),
        *(details.agg_group, details.under_symbol, details.under_sec_type, details.market_rule_ids),
        *(details.real_expiration, details.stock_type),
        *_sizes(details, version),
    )


def contract_details_end(req_id: int) -> Fields:
    """52: all contracts are told; none at all follows an error 200."""
    return (52, 1, req_id)


def sec_def_opt_params(
    req_id: int,
    *,
    exchange: str,
    under_con_id: int,
    trading_class: str,
    multiplier: str,
    expirations: Sequence[str],
    strikes: Sequence[Number],
) -> Fields:
    """75: one row per exchange and trading class; the strikes are the union over all its expirations."""
    head = (75, req_id, exchange, under_con_id, trading_class, multiplier)
    return (*head, len(expirations), *expirations, len(strikes), *strikes)


def sec_def_opt_params_end(req_id: int) -> Fields:
    """76: all rows are told."""
    return (76, req_id)


def market_rule(rule_id: int, increments: Sequence[tuple[Number, Number]]) -> Fields:
    """93: from each low edge on prices move by its increment."""
    return (93, rule_id, len(increments), *(number for pair in increments for number in pair))


# Market data


def tick_price(req_id: int, tick_type: int, price: Number, size: Number | None, attributes: int = 0) -> Fields:
    """1: a price and its size. `attributes` bit 0 may execute automatically, 1 past limit, 2 before the open."""
    return (1, 6, req_id, tick_type, price, size, attributes)


def tick_size(req_id: int, tick_type: int, size: Number) -> Fields:
    """2: a size by itself."""
    return (2, 6, req_id, tick_type, size)


def tick_generic(req_id: int, tick_type: int, value: Number) -> Fields:
    """45: a number that is neither price nor size (24 implied volatility, 49 halted)."""
    return (45, 6, req_id, tick_type, value)


def tick_string(req_id: int, tick_type: int, text: str) -> Fields:
    """46: a text (45 and 88 last timestamp)."""
    return (46, 6, req_id, tick_type, text)


def tick_option_computation(req_id: int, tick_type: int, computed: OptionComputation) -> Fields:
    """21: Greeks of bid (10), ask (11), last (12) or model (13), delayed 80 to 83."""
    return (
        *(21, req_id, tick_type, computed.tick_attribute),
        *(_computed(computed.implied_volatility, -1), _computed(computed.delta, -2)),
        *(_computed(computed.option_price, -1), _computed(computed.pv_dividend, -1)),
        *(_computed(computed.gamma, -2), _computed(computed.vega, -2), _computed(computed.theta, -2)),
        _computed(computed.under_price, -1),
    )


def market_data_type(req_id: int, kind: int) -> Fields:
    """58: from now on ticks of this request are 1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""
    return (58, 1, req_id, kind)


def tick_req_params(req_id: int, min_tick: Number, bbo_exchange: str, snapshot_permissions: int) -> Fields:
    """81: what comes before a request's first tick."""
    return (81, req_id, min_tick, bbo_exchange, snapshot_permissions)


def tick_snapshot_end(req_id: int) -> Fields:
    """57: a snapshot is through."""
    return (57, 1, req_id)


def historical_data(req_id: int, start: str, end: str, bars: Sequence[WireBar]) -> Fields:
    """17: all bars of a request in one message."""
    rows: list[Field] = []
    for bar in bars:
        rows += (bar.date, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.count)
    return (17, req_id, start, end, len(bars), *rows)


def _plain_right(contract: WireContract) -> str:
    return "" if contract.right == "?" else contract.right


def _last_trade(details: WireDetails) -> str:
    parts = (details.contract.last_trade, details.last_trade_time, details.last_trade_zone)
    return " ".join(part for part in parts if part)


def _escaped(text: str) -> str:
    """Names go as ASCII with Java's escapes; both libraries undo them."""
    return text.encode("unicode_escape").decode("ascii")


def _sizes(details: WireDetails, version: int) -> Fields:
    if version >= _SIZE_RULES_SINCE:
        return (details.min_size, details.size_increment, details.suggested_size_increment)
    return (details.suggested_size_increment,) if version >= _SIZE_INCREMENT_SINCE else ()


def _computed(value: float | None, otherwise: int) -> Field:
    return otherwise if value is None else value
