"""The desk's panels: where each sits and how it is made. A panel's module is imported when it is first built."""

# ruff: noqa: PLC0415 - a panel's module is imported when it is built, so that the first paint waits for none too many

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from models.clock import Clock
from ui.bridge import Bridge
from ui.docks import PanelSpec, Place
from ui.engine_client import EngineClient
from ui.icons import Icons
from ui.messages import Messages
from ui.op import ReaderPool
from ui.panels.log_panel import LogModel
from ui.reader_door import ReaderDoor
from ui.settings import WindowSettings
from ui.theme import Theme


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What panels are made from."""

    bridge: Bridge
    client: EngineClient
    theme: Theme
    icons: Icons
    messages: Messages
    settings: WindowSettings
    clock: Clock
    pool: ReaderPool
    reader: ReaderDoor
    log: LogModel


def panel_specs(around: Surroundings) -> tuple[PanelSpec, ...]:
    """Returns the specs in the order of the View menu; bottom panels are tabs in this order."""
    make = _Makers(around)
    return (
        PanelSpec("positions", "Positions", Place.LEFT, make.positions),
        PanelSpec("risk_dashboard", "Risk dashboard", Place.CENTRE, make.risk_dashboard),
        PanelSpec("order_ticket", "Order ticket", Place.RIGHT, make.order_ticket),
        PanelSpec("option_chain", "Option chain", Place.BOTTOM, make.option_chain),
        PanelSpec("risk_analysis", "Risk analysis", Place.BOTTOM, make.risk_analysis),
        PanelSpec("working_orders", "Working orders", Place.BOTTOM, make.working_orders),
        PanelSpec("journal", "Journal", Place.BOTTOM, make.journal),
        PanelSpec("charts", "Charts", Place.BOTTOM, make.charts),
        PanelSpec("breaches", "Breaches", Place.BOTTOM, make.breaches),
        PanelSpec("suggestions", "AI suggestions", Place.BOTTOM, make.suggestions),
        PanelSpec("log", "Log", Place.BOTTOM, make.log),
    )


class _Makers:
    """One method a panel."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def positions(self) -> QWidget:
        from ui.panels.positions import PositionsPanel

        on = self._around
        return PositionsPanel(
            on.bridge, on.client, on.theme, icons=on.icons, messages=on.messages, settings=on.settings
        )

    def risk_dashboard(self) -> QWidget:
        from ui.panels.risk_dashboard import RiskDashboardPanel

        return RiskDashboardPanel(self._around.bridge, self._around.client, self._around.theme)

    def order_ticket(self) -> QWidget:
        from ui.panels.order_ticket import OrderTicketPanel

        on = self._around
        return OrderTicketPanel(on.bridge, on.client, on.theme, on.clock.now_utc)

    def option_chain(self) -> QWidget:
        from ui.panels.option_chain import OptionChainPanel

        on = self._around
        return OptionChainPanel(on.bridge, on.client, on.theme, on.clock.now_utc)

    def risk_analysis(self) -> QWidget:
        from ui.panels.risk_analysis import RiskAnalysisPanel

        return RiskAnalysisPanel(self._around.bridge, self._around.client, self._around.theme)

    def working_orders(self) -> QWidget:
        from ui.panels.working_orders import WorkingOrdersPanel

        on = self._around
        return WorkingOrdersPanel(on.bridge, on.client, on.theme, icons=on.icons, messages=on.messages, clock=on.clock)

    def journal(self) -> QWidget:
        from ui.panels.journal import JournalPanel

        on = self._around
        return JournalPanel(
            on.bridge,
            on.client,
            on.theme,
            icons=on.icons,
            messages=on.messages,
            clock=on.clock,
            settings=on.settings,
            pool=on.pool,
            open_reader=on.reader.open,
        )

    def charts(self) -> QWidget:
        from ui.panels.charts import ChartsPanel

        on = self._around
        return ChartsPanel(on.bridge, on.client, on.theme, on.reader, on.pool)

    def breaches(self) -> QWidget:
        from ui.panels.breaches import BreachesPanel

        on = self._around
        return BreachesPanel(
            on.bridge,
            on.client,
            on.theme,
            messages=on.messages,
            clock=on.clock,
            pool=on.pool,
            open_reader=on.reader.open,
        )

    def suggestions(self) -> QWidget:
        from ui.panels.suggestions import SuggestionsPanel

        on = self._around
        return SuggestionsPanel(on.bridge, on.client, on.theme, messages=on.messages, clock=on.clock)

    def log(self) -> QWidget:
        from ui.panels.log_panel import LogPanel

        on = self._around
        return LogPanel(on.bridge, on.client, on.theme, icons=on.icons, model=on.log)
