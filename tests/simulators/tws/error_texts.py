"""TWS's words for the codes it sends."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[int, str] = MappingProxyType(
    {
        100: "Max rate of messages per second has been exceeded.",
        101: "Max number of tickers has been reached",
        103: "Duplicate order id",
        104: "Cannot modify a filled order.",
        105: "Order being modified does not match original order",
        110: "The price does not conform to the minimum price variation for this contract.",
        135: "Can't find order with ID =",
        161: "Cancel attempted when order is not in a cancellable state.",
        162: "Historical Market Data Service error message:HMDS query returned no data",
        200: "No security definition has been found for the request",
        300: "Can't find EId with ticker Id:",
        321: "Error validating request.-'bN' : cause - ",
        326: "Unable to connect as the client id is already in use. Retry with a unique client id.",
        354: "Requested market data is not subscribed.",
        399: "Order Message:\nWarning: your order will not be placed at the exchange until the next session",
        404: "Shares for this order are not immediately available for short sale. The order will be held",
        435: "You must specify an account.",
        478: "Parameters in request conflicts with contract parameters received by contract id",
        507: "Bad Message Length",
        1100: "Connectivity between IB and Trader Workstation has been lost.",
        1101: "Connectivity between IB and Trader Workstation has been restored - data lost.",
        1102: "Connectivity between IB and Trader Workstation has been restored - data maintained.",
        1300: "Socket port has been reset and this connection is being dropped.",
        2103: "Market data farm connection is broken:usfarm",
        2104: "Market data farm connection is OK:usfarm",
        2105: "HMDS data farm connection is broken:ushmds",
        2106: "HMDS data farm connection is OK:ushmds",
        2107: "HMDS data farm connection is inactive but should be available upon demand.ushmds",
        2108: "Market data farm connection is inactive but should be available upon demand.usfarm",
        2109: "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order type "
        "and destination. PlaceOrder is now being processed.",
        2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
        2119: "Market data farm is connecting:usfarm",
        2157: "Sec-def data farm connection is broken:secdefil",
        2158: "Sec-def data farm connection is OK:secdefil",
        10089: "Requested market data requires additional subscription for API. Delayed market data is available.",
        10090: "Part of requested market data is not subscribed. Subscription-independent ticks are still active.",
        10091: "Part of requested market data requires additional subscription for API. Delayed data is available.",
        10167: "Requested market data is not subscribed. Displaying delayed market data.",
        10168: "Requested market data is not subscribed. Delayed market data is not enabled.",
        10197: "No market data during competing live session",
        10349: "Order TIF was set to DAY based on order preset.",
    }
)


def text_of_code(code: int) -> str:
    """The code's usual words; a plain sentence for one that has none here."""
    return TEXTS.get(code, f"Message {code}")
