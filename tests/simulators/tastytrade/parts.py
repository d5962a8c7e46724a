"""The desks of one run of the simulator, put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from execution.brokers.paper.accounts import Holding
from execution.brokers.paper.sessions import is_open
from models.ids import AccountId, ContractKey
from tests.simulators.tastytrade.accounts import AccountDesk
from tests.simulators.tastytrade.alerts import AlertHub
from tests.simulators.tastytrade.auth import Logins
from tests.simulators.tastytrade.complex_orders import ComplexDesk
from tests.simulators.tastytrade.dxlink import DxLink
from tests.simulators.tastytrade.instruments import InstrumentDesk
from tests.simulators.tastytrade.market_data import MarketDataDesk
from tests.simulators.tastytrade.orders import OrderDesk
from tests.simulators.tastytrade.replies import JsonObject, iso
from tests.simulators.tastytrade.state import TastyState
from tests.simulators.tastytrade.telling import OrderTeller
from tests.simulators.tastytrade.transactions import Ledger
from tests.simulators.tastytrade.wire import HttpRequest


@dataclass(slots=True)
class SessionDesk:
    """Answers when an exchange trades."""

    tasty: TastyState

    def current(self, request: HttpRequest) -> list[JsonObject]:
        """Returns the present session of some kinds of instruments."""
        return [self._session(kind) for kind in request.all("instrument-collections") or ["Equity"]]

    def _session(self, kind: str) -> JsonObject:
        core, now_utc = self.tasty.core, self.tasty.now()
        bounds = core.calendar.session_bounds_utc(self.tasty.today())
        always = not core.settings.session_hours
        state = "Open" if always or is_open(core.calendar, now_utc) else "Closed"
        facts: JsonObject = {"instrument-collection": kind, "state": state}
        if bounds is not None:
            opens, closes = bounds
            facts |= {"open-at": iso(opens), "close-at": iso(closes), "start-at": iso(opens - timedelta(hours=1))}
        return facts


@dataclass(slots=True)
class Parts:
    """From start to stop."""

    tasty: TastyState
    logins: Logins
    ledger: Ledger
    accounts: AccountDesk
    instruments: InstrumentDesk
    market: MarketDataDesk
    hub: AlertHub
    teller: OrderTeller
    orders: OrderDesk
    complex_orders: ComplexDesk
    dxlink: DxLink
    sessions: SessionDesk

    def changed_positions(
        self, account_id: AccountId, told: dict[tuple[AccountId, str], str]
    ) -> list[tuple[Holding, str]]:
        """Returns the holdings whose quantity is not what was told, and those that are gone with a quantity of 0."""
        held = {one.contract.key: one for one in self.tasty.core.book.holdings(account_id)}
        found = [
            (one, str(one.quantity)) for key, one in held.items() if told.get((account_id, key)) != str(one.quantity)
        ]
        gone = [key for (owner, key), text in told.items() if owner == account_id and key not in held and text != "0"]
        for key in gone:
            contract = self.tasty.core.market.resolve(ContractKey(key))
            if contract is not None:
                found.append((Holding(account_id, contract, Decimal(0), Decimal(0)), "0"))
        return found
