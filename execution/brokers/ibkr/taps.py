"""What TWS sends, taken at the library's decoder: facts first, and the library's own bookkeeping never fed.

The library's wrapper turns errors into cancelled orders, drops early commissions and mixes up requests. Its decoder is
sound. So every callback that matters is taken over on the instance, under the decoder: TWS's words reach us in its
order, and no `Trade`, `Ticker` or future of the library ever exists to contradict them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from execution.brokers.ibkr.edge import decimal_of, quantity_of
from execution.brokers.ibkr.facts import (
    DAY_PNL,
    AccountValueFact,
    ErrorFact,
    Fact,
    IbMargins,
    IbOptionParams,
    IbPriceIncrement,
    OrderStatusFact,
    PortfolioFact,
    PositionFact,
)
from execution.brokers.ibkr.ib_objects import (
    commission_fact,
    completed_order_fact,
    contract_fact,
    details_fact,
    execution_fact,
    margins_fact,
    open_order_fact,
)
from execution.brokers.ibkr.questions import Questions
from execution.brokers.ibkr.tick_lines import TickLines, model_greeks
from execution.brokers.ibkr.wire_port import WhatIfReply

POSITIONS: Final = "all positions"
OPEN_ORDERS: Final = "all open orders"
COMPLETED_ORDERS: Final = "all completed orders"
_NO_MATCH: Final = 200
#: How TWS writes that an order has no number (given by hand); no id may come near it.
_NO_NUMBER: Final = 2**31 - 1
_DATA_LOST: Final = 1101
_NOT_VALID: Final = 321
#: News and advice that end no request: what is asked still comes.
_ADVICE: Final = frozenset({399, 404, 434, 492, 10167, 10349, *range(2100, 2200)})


def market_rule_key(rule_id: int) -> str:
    """Returns the name under which a market rule is asked for."""
    return f"market rule {rule_id}"


def account_key(account: str) -> str:
    """Returns the name under which an account's values are asked for."""
    return f"the values of account {account}"


