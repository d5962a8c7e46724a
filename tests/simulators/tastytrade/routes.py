"""Which path is answered by what, and how an answer goes wrong where a script wants that."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from execution.brokers.paper.faults import Call, CallFault, Failure
from models.enums import InstrumentKind
from tests.simulators.tastytrade.habits import PlannedTrouble, Trouble, Troubles
from tests.simulators.tastytrade.market_data import RISK_FREE_RATE
from tests.simulators.tastytrade.orders import margin_reply
from tests.simulators.tastytrade.parts import Parts
from tests.simulators.tastytrade.replies import Data, JsonObject, Refusal, invalid, items, not_found, preflight
from tests.simulators.tastytrade.spoiling import spoiled
from tests.simulators.tastytrade.wire import Answering, HttpRequest, Reply, json_reply

_log = logging.getLogger(__name__)
Handler = Callable[[re.Match[str], HttpRequest], Data]


@dataclass(frozen=True, slots=True)
class Route:
    """One path. `call` names it for the fault script."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    call: Call | None = None


class Router:
    """Answers requests. `quote_url` is where DXLink listens; `after` is called when an answer was made."""

    def __init__(self, parts: Parts, troubles: Troubles, *, quote_url: Callable[[], str]) -> None:
        self._parts, self._troubles = parts, troubles
        self._quote_url = quote_url
        self._routes = [*self._account_routes(), *self._order_routes(), *self._market_routes()]

    # --- answering ---

    def answer(self, request: HttpRequest, answering: Answering) -> None:
        """Answers a request, or lets it go wrong."""
        route, match = self._find(request)
        trouble = self._troubles.take(request.method, request.path)
        if trouble is not None:
            self._troubled(trouble, request, answering, route, match)
            return
        fault = None if route is None or route.call is None else self._parts.tasty.faults.take_call(route.call)
        if fault is None:
            self._finish(answering, self.work(request, route, match))
        else:
            self._faulty(fault, request, answering, route, match)

    def _find(self, request: HttpRequest) -> tuple[Route | None, re.Match[str] | None]:
        for route in self._routes:
            match = route.pattern.fullmatch(request.path)
            if match is not None and route.method == request.method:
                return route, match
        return None, None

    def work(self, request: HttpRequest, route: Route | None, match: re.Match[str] | None) -> Reply:
        """Does what was asked; returns the right answer."""
        parts = self._parts
        try:
            if request.path == "/oauth/token":
                return parts.logins.token(request)
            parts.logins.check(request)
            if route is None or match is None:
                raise not_found(f"{request.method} {request.path}")
            reply = route.handler(match, request).reply(request)
        except Refusal as refusal:
            return refusal.reply(request.path)
        finally:
            parts.tasty.deliver()
        return reply

    def _finish(self, answering: Answering, reply: Reply) -> None:
        answering.send(reply)
        self._afterwards()

    def _afterwards(self) -> None:
        self._parts.orders.tell_afterwards()
        self._parts.hub.flush()

    def _faulty(
        self,
        fault: CallFault,
        request: HttpRequest,
        answering: Answering,
        route: Route | None,
        match: re.Match[str] | None,
    ) -> None:
        tasty = self._parts.tasty
        match fault.failure:
            case Failure.REJECT:
                answering.send(preflight(("scripted_refusal", fault.text)).reply(request.path))
            case Failure.DELAY:
                due_utc = tasty.now() + timedelta(seconds=fault.delay_s)
                tasty.postponed.at(due_utc, lambda: self._finish(answering, self.work(request, route, match)))
            case Failure.DROP:
                _log.debug("lost before it was read: %s %s", request.method, request.path)
            case Failure.DISCONNECT_BEFORE:
                tasty.cut()
            case Failure.DONE_THEN_TIMEOUT:
                self.work(request, route, match)
                self._afterwards()
            case Failure.DISCONNECT_AFTER:
                self.work(request, route, match)
                self._afterwards()
                tasty.cut()

    def _troubled(
        self,
        trouble: PlannedTrouble,
        request: HttpRequest,
        answering: Answering,
        route: Route | None,
        match: re.Match[str] | None,
    ) -> None:
        reply = self.work(request, route, match) if trouble.is_done else json_reply(200, {"data": {}})
        if trouble.trouble is Trouble.SLOW:
            due_utc = self._parts.tasty.now() + timedelta(seconds=trouble.delay_s)
            self._parts.tasty.postponed.at(due_utc, lambda: answering.send(reply))
        elif trouble.trouble is Trouble.RESET:
            answering.reset()
        elif trouble.trouble is Trouble.HANG_UP:
            answering.hang_up()
        elif trouble.trouble is not Trouble.REPLY_LOST:
            answering.send(spoiled(reply, trouble))
        self._afterwards()

    # --- what there is ---

    def _account_routes(self) -> list[Route]:
        parts, accounts, ledger = self._parts, self._parts.accounts, self._parts.ledger
        account = parts.tasty.account
        return [
            _route("GET", "/customers/me", lambda m, r: Data({"id": "me", "email": "user@example.com"})),
            _route("GET", "/customers/me/accounts", lambda m, r: items(accounts.accounts())),
            _route("GET", "/customers/me/accounts/([^/]+)", lambda m, r: Data(accounts.account(account(m[1])))),
            _route(
                "GET", "/accounts/([^/]+)/trading-status", lambda m, r: Data(accounts.trading_status(account(m[1])))
            ),
            _route("GET", "/accounts/([^/]+)/balances(?:/USD)?", lambda m, r: Data(accounts.balance(account(m[1])))),
            _route("GET", "/accounts/([^/]+)/balance-snapshots", self._snapshots),
            _route("GET", "/accounts/([^/]+)/positions", self._positions, Call.SNAPSHOT),
            _route("GET", "/accounts/([^/]+)/transactions", self._transactions),
            _route(
                "GET",
                "/accounts/([^/]+)/transactions/total-fees",
                lambda m, r: Data(ledger.total_fees(account(m[1]), r.first("date") or parts.tasty.today().isoformat())),
            ),
            _route("GET", r"/accounts/([^/]+)/transactions/(\d+)", self._transaction),
            _route("GET", "/accounts/([^/]+)/net-liq/history", self._net_liq),
            _route("GET", "/margin/accounts/([^/]+)/requirements", self._requirements),
        ]

    def _order_routes(self) -> list[Route]:
        orders, account = self._parts.orders, self._parts.tasty.account
        number = r"/accounts/([^/]+)/orders/(\d+)"
        return [
            _route("POST", "/accounts/([^/]+)/orders", lambda m, r: orders.place(account(m[1]), _body(r)), Call.SUBMIT),
            _route(
                "POST",
                "/accounts/([^/]+)/orders/dry-run",
                lambda m, r: orders.dry_run(account(m[1]), _body(r)),
                Call.SIMULATE,
            ),
            _route("POST", "/margin/accounts/([^/]+)/dry-run", self._margin_dry_run, Call.SIMULATE),
            _route("GET", "/accounts/([^/]+)/orders/live", lambda m, r: orders.live(account(m[1])), Call.FIND_ORDERS),
            _route("GET", "/accounts/([^/]+)/orders", lambda m, r: orders.history(account(m[1]), r), Call.FIND_ORDERS),
            _route("GET", number, lambda m, r: Data(orders.find(account(m[1]), int(m[2])).json()), Call.FIND_ORDERS),
            _route("PUT", number, lambda m, r: orders.replace(account(m[1]), int(m[2]), _body(r)), Call.REPLACE),
            _route("PATCH", number, lambda m, r: orders.replace(account(m[1]), int(m[2]), _body(r)), Call.REPLACE),
            _route(
                "POST",
                f"{number}/dry-run",
                lambda m, r: orders.replace_dry_run(account(m[1]), int(m[2]), _body(r)),
                Call.SIMULATE,
            ),
            *self._complex_routes(),
            _route("DELETE", number, lambda m, r: orders.cancel(account(m[1]), int(m[2])), Call.CANCEL),
        ]

    def _complex_routes(self) -> list[Route]:
        desk, account = self._parts.complex_orders, self._parts.tasty.account
        every, one = "/accounts/([^/]+)/complex-orders", r"/accounts/([^/]+)/complex-orders/(\d+)"
        return [
            _route("POST", every, lambda m, r: desk.place(account(m[1]), _body(r)), Call.SUBMIT),
            _route("POST", f"{every}/dry-run", lambda m, r: desk.dry_run(account(m[1]), _body(r)), Call.SIMULATE),
            _route("GET", f"{every}(?:/live)?", lambda m, r: desk.live(account(m[1])), Call.FIND_ORDERS),
            _route("GET", one, lambda m, r: Data(desk.json(desk.find(account(m[1]), int(m[2])))), Call.FIND_ORDERS),
            _route("DELETE", one, lambda m, r: desk.cancel(account(m[1]), int(m[2])), Call.CANCEL),
        ]

    def _market_routes(self) -> list[Route]:
        parts, instruments, market = self._parts, self._parts.instruments, self._parts.market
        return [
            _route("GET", "/api-quote-tokens", lambda m, r: self._quote_token()),
            _route("GET", "/option-chains/(.+)/nested", lambda m, r: items(instruments.nested(m[1])), Call.CHAIN),
            _route("GET", "/option-chains/(.+)", lambda m, r: items(instruments.flat(m[1])), Call.CHAIN),
            _route(
                "GET",
                "/futures-option-chains/(.+)/nested",
                lambda m, r: Data(instruments.futures_nested(m[1])),
                Call.CHAIN,
            ),
            _route(
                "GET", "/futures-option-chains/(.+)", lambda m, r: items(instruments.futures_flat(m[1])), Call.CHAIN
            ),
            _route("GET", "/instruments/equities/(.+)", lambda m, r: Data(instruments.equity(m[1]))),
            _route("GET", "/instruments/equities", self._equities),
            _route(
                "GET",
                "/instruments/equity-options/(.+)",
                lambda m, r: Data(instruments.option(instruments.find(m[1], InstrumentKind.OPTION))),
            ),
            _route(
                "GET",
                "/instruments/futures/(.+)",
                lambda m, r: Data(instruments.future(instruments.find(f"/{m[1].lstrip('/')}", InstrumentKind.FUTURE))),
            ),
            _route("GET", "/instruments/futures", self._futures),
            _route(
                "GET",
                "/instruments/future-options/(.+)",
                lambda m, r: Data(instruments.future_option(instruments.find(m[1], InstrumentKind.FUTURE_OPTION))),
            ),
            _route("GET", "/instruments/cryptocurrencies/(.+)", lambda m, r: Data(instruments.cryptocurrency(m[1]))),
            _route("GET", "/instruments/cryptocurrencies", lambda m, r: items(self._coins())),
            _route("GET", "/instruments/quantity-decimal-precisions", lambda m, r: items(_PRECISIONS)),
            _route(
                "GET",
                "/market-metrics",
                lambda m, r: items(market.metrics((r.first("symbols") or "").split(","))),
            ),
            _route("GET", "/market-data/by-type", lambda m, r: items(market.by_type(r.query))),
            _route(
                "GET",
                "/margin-requirements-public-configuration",
                lambda m, r: Data({"risk-free-rate": RISK_FREE_RATE}),
            ),
            _route("GET", "/market-time/sessions/current", lambda m, r: items(parts.sessions.current(r))),
        ]

    # --- handlers of more than a line ---

    def _quote_token(self) -> Data:
        parts = self._parts
        token = parts.logins.quote_token()
        return Data({"token": token, "dxlink-url": self._quote_url(), "level": "api"})

    def _positions(self, match: re.Match[str], request: HttpRequest) -> Data:
        found = self._parts.accounts.positions(self._parts.tasty.account(match[1]))
        wanted, symbol = request.all("underlying-symbol"), request.first("symbol")
        if request.first("include-marks") != "true":
            found = [{name: one[name] for name in one if not name.startswith("mark")} for one in found]
        return items(
            [
                one
                for one in found
                if (not wanted or one["underlying-symbol"] in wanted) and symbol in (None, one["symbol"])
            ]
        )

    def _transactions(self, match: re.Match[str], request: HttpRequest) -> Data:
        found = self._parts.ledger.transactions(self._parts.tasty.account(match[1]))
        start, end = request.first("start-date"), request.first("end-date")
        kinds, subs = {*request.all("type"), *request.all("types")} - {""}, set(request.all("sub-type"))
        symbol = request.first("symbol")
        found = [
            one
            for one in found
            if (start is None or one["transaction-date"] >= start[:10])
            and (end is None or one["transaction-date"] <= end[:10])
            and (not kinds or one["transaction-type"] in kinds)
            and (not subs or one["transaction-sub-type"] in subs)
            and symbol in (None, one.get("symbol"))
        ]
        if request.first("sort") != "Asc":
            found.reverse()
        return Data(found, is_paged=True)

    def _transaction(self, match: re.Match[str], request: HttpRequest) -> Data:
        found = self._parts.ledger.transactions(self._parts.tasty.account(match[1]))
        one = next((one for one in found if one["id"] == int(match[2])), None)
        if one is None:
            raise not_found(f"transaction {match[2]}")
        return Data(one)

    def _snapshots(self, match: re.Match[str], request: HttpRequest) -> Data:
        balance = self._parts.accounts.balance(self._parts.tasty.account(match[1]))
        return Data([balance | {"time-of-day": request.first("time-of-day") or "EOD"}], is_paged=True)

    def _net_liq(self, match: re.Match[str], request: HttpRequest) -> Data:
        balance = self._parts.accounts.balance(self._parts.tasty.account(match[1]))
        value = balance["net-liquidating-value"]
        sides = ("open", "high", "low", "close")
        row = dict.fromkeys(sides, value) | {f"pending-cash-{name}": "0.0" for name in sides}
        row |= {f"total-{name}": value for name in sides}
        return items([row | {"time": f"{self._parts.tasty.now():%Y-%m-%d %H:%M:%S}+00"}])

    def _requirements(self, match: re.Match[str], request: HttpRequest) -> Data:
        account = self._parts.tasty.account(match[1])
        return Data(self._parts.accounts.requirements(account))

    def _margin_dry_run(self, match: re.Match[str], request: HttpRequest) -> Data:
        account = self._parts.tasty.account(match[1])
        body = _body(request)
        if not isinstance(body, dict) or body.get("account-number") != account or not body.get("underlying-symbol"):
            raise invalid("account-number or underlying-symbol is missing")
        return Data(margin_reply(self._parts.orders.dry_run(account, body).content, account))

    def _equities(self, match: re.Match[str], request: HttpRequest) -> Data:
        return Data(self._parts.instruments.equities(request.all("symbol")), is_paged=True)

    def _futures(self, match: re.Match[str], request: HttpRequest) -> Data:
        found = self._parts.instruments.futures(request.all("product-code"), request.all("symbol"))
        return Data(found, is_paged=True)

    def _coins(self) -> list[JsonObject]:
        coins = self._parts.tasty.habits.crypto
        return [] if coins is None else [self._parts.instruments.cryptocurrency(coins.symbol)]


_PRECISIONS: Final = [
    {"instrument-type": "Cryptocurrency", "symbol": "BTC/USD", "value": 8, "minimum-increment-precision": 8},
    {"instrument-type": "Equity", "value": 5, "minimum-increment-precision": 2},
]


def _route(method: str, pattern: str, handler: Handler, call: Call | None = None) -> Route:
    return Route(method, re.compile(pattern), handler, call)


def _body(request: HttpRequest) -> Any:
    try:
        return request.json()
    except ValueError:
        raise invalid("Request body is not JSON") from None
