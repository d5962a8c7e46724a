"""Forty objects that Tastytrade should never send, each where it would come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from execution.brokers.tastytrade.seam import MAX_MESSAGE_BYTES
from tests.simulators.tastytrade.habits import Trouble
from tests.simulators.tastytrade.server import TastySimulator

Spoil = Callable[[TastySimulator], None]
Edit = Callable[[Any], Any]


class Place(StrEnum):
    """Where an odd object comes from, and so what makes it come."""

    ORDERS = "list of orders"
    LIVE_ORDERS = "list of working orders"
    POSITIONS = "list of positions"
    TRANSACTIONS = "list of transactions"
    BALANCE = "balance"
    METRICS = "market metrics"
    CHAIN = "chain"
    DRY_RUN = "dry run"
    POST = "order post"
    ALERTS = "account stream"
    QUOTES = "quote stream"


#: What is asked at each place of REST: method, path as a shell pattern.
_PATHS: Final = {
    Place.ORDERS: ("GET", "/accounts/*/orders"),
    Place.LIVE_ORDERS: ("GET", "/accounts/*/orders/live"),
    Place.POSITIONS: ("GET", "/accounts/*/positions"),
    Place.TRANSACTIONS: ("GET", "/accounts/*/transactions"),
    Place.BALANCE: ("GET", "/accounts/*/balances/USD"),
    Place.METRICS: ("GET", "/market-metrics"),
    Place.CHAIN: ("GET", "/option-chains/*/nested"),
    Place.DRY_RUN: ("POST", "/accounts/*/orders/dry-run"),
    Place.POST: ("POST", "/accounts/*/orders"),
}


@dataclass(frozen=True, slots=True)
class OddObject:
    """One of them. `costs`: how many objects of its list cannot be had while it is there."""

    place: Place
    name: str
    spoil: Spoil
    costs: int = 0


def odd_objects() -> tuple[OddObject, ...]:
    """Returns all of them."""
    return (*_in_lists(), *_of_the_market(), *_around_orders(), *_on_the_account_stream(), *_on_the_quote_stream())


def _in_lists() -> tuple[OddObject, ...]:
    orders, live, held = Place.ORDERS, Place.LIVE_ORDERS, Place.POSITIONS
    rows, money = Place.TRANSACTIONS, Place.BALANCE
    return (
        OddObject(orders, "no id", _first(orders, _without("id"))),
        OddObject(orders, "null instead of an order", _first(orders, lambda _: None)),
        OddObject(orders, "quantity of a leg NaN", _first(orders, _leg(quantity="NaN"))),
        OddObject(orders, "JSON cut short", _answer(orders, Trouble.BROKEN_JSON)),
        OddObject(live, "status nobody knows", _first(live, lambda one: one | {"status": "Quantum"})),
        OddObject(live, "page of HTML, status 502", _answer(live, Trouble.HTML_502)),
        OddObject(live, "429", _answer(live, Trouble.STATUS_429)),
        OddObject(live, "items that are no list", _edit(live, lambda answer: _data(answer, {"items": "many"}))),
        OddObject(held, "no quantity", _first(held, _without("quantity")), costs=1),
        OddObject(held, "quantity NaN", _first(held, lambda one: one | {"quantity": "NaN"}), costs=1),
        OddObject(
            held, "direction nobody knows", _first(held, lambda one: one | {"quantity-direction": "Sideways"}), costs=1
        ),
        OddObject(held, "JSON cut short", _answer(held, Trouble.BROKEN_JSON)),
        OddObject(rows, "no id", _first(rows, _without("id"))),
        OddObject(rows, "text instead of a transaction", _first(rows, lambda _: "Trade")),
        OddObject(rows, "empty answer", _answer(rows, Trouble.EMPTY_BODY)),
        OddObject(money, "answer without data", _answer(money, Trouble.NO_DATA)),
    )


def _of_the_market() -> tuple[OddObject, ...]:
    metrics, chain = Place.METRICS, Place.CHAIN
    return (
        OddObject(metrics, "no symbol", _first(metrics, _without("symbol")), costs=1),
        OddObject(metrics, "page of HTML, status 502", _answer(metrics, Trouble.HTML_502)),
        OddObject(chain, "settlement nobody knows", _expiration({"settlement-type": "Noon"}), costs=1),
        OddObject(chain, "expiration date NaN", _expiration({"expiration-date": "NaN"}), costs=1),
        OddObject(chain, "JSON cut short", _answer(chain, Trouble.BROKEN_JSON)),
    )


def _around_orders() -> tuple[OddObject, ...]:
    trial, post = Place.DRY_RUN, Place.POST
    return (
        OddObject(trial, "page of HTML, status 502", _answer(trial, Trouble.HTML_502)),
        OddObject(trial, "429", _answer(trial, Trouble.STATUS_429)),
        OddObject(trial, "JSON cut short", _answer(trial, Trouble.BROKEN_JSON)),
        OddObject(trial, "answer without data", _answer(trial, Trouble.NO_DATA)),
        OddObject(post, "page of HTML, status 502", _answer(post, Trouble.HTML_502)),
        OddObject(post, "JSON cut short", _answer(post, Trouble.BROKEN_JSON)),
        OddObject(post, "order without an id", _edit(post, lambda answer: _data(answer, _placed_without_id(answer)))),
    )


def _on_the_account_stream() -> tuple[OddObject, ...]:
    place = Place.ALERTS
    fill = {"fill-id": "1", "quantity": "NaN", "fill-price": "1.0", "filled-at": "2026-11-16T14:40:00.000+00:00"}
    leg = {"symbol": "AAPL", "instrument-type": "Equity", "action": "Buy to Open", "quantity": 1, "fills": [fill]}
    order = {"id": 1, "account-number": "5WX00001", "status": "Live", "legs": [leg]}
    holding = {"account-number": "5WX00001", "symbol": "AAPL", "instrument-type": "Equity", "quantity": 1}
    return (
        OddObject(place, "status and action nobody knows", lambda far: far.send_odd()),
        OddObject(place, "quantity of a fill NaN", lambda far: far.send_alert("Order", order)),
        OddObject(
            place,
            "direction of a position nobody knows",
            lambda far: far.send_alert("CurrentPosition", holding | {"quantity-direction": "Sideways"}),
        ),
        OddObject(place, "not JSON", lambda far: far.send_text('{"type": "Order", "data": {')),
        OddObject(place, "a list instead of a message", lambda far: far.send_text("[1, 2, 3]")),
        OddObject(place, "a batch that is no list", lambda far: far.send_text('{"results": {"type": "Order"}}')),
        OddObject(place, "huge frame", lambda far: far.send_text(_huge('{"type": "Order", "data": "%s"}'))),
    )


def _on_the_quote_stream() -> tuple[OddObject, ...]:
    place = Place.QUOTES
    return (
        OddObject(place, "type nobody knows", _market({"type": "FEED_DREAM", "channel": 1})),
        OddObject(place, "data that is no list", _market({"type": "FEED_DATA", "channel": 1, "data": "NaN"})),
        OddObject(
            place,
            "values that fill no whole event",
            _market({"type": "FEED_DATA", "channel": 1, "data": ["Quote", ["AAPL", 1.0, 2.0]]}),
        ),
        OddObject(place, "not JSON", lambda far: far.send_text("FEED_DATA", "quotes")),
        OddObject(
            place,
            "huge frame",
            lambda far: far.send_text(_huge('{"type": "FEED_DATA", "channel": 1, "data": ["%s"]}'), "quotes"),
        ),
    )


# --- how they are made --------------------------------------------------------------------------------------------


def _answer(place: Place, trouble: Trouble) -> Spoil:
    method, path = _PATHS[place]
    return lambda far: far.trouble(trouble, method=method, path=path)


def _edit(place: Place, edit: Edit) -> Spoil:
    method, path = _PATHS[place]
    return lambda far: far.trouble(Trouble.EDITED, method=method, path=path, edit=edit)


def _first(place: Place, edit: Edit) -> Spoil:
    """Spoils the first item of a list."""

    def changed(answer: Any) -> Any:
        items = answer["data"]["items"]
        items[0] = edit(items[0])
        return answer

    return _edit(place, changed)


def _without(name: str) -> Edit:
    return lambda one: {key: value for key, value in one.items() if key != name}


def _leg(**facts: str) -> Edit:
    return lambda order: order | {"legs": [order["legs"][0] | facts, *order["legs"][1:]]}


def _expiration(facts: dict[str, str]) -> Spoil:
    def changed(root: Any) -> Any:
        root["expirations"][0] |= facts
        return root

    return _first(Place.CHAIN, changed)


def _data(answer: Any, data: object) -> Any:
    return answer | {"data": data}


def _placed_without_id(answer: Any) -> object:
    data = answer["data"]
    return data | {"order": {key: value for key, value in data["order"].items() if key != "id"}}


def _market(message: dict[str, Any]) -> Spoil:
    return lambda far: far.send_market(message)


def _huge(form: str) -> str:
    return form % ("x" * (MAX_MESSAGE_BYTES + 1))
