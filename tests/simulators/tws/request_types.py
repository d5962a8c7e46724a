"""The client's messages as frozen values, one per kind, and `Request`, any of them.

Every request keeps `surplus`: fields nobody asked for. An empty surplus over a whole session is what proves the layout.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.place_order import PlaceOrder


@dataclass(frozen=True, slots=True)
class StartApi:
    """71: who the client is."""

    client_id: int
    optional_capabilities: str = ""
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqMktData:
    """1: quotes of one contract under `req_id`; `generic_ticks` as sent ("100,101,106")."""

    req_id: int
    contract: WireContract
    generic_ticks: str = ""
    snapshot: bool = False
    regulatory_snapshot: bool = False
    options: str = ""
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelMktData:
    """2: no more quotes under `req_id`."""

    req_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """4: cancel one of the client's own orders; the time only for orders given by voice."""

    order_id: int
    manual_cancel_time: str = ""
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqOpenOrders:
    """5: the open orders of this client id (of client 0 also those of TWS itself)."""

    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqAllOpenOrders:
    """16: the open orders of every client and of TWS itself."""

    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqAutoOpenOrders:
    """15: client 0 wants orders given in TWS bound to itself."""

    auto_bind: bool
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqAccountUpdates:
    """6: account values and portfolio of one account, on or off."""

    subscribe: bool
    account: str = ""
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqExecutions:
    """7: executions by filter; empty fields and client id 0 mean all."""

    req_id: int
    client_id: int = 0
    account: str = ""
    #: "YYYYMMDD-HH:MM:SS" or the like; only executions from then on.
    time: str = ""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqIds:
    """8: the next order id."""

    count: int = 1
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqContractDetails:
    """9: every contract that fits what is given."""

    req_id: int
    contract: WireContract
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""
    issuer_id: str = ""
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqManagedAccounts:
    """17: the accounts of this login."""

    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqHistoricalData:
    """20: bars. `duration` like "1 Y", `bar_size` like "1 day"; `end` empty for now; `format_date` 1 text, 2 epoch."""

    req_id: int
    contract: WireContract
    include_expired: bool
    end: str
    bar_size: str
    duration: str
    use_rth: bool
    what_to_show: str
    format_date: int
    keep_up_to_date: bool = False
    options: str = ""
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelHistoricalData:
    """25: no more bars under `req_id`."""

    req_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqCurrentTime:
    """49: TWS's clock."""

    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqGlobalCancel:
    """58: cancel everything, of every client."""

    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqMarketDataType:
    """59: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""

    market_data_type: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqPositions:
    """61: positions of all accounts, now and whenever they change."""

    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelPositions:
    """64: no more positions."""

    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqAccountSummary:
    """62: some values of a group of accounts ("All"); `tags` as sent ("NetLiquidation,BuyingPower")."""

    req_id: int
    group: str
    tags: str
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelAccountSummary:
    """63: no more summaries under `req_id`."""

    req_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqAccountUpdatesMulti:
    """76: account values of one account and model."""

    req_id: int
    account: str
    model_code: str = ""
    ledger_and_nlv: bool = False
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelAccountUpdatesMulti:
    """77: no more of them under `req_id`."""

    req_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqSecDefOptParams:
    """78: dates and strikes of an underlying's options."""

    req_id: int
    symbol: str
    fut_fop_exchange: str
    under_sec_type: str
    under_con_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqMarketRule:
    """91: the price increments of a market rule."""

    rule_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqPnl:
    """92: profit and loss of an account."""

    req_id: int
    account: str
    model_code: str = ""
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelPnl:
    """93: no more of it under `req_id`."""

    req_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqPnlSingle:
    """94: profit and loss of one position."""

    req_id: int
    account: str
    model_code: str
    con_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelPnlSingle:
    """95: no more of it under `req_id`."""

    req_id: int
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReqCompletedOrders:
    """99: orders that are done; `api_only` leaves out those given in TWS."""

    api_only: bool
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnknownRequest:
    """A message this simulator has no name for."""

    message_id: int
    fields: tuple[str, ...]
    surplus: tuple[str, ...] = ()


Request = (
    StartApi
    | ReqMktData
    | CancelMktData
    | PlaceOrder
    | CancelOrder
    | ReqOpenOrders
    | ReqAllOpenOrders
    | ReqAutoOpenOrders
    | ReqAccountUpdates
    | ReqExecutions
    | ReqIds
    | ReqContractDetails
    | ReqManagedAccounts
    | ReqHistoricalData
    | CancelHistoricalData
    | ReqCurrentTime
    | ReqGlobalCancel
    | ReqMarketDataType
    | ReqPositions
    | CancelPositions
    | ReqAccountSummary
    | CancelAccountSummary
    | ReqAccountUpdatesMulti
    | CancelAccountUpdatesMulti
    | ReqSecDefOptParams
    | ReqMarketRule
    | ReqPnl
    | CancelPnl
    | ReqPnlSingle
    | CancelPnlSingle
    | ReqCompletedOrders
    | UnknownRequest
)
