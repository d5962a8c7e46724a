"""Drives the brokers' official client (package `ibapi`) through a whole trade, and writes what it saw as JSON.

A program of its own, because that client has threads and a package name of its own:
`python official_probe.py PORT CLIENT_ID`, with the client on PYTHONPATH and a TWS that fills orders by itself.
"""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

_PATIENCE_S = 20.0
_LEGS = (("P", "BUY", -300), ("P", "SELL", -200), ("C", "SELL", 200), ("C", "BUY", 300))


class Seen:
    """What has come in, filled by the client's thread and waited for by the main one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.facts: dict[str, list[Any]] = {}

    def note(self, name: str, fact: Any) -> None:
        """Takes a fact in."""
        with self._changed:
            self.facts.setdefault(name, []).append(fact)
            self._changed.notify_all()

    def of(self, name: str) -> list[Any]:
        """Returns the facts of a name so far."""
        return self.facts.get(name, [])

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Waits until something holds; raises TimeoutError naming it."""
        with self._changed:
            if not self._changed.wait_for(holds, _PATIENCE_S):
                raise TimeoutError(f"{what} did not come; seen: { {k: len(v) for k, v in self.facts.items()} }")


class _ErrorLog(logging.Handler):
    """Keeps what the client logs as an error: a message it could not decode."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(logging.ERROR)
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self._seen.note("logged", record.getMessage())


def make_app(seen: Seen) -> Any:
    """Returns the official client with every callback of interest noted."""
    client_module = importlib.import_module("ibapi.client")
    wrapper_module = importlib.import_module("ibapi.wrapper")

    def noting(name: str) -> Callable[..., None]:
        def note(_self: Any, *values: Any, **_named: Any) -> None:
            seen.note(name, values)

        return note

    names = (
        *("nextValidId", "managedAccounts", "error", "position", "positionEnd", "contractDetails"),
        *("contractDetailsEnd", "tickPrice", "tickOptionComputation", "marketDataType", "openOrder", "orderStatus"),
        *("execDetails", "execDetailsEnd", "commissionReport", "completedOrder", "completedOrdersEnd", "currentTime"),
        *("securityDefinitionOptionParameter", "securityDefinitionOptionParameterEnd", "updateAccountValue"),
        *("updatePortfolio", "accountDownloadEnd", "marketRule", "openOrderEnd"),
    )
    bases = (wrapper_module.EWrapper, client_module.EClient)
    app: Any = object.__new__(type("App", bases, {name: noting(name) for name in names}))
    wrapper_module.EWrapper.__init__(app)
    client_module.EClient.__init__(app, wrapper=app)
    return app


class Probe:
    """One trade from connecting to commissions."""

    def __init__(self, app: Any, seen: Seen) -> None:
        self._app = app
        self._seen = seen
        self._contract = importlib.import_module("ibapi.contract")
        self._order = importlib.import_module("ibapi.order")
        self._ids = 0

    def run(self) -> dict[str, Any]:
        """Returns the summary; raises TimeoutError for what did not come."""
        seen, app = self._seen, self._app
        seen.wait("nextValidId", lambda: bool(seen.of("nextValidId")) and bool(seen.of("managedAccounts")))
        self._ids = int(seen.of("nextValidId")[0][0])
        account = str(seen.of("managedAccounts")[0][0])
        app.reqPositions()
        app.reqAccountUpdates(True, account)
        seen.wait("positions", lambda: bool(seen.of("positionEnd")))
        seen.wait("account values", lambda: bool(seen.of("accountDownloadEnd")))
        index = self._details(symbol="SPX", secType="IND", exchange="CBOE")[0]
        app.reqSecDefOptParams(self._next(), "SPX", "", "IND", index.contract.conId)
        seen.wait("option parameters", lambda: bool(seen.of("securityDefinitionOptionParameterEnd")))
        rule = int(self._chain_details()[0].marketRuleIds.split(",")[0])
        app.reqMarketRule(rule)
        seen.wait("market rule", lambda: bool(seen.of("marketRule")))
        bag = self._condor(self._chain_details(), self._quotes(index.contract))
        margins = self._what_if(bag, account)
        order_id = self._trade(bag, account)
        return self._summary(account, order_id, margins)

    def _next(self) -> int:
        self._ids += 1
        return self._ids

    def _named(self, **fields: Any) -> Any:
        contract = self._contract.Contract()
        for name, value in ({"currency": "USD"} | fields).items():
            setattr(contract, name, value)
        return contract

    def _details(self, **fields: Any) -> list[Any]:
        req_id, seen = self._next(), self._seen
        self._app.reqContractDetails(req_id, self._named(**fields))
        seen.wait("contract details", lambda: any(end[0] == req_id for end in seen.of("contractDetailsEnd")))
        return [details for of_id, details in seen.of("contractDetails") if of_id == req_id]

    def _chain_details(self) -> list[Any]:
        rows = [row for row in self._seen.of("securityDefinitionOptionParameter") if row[3] == "SPXW"]
        expiry = max(rows[0][5])
        fields = {"symbol": "SPX", "secType": "OPT", "exchange": "SMART", "tradingClass": "SPXW"}
        return self._details(lastTradeDateOrContractMonth=expiry, **fields)

    def _quotes(self, index: Any) -> float:
        """Opens a line for the index; returns its level."""
        req_id, seen = self._next(), self._seen
        self._app.reqMktData(req_id, index, "", False, False, [])

        def level() -> list[float]:
            return [tick[2] for tick in seen.of("tickPrice") if tick[0] == req_id and tick[1] == 4]

        seen.wait("the index's level", lambda: bool(level()))
        return level()[-1]

    def _condor(self, chain: list[Any], level: float) -> Any:
        bag = self._named(symbol="SPX", secType="BAG", exchange="SMART")
        bag.comboLegs = []
        for right, action, distance in _LEGS:
            of_right = [details.contract for details in chain if details.contract.right == right]
            nearest = min(of_right, key=lambda contract: abs(contract.strike - level - distance))
            leg = self._contract.ComboLeg()
            leg.conId, leg.ratio, leg.action, leg.exchange = nearest.conId, 1, action, "SMART"
            bag.comboLegs.append(leg)
            req_id = self._next()
            self._app.reqMktData(req_id, nearest, "106", False, False, [])
            self._wait_for_greeks(req_id)
        return bag

    def _wait_for_greeks(self, req_id: int) -> None:
        seen = self._seen
        seen.wait("Greeks", lambda: any(one[0] == req_id for one in seen.of("tickOptionComputation")))

    def _new_order(self, account: str, price: float, **fields: Any) -> Any:
        order = self._order.Order()
        order.action, order.orderType, order.totalQuantity, order.lmtPrice = "BUY", "LMT", self._size(2), price
        order.tif, order.account = "DAY", account
        # Older releases send these two by default, and TWS refuses them since.
        order.eTradeOnly = order.firmQuoteOnly = False
        for name, value in fields.items():
            setattr(order, name, value)
        return order

    def _size(self, packages: int) -> Any:
        decimal = importlib.import_module("decimal").Decimal
        takes_decimal = "Decimal" in inspect.getsource(self._order)
        return decimal(packages) if takes_decimal else packages

    def _what_if(self, bag: Any, account: str) -> dict[str, str]:
        order_id, seen = self._next(), self._seen
        self._app.placeOrder(order_id, bag, self._new_order(account, 100.0, whatIf=True))
        seen.wait("the what-if's answer", lambda: any(one[0] == order_id for one in seen.of("openOrder")))
        state = next(one[3] for one in seen.of("openOrder") if one[0] == order_id)
        return {"before": state.initMarginBefore, "change": state.initMarginChange, "after": state.initMarginAfter}

    def _trade(self, bag: Any, account: str) -> int:
        order_id, seen, app = self._next(), self._seen, self._app
        app.placeOrder(order_id, bag, self._new_order(account, 100.0, orderRef="official"))

        def statuses() -> list[Any]:
            return [one for one in seen.of("orderStatus") if one[0] == order_id]

        seen.wait("the fill", lambda: any(one[1] == "Filled" for one in statuses()))
        seen.wait("four commissions", lambda: len(seen.of("commissionReport")) >= len(_LEGS))
        app.reqExecutions(self._next(), importlib.import_module("ibapi.execution").ExecutionFilter())
        app.reqCompletedOrders(False)
        app.reqAllOpenOrders()
        app.reqCurrentTime()
        for name in ("execDetailsEnd", "completedOrdersEnd", "openOrderEnd", "currentTime"):
            self._wait_for_any(name)
        return order_id

    def _wait_for_any(self, name: str) -> None:
        self._seen.wait(name, lambda: bool(self._seen.of(name)))

    def _summary(self, account: str, order_id: int, margins: dict[str, str]) -> dict[str, Any]:
        seen = self._seen
        live = [one for one in seen.of("execDetails") if one[0] == -1]
        return {
            "server_version": self._app.serverVersion(),
            "account": account,
            "positions": len({one[1].conId for one in seen.of("position")}),
            "margins": margins,
            "statuses": [one[1] for one in seen.of("orderStatus") if one[0] == order_id],
            "live_executions": sorted((one[2].execId, one[1].secType) for one in live),
            "asked_executions": sum(one[0] != -1 for one in seen.of("execDetails")),
            "commissions": sorted({one[0].execId: one[0].commission for one in seen.of("commissionReport")}.items()),
            "completed": [one[2].status for one in seen.of("completedOrder")],
            "greeks": sum(one[1] == 13 and one[4] is not None for one in seen.of("tickOptionComputation")),
            "errors": [one[:3] for one in seen.of("error") if one[1] not in (2104, 2106, 2158)],
            "logged": seen.of("logged"),
        }


def main() -> int:
    """Returns 0 with the summary on standard output, 1 with what went wrong on standard error."""
    port, client_id = int(sys.argv[1]), int(sys.argv[2])
    seen = Seen()
    logging.getLogger().addHandler(_ErrorLog(seen))
    app = make_app(seen)
    app.connect("127.0.0.1", port, client_id)
    loop = threading.Thread(target=app.run, daemon=True)
    loop.start()
    try:
        summary = Probe(app, seen).run()
    except TimeoutError as error:
        sys.stderr.write(f"{error}\n{seen.of('error')}\n{seen.of('logged')}\n")
        return 1
    finally:
        app.disconnect()
        loop.join(_PATIENCE_S)
    sys.stdout.write(json.dumps(summary) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
