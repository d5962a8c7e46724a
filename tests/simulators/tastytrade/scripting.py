"""What a test does to the simulated Tastytrade while it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from models.ids import AccountId
from models.order import OrderLeg
from tests.simulators.tastytrade.assembly import foreign_draft
from tests.simulators.tastytrade.habits import PlannedTrouble, Trouble, Troubles
from tests.simulators.tastytrade.parts import Parts
from tests.simulators.tastytrade.records import TastyRecord
from tests.simulators.tastytrade.wire import Peer, Socket


class Scripted(ABC):
    """The part of the simulator that a test's script uses."""

    troubles: Troubles

    @property
    @abstractmethod
    def parts(self) -> Parts:
        """The desks of this run: orders, accounts, listeners, DXLink sessions."""
        ...

    @property
    @abstractmethod
    def peers(self) -> Iterable[Peer]:
        """Everybody who is connected."""
        ...

    @abstractmethod
    def deliver(self) -> None:
        """Sends what the exchange has to tell by now."""
        ...

    def trouble(
        self,
        trouble: Trouble,
        *,
        method: str = "POST",
        path: str = "*/orders",
        times: int = 1,
        is_done: bool = True,
        delay_s: float = 30.0,
        field: str = "",
        edit: Callable[[Any], Any] | None = None,
    ) -> None:
        """Lets the next answers to a path (shell pattern) go wrong; by default an order's, after it was accepted."""
        self.troubles.planned.append(PlannedTrouble(trouble, method, path, times, is_done, delay_s, field, edit))

    def expire_tokens(self) -> None:
        """Ends every access token: the next request gets a 401, a refresh works."""
        self.parts.logins.expire()

    def expire_quote_tokens(self) -> None:
        """Ends every quote token, and says so on the open DXLink connections."""
        self.parts.logins.expire_quotes()
        self.parts.dxlink.check_tokens()

    def half_open(self) -> None:
        """Lets the present connections go deaf: they stand, nothing comes or goes; new ones work."""
        for peer in self.peers:
            peer.is_deaf = True

    def drop_sockets(self, which: str = "both", *, code: int | None = None, hard: bool = True) -> None:
        """Ends WebSockets, `alerts`, `quotes` or `both`: with a close code, or without (RST when `hard`, else FIN)."""
        for one in self._sockets(which):
            if code is not None:
                one.close(code)
            elif hard:
                one.peer.reset()
            else:
                one.peer.close()

    def freeze_sockets(self, which: str = "both") -> None:
        """Lets WebSockets go deaf: `alerts`, `quotes` or `both`."""
        for one in self._sockets(which):
            one.peer.is_deaf = True

    def _sockets(self, which: str) -> list[Socket]:
        parts = self.parts
        alerts = [one.socket for one in parts.hub.listeners] if which in {"alerts", "both"} else []
        quotes = [one.socket for one in parts.dxlink.sessions] if which in {"quotes", "both"} else []
        return [*alerts, *quotes]

    def send_alert(self, kind: str, data: Any, *, account: AccountId | None = None) -> None:
        """Sends any object on the account stream, numbered as the others are."""
        self.parts.hub.tell(kind, account, data)
        self.parts.hub.flush()

    def send_text(self, text: str, which: str = "alerts") -> None:
        """Sends any text on the WebSockets, JSON or not."""
        for one in self._sockets(which):
            one.send_text(text)

    def send_odd(self, what: str = "an object nobody knows") -> None:
        """Sends an order on the account stream that no model can read."""
        self.send_alert("Order", {"id": "?", "status": "Quantum", "what": what, "legs": [{"action": "Allocate"}]})

    def send_market(self, message: dict[str, Any]) -> None:
        """Sends any message on the DXLink connections."""
        self.parts.dxlink.broadcast(message)

    def lose_alerts(self, count: int) -> None:
        """Lets the next alerts be lost; the `ws-sequence` of later ones shows the gap."""
        self.parts.hub.lose(count)

    def send_ticks(self, count: int) -> int:
        """Sends about so many quotes, subscriptions in turn (see `habits.paced_ticks`); returns how many ever were."""
        return self.parts.dxlink.send_in_turn(count)

    def place_foreign(
        self,
        legs: Sequence[OrderLeg],
        limit_price: Decimal | None,
        *,
        account_id: AccountId | None = None,
        source: str = "WB2;0.174.2",
        tif: str = "Day",
    ) -> TastyRecord:
        """Gives an order in Tastytrade's own app; `limit_price` net, debit positive, None = market.

        Raises Refusal when the exchange does not take it.
        """
        parts = self.parts
        account = parts.tasty.accounts[0] if account_id is None else account_id
        record, _ = parts.orders.accept(account, foreign_draft(legs, limit_price, parts.tasty, account, source, tif))
        self.deliver()
        return record

    def replace_foreign(self, order_id: int, limit_price: Decimal, *, source: str = "WB2;0.174.2") -> None:
        """Edits an order in Tastytrade's own app: the old one dies, a new id appears."""
        parts = self.parts
        record = next(one for one in parts.orders.records.all() if one.id == order_id)
        effect = "Debit" if limit_price > 0 else "Credit"
        body = {
            "order-type": record.order_type,
            "time-in-force": record.time_in_force,
            "price": str(abs(limit_price)),
            "price-effect": effect,
            "source": source,
        }
        parts.orders.replace(record.account, order_id, body)
        self.deliver()
