"""TWS's messages about orders: openOrder, orderStatus, execDetails, commissionReport and completedOrder.

The two long ones are built as pairs of name and value (`open_order_named`, `completed_order_named`), so that a layout
can be read and tested by name; the fields to send are the values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from zoneinfo import ZoneInfo

from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.framing import UNSET_DOUBLE, UNSET_INT, UNSET_LONG, Field, Fields
from tests.simulators.tws.order_echo import BAG_CON_ID, Named, OrderEcho, bag_echo, legs_description
from tests.simulators.tws.place_order import WireOrder

__all__ = [
    "BAG_CON_ID",
    "ExecTimeForm",
    "ExecView",
    "Named",
    "OrderStateView",
    "OrderView",
    "bag_echo",
    "commission_report",
    "completed_order",
    "completed_order_named",
    "completed_orders_end",
    "exec_details",
    "exec_details_end",
    "exec_time_text",
    "legs_description",
    "open_order",
    "open_order_end",
    "open_order_named",
    "order_status",
]
_FA_PROFILE_UNTIL = 177
_PEG_SINCE = 170
_PENDING_PRICE_SINCE = 178
#: Fields at openOrder's end that came with a server version.
_SINCE = ((158, "duration"), (160, "postToAts"), (162, "autoCancelParent"))
_PEG_FIELDS = ("minTradeQty", "minCompeteSize", "competeAgainstBestOffset", "midOffsetAtWhole", "midOffsetAtHalf")
_COMPLETED_DELTA_NEUTRAL = (
    "deltaNeutralConId",
    "deltaNeutralShortSale",
    "deltaNeutralShortSaleSlot",
    "deltaNeutralDesignatedLocation",
)
_SHAREHOLDER = "Not an insider or substantial shareholder"


class ExecTimeForm(Enum):
    """The three ways TWS writes the time of an execution, by its settings."""

    #: "20260105 10:00:00 US/Eastern"
    ZONED = "zoned"
    #: "20260105  10:00:00": two spaces, in TWS's own zone, which is not named
    LOCAL = "local"
    #: "20260105-15:00:00", in UTC
    UTC = "utc"


@dataclass(frozen=True, slots=True)
class OrderStateView:
    """What TWS thinks of an order: its status and, for a what-if, margins and commission. None is written as `unset`.

    Statuses: ApiPending, PendingSubmit, PreSubmitted, Submitted, PendingCancel, Cancelled, ApiCancelled, Filled and
    Inactive.
    """

    status: str
    init_margin_before: Decimal | None = None
    maint_margin_before: Decimal | None = None
    equity_with_loan_before: Decimal | None = None
    init_margin_change: Decimal | None = None
    maint_margin_change: Decimal | None = None
    equity_with_loan_change: Decimal | None = None
    init_margin_after: Decimal | None = None
    maint_margin_after: Decimal | None = None
    equity_with_loan_after: Decimal | None = None
    commission: Decimal | None = None
    min_commission: Decimal | None = None
    max_commission: Decimal | None = None
    commission_currency: str = ""
    warning_text: str = ""
    #: How the nine margins are written when there are none: Java's double, or empty as some first what-if answers are.
    unset: str = UNSET_DOUBLE
    #: The same for the three commissions: empty on a working order, Java's double in most what-ifs.
    unset_commission: str = ""


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as TWS holds it. Order id 0 (or negative) and client id 0 for orders given in TWS itself."""

    order_id: int
    client_id: int
    perm_id: int
    contract: WireContract
    order: WireOrder
    state: OrderStateView
    #: The rest is told only once the order is done.
    filled_quantity: Decimal = Decimal(0)
    #: "20260105 16:00:01 America/New_York"
    completed_time: str = ""
    #: "Cancelled by Trader", "Filled Size: 2"
    completed_status: str = ""


@dataclass(frozen=True, slots=True)
class ExecView:
    """One execution. Side is BOT or SLD; `time` is TWS's text (see `exec_time_text`)."""

    order_id: int
    client_id: int
    perm_id: int
    contract: WireContract
    exec_id: str
    time: str
    account: str
    exchange: str
    side: str
    shares: Decimal
    price: Decimal
    cum_qty: Decimal
    avg_price: Decimal
    order_ref: str = ""
    #: 1 when TWS itself liquidated the position.
    liquidation: int = 0
    ev_rule: str = ""
    ev_multiplier: str = ""
    model_code: str = ""
    #: 0 none, 1 added, 2 removed liquidity, 3 routed out.
    last_liquidity: int = 2
    pending_price_revision: bool = False


def open_order(view: OrderView, version: int) -> Fields:
    """5: an order that works, one that has just changed, or the answer to a what-if."""
    return (5, *(value for _name, value in open_order_named(view, version)))