@dataclass(slots=True)
class WhatIfWait:
    """A what-if under way. TWS may answer twice: first unset, then for real."""

    done: asyncio.Future[None]
    margins: IbMargins | None = None
    refusal: tuple[int, str] | None = None
    warnings: list[str] = field(default_factory=list)

    def answer(self, margins: IbMargins) -> None:
        """Takes an answer; an unset one is kept, and waited on."""
        if self.margins is None or not self.margins.is_known:
            self.margins = margins
        if margins.warning_text and margins.warning_text not in self.warnings:
            self.warnings.append(margins.warning_text)
        if margins.is_known:
            self._finish()

    def error(self, code: int, text: str) -> None:
        """Takes an error that names this what-if: advice is kept, a refusal ends it."""
        if code in _ADVICE:
            self.warnings.append(text)
        else:
            self.refusal = (code, text)
            self._finish()

    def reply(self) -> WhatIfReply:
        """Returns what came so far."""
        return WhatIfReply(self.margins, self.refusal, tuple(self.warnings))

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Taps:
    """Callbacks by the names the decoder calls; each turns the library's objects into facts and answers."""

    def __init__(
        self,
        *,
        tell: Callable[[Fact], None],
        questions: Questions,
        lines: TickLines,
        own_zone: Callable[[], tzinfo],
        raise_ids: Callable[[int], None],
    ) -> None:
        self._tell = tell
        self._questions = questions
        self._lines = lines
        self._own_zone = own_zone
        self._raise_ids = raise_ids
        self.what_ifs: dict[int, WhatIfWait] = {}
        #: Accounts by the request that subscribed to their profit and loss.
        self.pnl_accounts: dict[int, str] = {}
        #: Errors told before the API had started: why it did not.
        self.errors: list[ErrorFact] = []

    # --- orders and executions ---------------------------------------------------------------------------------------

    def open_order(self, order_id: int, contract: Any, order: Any, state: Any) -> None:
        """Takes an order; answers to what-ifs are none. New ids stay above every id seen, as TWS demands."""
        self._stay_above(order_id)
        if order.whatIf:
            if (wait := self.what_ifs.get(order_id)) is not None:
                wait.answer(margins_fact(state))
            return
        fact = open_order_fact(contract, order, state)
        self._tell(fact)
        self._questions.add(OPEN_ORDERS, fact)

    def _stay_above(self, order_id: int) -> None:
        if 0 < order_id < _NO_NUMBER:
            self._raise_ids(order_id + 1)

    def open_order_end(self) -> None:
        """Takes the end of the open orders."""
        self._questions.end(OPEN_ORDERS)

    def order_status(
        self,
        order_id: int,
        status: str,
        filled: float,
        remaining: float,
        average: float,
        perm_id: int,
        _parent_id: int,
        _last_price: float,
        client_id: int,
        why_held: str,
        *_rest: object,
    ) -> None:
        """Takes TWS's own status of an order, known to us or not."""
        average_price = decimal_of(average) or None
        self._tell(
            OrderStatusFact(
                order_id,
                client_id,
                perm_id,
                status,
                quantity_of(filled),
                quantity_of(remaining),
                average_price,
                why_held,
            )
        )

    def completed_order(self, contract: Any, order: Any, state: Any) -> None:
        """Takes an order that is done."""
        self._questions.add(COMPLETED_ORDERS, completed_order_fact(contract, order, state, self._own_zone()))

    def completed_orders_end(self) -> None:
        """Takes the end of the completed orders."""
        self._questions.end(COMPLETED_ORDERS)

    def execution(self, request_id: int, contract: Any, execution: Any) -> None:
        """Takes an execution, live or asked for. Its order is done, but TWS takes no number twice (code 103)."""
        self._stay_above(execution.orderId)
        fact = execution_fact(contract, execution, is_live=not self._questions.is_open(request_id))
        self._tell(fact)
        self._questions.add(request_id, fact)

    def commission(self, report: Any) -> None:
        """Takes a commission, also one whose execution is not known yet."""
        self._tell(commission_fact(report))

    # --- account -----------------------------------------------------------------------------------------------------

    def position(self, account: str, contract: Any, quantity: float, average_cost: float) -> None:
        """Takes a holding."""
        fact = PositionFact(account, contract_fact(contract), quantity_of(quantity), decimal_of(average_cost))
        self._tell(fact)
        self._questions.add(POSITIONS, fact)

    def position_end(self) -> None:
        """Takes the end of the positions."""
        self._questions.end(POSITIONS)

    def portfolio(
        self,
        contract: Any,
        quantity: float,
        price: float,
        value: float,
        cost: float,
        unrealized: float,
        realized: float,
        account: str,
    ) -> None:
        """Takes a holding with TWS's own valuation."""
        figures = (decimal_of(figure) for figure in (price, value, cost, unrealized, realized))
        self._tell(PortfolioFact(account, contract_fact(contract), quantity_of(quantity), *figures))

    def account_value(self, key: str, value: str, currency: str, account: str) -> None:
        """Takes one figure of the account that is subscribed."""
        self._tell(AccountValueFact(account, key, value, currency))

    def account_end(self, account: str) -> None:
        """Takes the end of an account's first full set."""
        self._questions.end(account_key(account))

    def account_multi(self, _request_id: int, account: str, model: str, key: str, value: str, currency: str) -> None:
        """Takes one figure of one of several accounts; those of a model within it are left aside."""
        if not model:
            self._tell(AccountValueFact(account, key, value, currency))

    def pnl(self, request_id: int, daily: float, _unrealized: float, _realized: float) -> None:
        """Takes an account's profit and loss of the day; unset is told too, and known as nothing."""
        account = self.pnl_accounts.get(request_id)
        if account is not None:
            self._tell(AccountValueFact(account, DAY_PNL, str(daily), ""))

    # --- answers -----------------------------------------------------------------------------------------------------

    def numbered_end(self, request_id: int) -> None:
        """Takes the end of an answer to a numbered request."""
        self._questions.end(request_id)

    def details(self, request_id: int, details: Any) -> None:
        """Takes one contract that fits a question."""
        self._questions.add(request_id, details_fact(details))

    def option_params(
        self,
        request_id: int,
        exchange: str,
        under_con_id: str,
        trading_class: str,
        multiplier: str,
        expirations: list[str],
        strikes: list[float],
    ) -> None:
        """Takes one option class of an underlying."""
        exact = sorted(strike for strike in map(decimal_of, strikes) if strike is not None)
        params = IbOptionParams(
            exchange, int(under_con_id), trading_class, multiplier, tuple(sorted(expirations)), tuple(exact)
        )
        self._questions.add(request_id, params)

    def market_rule(self, rule_id: int, increments: list[Any]) -> None:
        """Takes a price increment table."""
        key = market_rule_key(rule_id)
        for row in sorted(increments, key=lambda row: float(row.lowEdge)):
            increment = decimal_of(row.increment)
            if increment is not None:
                self._questions.add(key, IbPriceIncrement(quantity_of(row.lowEdge), increment))
        self._questions.end(key)

    def current_time(self, epoch_s: int) -> None:
        """Takes TWS's clock."""
        self._questions.take_time(datetime.fromtimestamp(epoch_s, UTC))

    def error(self, request_id: int, code: int, text: str, advanced_reject: str = "") -> None:
        """Takes an error, a warning or news. It ends a request or a what-if, never an order."""
        fact = ErrorFact(request_id, code, text, advanced_reject)
        self.errors.append(fact)
        del self.errors[:-20]
        if code == _DATA_LOST:
            self._lines.forget()
        if (wait := self.what_ifs.get(request_id)) is not None:
            wait.error(code, text)
        elif code == _NO_MATCH:
            self._questions.end(request_id)
        elif code == _NOT_VALID and request_id < 0 and "read-only" in text.lower():
            for key in (OPEN_ORDERS, COMPLETED_ORDERS):  # TWS does not say which one it refuses
                self._questions.refuse(key, code, text)
        elif code not in _ADVICE:
            self._questions.refuse(request_id, code, text)
        self._tell(fact)

    # --- ticks -------------------------------------------------------------------------------------------------------

    def option_tick(
        self,
        request_id: int,
        tick_type: int,
        _attributes: int,
        implied_vol: float,
        delta: float,
        price: float,
        _dividend: float,
        gamma: float,
        vega: float,
        theta: float,
        underlying: float,
    ) -> None:
        """Takes a line of computed Greeks."""
        greeks = model_greeks(
            implied_vol=implied_vol,
            delta=delta,
            price=price,
            gamma=gamma,
            vega=vega,
            theta=theta,
            underlying=underlying,
        )
        self._lines.model(request_id, tick_type, greeks)

    def ignored(self, *_values: object) -> None:
        """Takes what nobody here needs, so that the library keeps no books on it."""

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """Returns the taps by the name the decoder calls each."""
        return {
            "openOrder": self.open_order,
            "openOrderEnd": self.open_order_end,
            "orderStatus": self.order_status,
            "completedOrder": self.completed_order,
            "completedOrdersEnd": self.completed_orders_end,
            "execDetails": self.execution,
            "execDetailsEnd": self.numbered_end,
            "commissionReport": self.commission,
            "position": self.position,
            "positionEnd": self.position_end,
            "updatePortfolio": self.portfolio,
            "updateAccountValue": self.account_value,
            "accountDownloadEnd": self.account_end,
            "accountUpdateMulti": self.account_multi,
            "pnl": self.pnl,
            "accountUpdateMultiEnd": self.numbered_end,
            "contractDetails": self.details,
            "bondContractDetails": self.ignored,
            "contractDetailsEnd": self.numbered_end,
            "securityDefinitionOptionParameter": self.option_params,
            "securityDefinitionOptionParameterEnd": self.numbered_end,
            "marketRule": self.market_rule,
            "currentTime": self.current_time,
            "error": self.error,
            "priceSizeTick": self._lines.price,
            "tickSize": self._lines.size,
            "marketDataType": self._lines.data_type,
            "tickOptionComputation": self.option_tick,
            "tickGeneric": self.ignored,
            "tickString": self.ignored,
            "tickReqParams": self.ignored,
            "tickSnapshotEnd": self.ignored,
        }
