"""A whole desk on the real Tastytrade adapter and a simulated Tastytrade, in one process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.whole_desk import Complaints, WholeDesk
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.executions import execution_id_of
from execution.brokers.tastytrade.session import TastySession
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings, TastyTimeouts
from execution.brokers.tastytrade.wire_port import AlertSink, Login, MarketSink
from models.ids import AccountId
from tests.simulators.tastytrade.fill_ids import fill_id
from tests.simulators.tastytrade.habits import Habits
from tests.simulators.tastytrade.listing import symbol_of
from tests.simulators.tastytrade.server import TastySimulator
from tests.simulators.tastytrade.wire import HttpRequest

#: For many breaks in little time; long enough for a busy machine.
SHORT = TastyTimeouts(
    connect_s=4.0,
    read_s=4.0,
    submit_s=1.0,
    stream_s=6.0,
    silence_s=4.0,
    heartbeat_every_s=0.5,
    look_after_s=0.2,
    fees_after_s=0.1,
    both_streams_s=1.0,
    retry_first_s=0.05,
    retry_most_s=0.4,
)
#: Where no link is to break by itself: a busy machine must not look like a dead one. Orders are not waited for longer.
PATIENT = replace(SHORT, connect_s=10.0, read_s=20.0, stream_s=20.0, silence_s=30.0)
_OURS = "execution.brokers.tastytrade"
_ORDERS = "/orders"


class DeskOnTasty(WholeDesk[TastySimulator]):
    """What the adapter did not foresee (logged as an error) is in `complaints`: none may be."""

    account = AccountId("5WX00001")
    far_name = "Tastytrade"
    environment = "tastytrade-simulator"
    tells_revisions = False

    def __init__(
        self, folder: Path, *, seed: int = 7, timeouts: TastyTimeouts = SHORT, max_packages_per_fill: int | None = 1
    ) -> None:
        super().__init__(folder, seed=seed, complaints=Complaints(lambda name: name.startswith(_OURS)))
        self.habits = Habits(crypto=None)
        self.simulator = TastySimulator(
            market=self.market,
            clock=self.clock,
            store_path=folder / "tastytrade.sqlite",
            settings=self.paper_settings("Simulated Tastytrade", max_packages_per_fill=max_packages_per_fill),
            faults=self.faults,
            habits=self.habits,
        )
        self._timeouts = timeouts

    def make_broker(self) -> TastytradeBroker:
        settings = TastySettings(base_url=self.simulator.url, timeouts=self._timeouts)
        secrets = TastySecrets(self.simulator.client_secret, self.simulator.refresh_token)
        return TastytradeBroker(
            settings=settings, secrets=lambda: secrets, clock=self.clock, make_wire=self._wire_maker(settings, secrets)
        )

    def execution_names(self) -> dict[str, str]:
        parts = self.simulator.parts
        names: dict[str, str] = {}
        for stored in self.simulator.core.store.executions(None):
            one = stored.execution
            record = parts.teller.record_of(one)
            if record is not None:
                names[str(one.execution_id)] = execution_id_of(str(record.id), symbol_of(one.contract), fill_id(one))
        return names

    def arrivals(self) -> Iterable[tuple[str, str, bool]]:
        for request in self.simulator.requests:
            if isinstance(request, HttpRequest) and _is_order(request.method, request.path):
                yield str(request.json()["external-identifier"]), "", request.method == "PUT"

    def _wire_maker(
        self, settings: TastySettings, secrets: TastySecrets
    ) -> Callable[[AlertSink, MarketSink], TastySession]:
        on = self

        class TappedSession(TastySession):
            """Writes down what the library hands to the network, at that instant."""

            async def open(self) -> Login:
                login = await super().open()
                self._rest.session._client.event_hooks["request"].append(_note)  # noqa: SLF001 - where requests leave
                return login

        async def _note(request: Any) -> None:
            if _is_order(request.method, request.url.path):
                name = str(json.loads(request.content)["external-identifier"])
                on.note_sent(name, is_change=request.method == "PUT")

        return lambda alerts, market: TappedSession(settings, secrets, self.clock, alerts=alerts, market=market)


def _is_order(method: str, path: str) -> bool:
    """Whether a request puts an order to work or changes one."""
    if method == "POST":
        return path.endswith(_ORDERS)
    return method == "PUT" and f"{_ORDERS}/" in path