def open_order_named(view: OrderView, version: int) -> tuple[Named, ...]:
    """openOrder's fields after the message id, each with TWS's name."""
    echo = OrderEcho(view.contract, view.order)
    return (
        ("orderId", view.order_id),
        *echo.listed(),
        *echo.fields("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account"),
        *echo.fields("openClose", "origin", "orderRef"),
        *(("clientId", view.client_id), ("permId", view.perm_id)),
        *echo.fields("outsideRth", "hidden", "discretionaryAmt", "goodAfterTime"),
        ("sharesAllocation", f"{view.perm_id}.0/{view.order.account}/{view.order.total_quantity:f}"),
        *_advisor(echo, version),
        *echo.fields("goodTillDate", "rule80A", "percentOffset", "settlingFirm", "shortSaleSlot"),
        *echo.fields("designatedLocation", "exemptCode", "auctionStrategy", "startingPrice", "stockRefPrice", "delta"),
        *echo.fields("stockRangeLower", "stockRangeUpper", "displaySize", "blockOrder", "sweepToFill", "allOrNone"),
        *echo.fields("minQty", "ocaType", "eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "parentId", "triggerMethod"),
        *echo.fields("volatility", "volatilityType"),
        *echo.delta_neutral_order(),
        *echo.fields("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent"),
        *echo.fields("basisPoints", "basisPointsType"),
        *echo.combo(),
        *echo.scale(),
        *echo.hedge(),
        *echo.fields("optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld"),
        *echo.delta_neutral_contract(),
        *echo.algo(),
        *echo.fields("solicited", "whatIf"),
        *_order_state(view.state),
        *echo.fields("randomizeSize", "randomizePrice"),
        *echo.benchmark(),
        *echo.conditions(),
        *echo.fields("adjustedOrderType", "triggerPrice"),
        ("trailStopPrice", view.order.text("trailStopPrice") or UNSET_DOUBLE),
        *echo.fields("lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount"),
        *echo.fields("adjustableTrailingUnit", "softDollarTier.name", "softDollarTier.val"),
        ("softDollarTier.displayName", ""),
        *echo.fields("cashQty", "dontUseAutoPriceForHedge", "isOmsContainer", "discretionaryUpToLimitPrice"),
        *echo.fields("usePriceMgmtAlgo"),
        *echo.fields(*(name for since, name in _SINCE if version >= since)),
        *(echo.fields(*_PEG_FIELDS) if version >= _PEG_SINCE else ()),
    )


def open_order_end() -> Fields:
    """53: all open orders are told."""
    return (53, 1)


def order_status(
    order_id: int,
    status: str,
    *,
    filled: Decimal,
    remaining: Decimal,
    average_fill_price: Decimal,
    perm_id: int,
    client_id: int,
    last_fill_price: Decimal = Decimal(0),
    parent_id: int = 0,
    why_held: str = "",
    market_cap_price: Decimal = Decimal(0),
) -> Fields:
    """3: an order's status and progress. `why_held` is "locate" while shares to short are looked for."""
    return (
        *(3, order_id, status, filled, remaining, average_fill_price, perm_id, parent_id),
        *(last_fill_price, client_id, why_held, market_cap_price),
    )


def exec_details(req_id: int, view: ExecView, version: int) -> Fields:
    """11: one execution; `req_id` -1 as it happens, the request's id when it was asked for."""
    contract = bag_echo(view.contract) if view.contract.is_bag else view.contract
    fields: Fields = (
        *(11, req_id, view.order_id, *contract.eleven(right="" if contract.right == "?" else contract.right)),
        *(view.exec_id, view.time, view.account, view.exchange, view.side, view.shares, view.price),
        *(view.perm_id, view.client_id, view.liquidation, view.cum_qty, view.avg_price, view.order_ref),
        *(view.ev_rule, view.ev_multiplier, view.model_code, view.last_liquidity),
    )
    return (*fields, view.pending_price_revision) if version >= _PENDING_PRICE_SINCE else fields


def exec_details_end(req_id: int) -> Fields:
    """55: all executions asked for are told; their commissions follow."""
    return (55, 1, req_id)


def exec_time_text(at_utc: datetime, form: ExecTimeForm, zone: str = "US/Eastern") -> str:
    """A time as TWS writes it, in whole seconds. `zone` is TWS's own. Raises ValueError for a time without a zone."""
    if at_utc.tzinfo is None:
        raise ValueError(f"the time of an execution needs a zone: {at_utc}")
    if form is ExecTimeForm.UTC:
        return at_utc.astimezone(UTC).strftime("%Y%m%d-%H:%M:%S")
    there = at_utc.astimezone(ZoneInfo(zone))
    return there.strftime("%Y%m%d  %H:%M:%S") if form is ExecTimeForm.LOCAL else f"{there:%Y%m%d %H:%M:%S} {zone}"


def commission_report(
    exec_id: str,
    commission: Decimal,
    currency: str = "USD",
    *,
    realized_pnl: Decimal | None = None,
    bond_yield: Decimal | None = None,
    yield_redemption_date: str = "",
) -> Fields:
    """59: the commission of one execution; profit only where it closed something."""
    figures = (realized_pnl, bond_yield)
    texts = (UNSET_DOUBLE if figure is None else figure for figure in figures)
    return (59, 1, exec_id, commission, currency, *texts, yield_redemption_date)


def completed_order(view: OrderView, version: int) -> Fields:
    """101: an order that is done. It has neither order id nor client id, and its quantity is what was left of it."""
    return (101, *(value for _name, value in completed_order_named(view, version)))


def completed_order_named(view: OrderView, version: int) -> tuple[Named, ...]:
    """completedOrder's fields after the message id, each with TWS's name."""
    echo = OrderEcho(view.contract, view.order)
    return (
        *echo.listed(),
        *echo.fields("action"),
        ("totalQuantity", view.order.total_quantity - view.filled_quantity),
        *echo.fields("orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account", "openClose", "origin"),
        *echo.fields("orderRef"),
        ("permId", view.perm_id),
        *echo.fields("outsideRth", "hidden", "discretionaryAmt", "goodAfterTime"),
        *_advisor(echo, version),
        *echo.fields("goodTillDate", "rule80A", "percentOffset", "settlingFirm", "shortSaleSlot"),
        *echo.fields("designatedLocation", "exemptCode", "startingPrice", "stockRefPrice", "delta"),
        *echo.fields("stockRangeLower", "stockRangeUpper", "displaySize", "sweepToFill", "allOrNone", "minQty"),
        *echo.fields("ocaType", "triggerMethod", "volatility", "volatilityType"),
        *echo.delta_neutral_order(
            (
                "deltaNeutralConId",
                "deltaNeutralShortSale",
                "deltaNeutralShortSaleSlot",
                "deltaNeutralDesignatedLocation",
            )
        ),
        *echo.fields("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent"),
        *echo.combo(),
        *echo.scale(),
        *echo.hedge(),
        *echo.fields("clearingAccount", "clearingIntent", "notHeld"),
        *echo.delta_neutral_contract(),
        *echo.algo(),
        *echo.fields("solicited"),
        ("status", view.state.status),
        *echo.fields("randomizeSize", "randomizePrice"),
        *echo.benchmark(),
        *echo.conditions(),
        ("trailStopPrice", _completed_trail_stop(view.order)),
        *echo.fields("lmtPriceOffset", "cashQty", "dontUseAutoPriceForHedge", "isOmsContainer"),
        *_completion(view),
        *((name, _plain(view.order.text(name))) for name in _PEG_FIELDS if version >= _PEG_SINCE),
    )


def completed_orders_end() -> Fields:
    """102: all completed orders are told."""
    return (102,)


def _advisor(echo: OrderEcho, version: int) -> Iterator[Named]:
    yield from echo.fields("faGroup", "faMethod", "faPercentage")
    if version < _FA_PROFILE_UNTIL:
        yield from echo.fields("faProfile")
    yield from echo.fields("modelCode")


def _order_state(state: OrderStateView) -> Iterator[Named]:
    def margin(value: Decimal | None) -> Field:
        return state.unset if value is None else value

    def commission(value: Decimal | None) -> Field:
        return state.unset_commission if value is None else value

    yield "status", state.status
    yield "initMarginBefore", margin(state.init_margin_before)
    yield "maintMarginBefore", margin(state.maint_margin_before)
    yield "equityWithLoanBefore", margin(state.equity_with_loan_before)
    yield "initMarginChange", margin(state.init_margin_change)
    yield "maintMarginChange", margin(state.maint_margin_change)
    yield "equityWithLoanChange", margin(state.equity_with_loan_change)
    yield "initMarginAfter", margin(state.init_margin_after)
    yield "maintMarginAfter", margin(state.maint_margin_after)
    yield "equityWithLoanAfter", margin(state.equity_with_loan_after)
    yield "commission", commission(state.commission)
    yield "minCommission", commission(state.min_commission)
    yield "maxCommission", commission(state.max_commission)
    yield "commissionCurrency", state.commission_currency
    yield "warningText", state.warning_text


def _completed_trail_stop(order: WireOrder) -> Field:
    """In every recorded completed limit order this field holds the limit plus one; nothing reads it."""
    if sent := order.text("trailStopPrice"):
        return sent
    return UNSET_DOUBLE if order.limit_price is None else order.limit_price + 1


def _completion(view: OrderView) -> Iterator[Named]:
    yield "autoCancelDate", ""
    yield "filledQuantity", view.filled_quantity
    yield "refFuturesConId", UNSET_INT
    yield "autoCancelParent", view.order.text("autoCancelParent") == "1"
    yield "shareholder", _SHAREHOLDER
    yield "imbalanceOnly", False
    yield "routeMarketableToBbo", False
    yield "parentPermId", UNSET_LONG
    yield "completedTime", view.completed_time
    yield "completedStatus", view.completed_status


def _plain(text: str) -> str:
    return "Infinity" if text == "Infinite" else text
