"""What a client asks, by name: `parse` turns a message's fields into one of the frozen values of `request_types`.

All of them are at hand here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from tests.simulators.tws.contracts import FieldReader
from tests.simulators.tws.framing import ProtocolError
from tests.simulators.tws.place_order import PlaceOrder, read_place_order
from tests.simulators.tws.request_types import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelHistoricalData,
    CancelMktData,
    CancelOrder,
    CancelPnl,
    CancelPnlSingle,
    CancelPositions,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqCurrentTime,
    ReqExecutions,
    ReqGlobalCancel,
    ReqHistoricalData,
    ReqIds,
    ReqManagedAccounts,
    ReqMarketDataType,
    ReqMarketRule,
    ReqMktData,
    ReqOpenOrders,
    ReqPnl,
    ReqPnlSingle,
    ReqPositions,
    ReqSecDefOptParams,
    Request,
    StartApi,
    UnknownRequest,
)

__all__ = [
    "CancelAccountSummary",
    "CancelAccountUpdatesMulti",
    "CancelHistoricalData",
    "CancelMktData",
    "CancelOrder",
    "CancelPnl",
    "CancelPnlSingle",
    "CancelPositions",
    "PlaceOrder",
    "ReqAccountSummary",
    "ReqAccountUpdates",
    "ReqAccountUpdatesMulti",
    "ReqAllOpenOrders",
    "ReqAutoOpenOrders",
    "ReqCompletedOrders",
    "ReqContractDetails",
    "ReqCurrentTime",
    "ReqExecutions",
    "ReqGlobalCancel",
    "ReqHistoricalData",
    "ReqIds",
    "ReqManagedAccounts",
    "ReqMarketDataType",
    "ReqMarketRule",
    "ReqMktData",
    "ReqOpenOrders",
    "ReqPnl",
    "ReqPnlSingle",
    "ReqPositions",
    "ReqSecDefOptParams",
    "Request",
    "StartApi",
    "UnknownRequest",
    "parse",
]

_MANUAL_CANCEL_TIME_SINCE = 169
_ISSUER_ID_SINCE = 176
_Read = Callable[[FieldReader, int], Request]


def parse(fields: Sequence[str], server_version: int) -> Request:
    """The request a client's message is, at the version agreed with it.

    Raises ProtocolError for a message without a numeric id, with a missing field or with one that is not of its kind.
    """
    reader = FieldReader(fields)
    message_id = reader.integer("message id", default=-1)
    read = _READERS.get(message_id)
    if read is None:
        if message_id < 0:
            raise ProtocolError(f"a message begins with its id: {tuple(fields)!r}")
        return UnknownRequest(message_id, reader.rest())
    request = read(reader, server_version)
    surplus = reader.rest()
    return replace(request, surplus=surplus) if surplus else request


def _versioned(read: _Read) -> _Read:
    """Those messages whose second field is a version of their own, the same for years."""

    def after_version(reader: FieldReader, server_version: int) -> Request:
        reader.integer("message version")
        return read(reader, server_version)

    return after_version


def _market_data(reader: FieldReader, _version: int) -> ReqMktData:
    req_id, contract = reader.integer("reqId"), reader.contract()
    if contract.is_bag:
        contract = replace(contract, combo_legs=reader.short_legs())
    return ReqMktData(
        req_id=req_id,
        contract=replace(contract, delta_neutral=reader.delta_neutral()),
        generic_ticks=reader.text("genericTicks"),
        snapshot=reader.flag("snapshot"),
        regulatory_snapshot=reader.flag("regulatorySnapshot"),
        options=reader.text("mktDataOptions"),
    )


def _cancel_order(reader: FieldReader, version: int) -> CancelOrder:
    order_id = reader.integer("orderId")
    return CancelOrder(order_id, reader.text("manualCancelOrderTime") if version >= _MANUAL_CANCEL_TIME_SINCE else "")


def _executions(reader: FieldReader, _version: int) -> ReqExecutions:
    return ReqExecutions(
        req_id=reader.integer("reqId"),
        client_id=reader.integer("clientId"),
        account=reader.text("acctCode"),
        time=reader.text("time"),
        symbol=reader.text("symbol"),
        sec_type=reader.text("secType"),
        exchange=reader.text("exchange"),
        side=reader.text("side"),
    )


def _contract_details(reader: FieldReader, version: int) -> ReqContractDetails:
    return ReqContractDetails(
        req_id=reader.integer("reqId"),
        contract=reader.contract(),
        include_expired=reader.flag("includeExpired"),
        sec_id_type=reader.text("secIdType"),
        sec_id=reader.text("secId"),
        issuer_id=reader.text("issuerId") if version >= _ISSUER_ID_SINCE else "",
    )


def _historical_data(reader: FieldReader, _version: int) -> ReqHistoricalData:
    request = ReqHistoricalData(
        req_id=reader.integer("reqId"),
        contract=reader.contract(),
        include_expired=reader.flag("includeExpired"),
        end=reader.text("endDateTime"),
        bar_size=reader.text("barSizeSetting"),
        duration=reader.text("durationStr"),
        use_rth=reader.flag("useRTH"),
        what_to_show=reader.text("whatToShow"),
        format_date=reader.integer("formatDate"),
    )
    legs = reader.short_legs() if request.contract.is_bag else ()
    return replace(
        request,
        contract=replace(request.contract, combo_legs=legs),
        keep_up_to_date=reader.flag("keepUpToDate"),
        options=reader.text("chartOptions"),
    )


def _account_updates_multi(reader: FieldReader, _version: int) -> ReqAccountUpdatesMulti:
    return ReqAccountUpdatesMulti(
        reader.integer("reqId"), reader.text("account"), reader.text("modelCode"), reader.flag("ledgerAndNLV")
    )


def _option_params(reader: FieldReader, _version: int) -> ReqSecDefOptParams:
    return ReqSecDefOptParams(
        req_id=reader.integer("reqId"),
        symbol=reader.text("underlyingSymbol"),
        fut_fop_exchange=reader.text("futFopExchange"),
        under_sec_type=reader.text("underlyingSecType"),
        under_con_id=reader.integer("underlyingConId"),
    )


def _pnl_single(reader: FieldReader, _version: int) -> ReqPnlSingle:
    return ReqPnlSingle(
        reader.integer("reqId"), reader.text("account"), reader.text("modelCode"), reader.integer("conId")
    )


_READERS: Mapping[int, _Read] = MappingProxyType(
    {
        1: _versioned(_market_data),
        2: _versioned(lambda reader, _: CancelMktData(reader.integer("reqId"))),
        3: read_place_order,
        4: _versioned(_cancel_order),
        5: _versioned(lambda _reader, _: ReqOpenOrders()),
        6: _versioned(lambda reader, _: ReqAccountUpdates(reader.flag("subscribe"), reader.text("acctCode"))),
        7: _versioned(_executions),
        8: _versioned(lambda reader, _: ReqIds(reader.integer("numIds", default=1))),
        9: _versioned(_contract_details),
        15: _versioned(lambda reader, _: ReqAutoOpenOrders(reader.flag("autoBind"))),
        16: _versioned(lambda _reader, _: ReqAllOpenOrders()),
        17: _versioned(lambda _reader, _: ReqManagedAccounts()),
        20: _historical_data,
        25: _versioned(lambda reader, _: CancelHistoricalData(reader.integer("reqId"))),
        49: _versioned(lambda _reader, _: ReqCurrentTime()),
        58: _versioned(lambda _reader, _: ReqGlobalCancel()),
        59: _versioned(lambda reader, _: ReqMarketDataType(reader.integer("marketDataType"))),
        61: _versioned(lambda _reader, _: ReqPositions()),
        62: _versioned(
            lambda reader, _: ReqAccountSummary(reader.integer("reqId"), reader.text("group"), reader.text("tags"))
        ),
        63: _versioned(lambda reader, _: CancelAccountSummary(reader.integer("reqId"))),
        64: _versioned(lambda _reader, _: CancelPositions()),
        71: _versioned(lambda reader, _: StartApi(reader.integer("clientId"), reader.text("optCapab"))),
        76: _versioned(_account_updates_multi),
        77: _versioned(lambda reader, _: CancelAccountUpdatesMulti(reader.integer("reqId"))),
        78: _option_params,
        91: lambda reader, _: ReqMarketRule(reader.integer("marketRuleId")),
        92: lambda reader, _: ReqPnl(reader.integer("reqId"), reader.text("account"), reader.text("modelCode")),
        93: lambda reader, _: CancelPnl(reader.integer("reqId")),
        94: _pnl_single,
        95: lambda reader, _: CancelPnlSingle(reader.integer("reqId")),
        99: lambda reader, _: ReqCompletedOrders(reader.flag("apiOnly")),
    }
)
