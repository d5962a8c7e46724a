"""A whole desk on the real Interactive Brokers adapter and a simulated TWS, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.whole_desk import Complaints, WholeDesk
from execution.brokers.ibkr.broker import IbkrBroker
from execution.brokers.ibkr.connection import IbConnection
from execution.brokers.ibkr.facts import IbContract
from execution.brokers.ibkr.library import load_library
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName, IbTimeouts
from execution.brokers.ibkr.trial import installed_libraries
from execution.brokers.ibkr.wire_port import FactSink, IbOrder, TickSink
from models.ids import AccountId, OrderId
from tests.simulators.tws.habits import Habits
from tests.simulators.tws.place_order import PlaceOrder
from tests.simulators.tws.server import TwsSimulator

#: For many disconnects in little time; long enough for a busy machine.
SHORT = IbTimeouts(
    connect_s=5.0,
    answer_s=5.0,
    what_if_s=3.0,
    ack_s=2.0,
    cancel_s=2.0,
    ping_every_s=0.5,
    ping_dead_s=1.0,
    retry_first_s=0.05,
    retry_most_s=0.4,
)


class DeskOnTws(WholeDesk[TwsSimulator]):
    """What the library's decoder could not read is in `complaints`: each is a message lost."""

    account = AccountId("DU1234567")
    far_name = "TWS"
    environment = "ibkr-simulator"

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 7,
        timeouts: IbTimeouts = SHORT,
        cancel_delay_s: float = 0.05,
        max_packages_per_fill: int | None = 1,
    ) -> None:
        super().__init__(folder, seed=seed, complaints=Complaints(_is_decoder))
        self.habits = Habits()
        #: Called when an order has left with its reference and number, and when a cancel has with the number.
        self.on_placed: Callable[[str, int], None] | None = None
        self.on_cancelled: Callable[[int], None] | None = None
        self.simulator = TwsSimulator(
            market=self.market,
            clock=self.clock,
            store_path=folder / "tws.sqlite",
            settings=self.paper_settings(
                "Simulated TWS", cancel_delay_s=cancel_delay_s, max_packages_per_fill=max_packages_per_fill
            ),
            faults=self.faults,
            habits=self.habits,
        )
        self._timeouts = timeouts

    def make_broker(self) -> IbkrBroker:
        library = IbLibraryName(installed_libraries()[0])
        settings = IbkrSettings(library=library, port=self.simulator.port, timeouts=self._timeouts)
        return IbkrBroker(settings=settings, clock=self.clock, make_wire=self._wire_maker(settings))

    def execution_names(self) -> dict[str, str]:
        lines = self.simulator.state.tape.lines.values()
        return {str(line.execution_id): line.exec_id.rpartition(".")[0] for line in lines}

    def arrivals(self) -> Iterable[tuple[str, str, bool]]:
        seen: set[tuple[str, int]] = set()
        for request in self.placed_orders():
            name = request.order.order_ref, request.order_id
            yield name[0], str(name[1]), name in seen
            seen.add(name)

    def placed_orders(self) -> list[PlaceOrder]:
        """Returns what came to TWS to put orders to work, what-ifs left out."""
        return [one for one in self.simulator.requests if isinstance(one, PlaceOrder) and not one.order.what_if]

    def order_ids(self) -> dict[OrderId, int]:
        """Returns the numbers under which our orders came to TWS."""
        return {OrderId(one.order.order_ref): one.order_id for one in self.placed_orders()}

    def _wire_maker(self, settings: IbkrSettings) -> Callable[[FactSink, TickSink], IbConnection]:
        on = self

        class TappedConnection(IbConnection):
            """Writes down what leaves."""

            def place(self, contract: IbContract, order: IbOrder, order_id: int | None = None) -> int:
                on.note_sent(order.order_ref, is_change=order_id is not None)
                number = super().place(contract, order, order_id)
                if on.on_placed is not None:
                    on.on_placed(order.order_ref, number)
                return number

            def cancel(self, order_id: int) -> None:
                super().cancel(order_id)
                if on.on_cancelled is not None:
                    on.on_cancelled(order_id)

        return lambda facts, ticks: TappedConnection(load_library(settings.library), settings, self.clock, facts, ticks)


def _is_decoder(logger: str) -> bool:
    return logger.startswith(("ib_insync", "ib_async")) and "ecoder" in logger
