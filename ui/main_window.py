"""The desk's window: docks from specs, account bar and banner on top, menus, keyboard, layout.

    window = MainWindow(bridge, client, theme, icons=..., messages=..., settings=..., account_bar=..., panels=[...])
    window.show()
    window.panel("ticket")                      # the panel widget, built now if it was not yet
    window.reveal("option_chain")               # brings its dock to the front and returns the panel
    window.symbol_chosen.connect(...)           # Ctrl+K chose an underlying
    window.panel_built.connect(...)             # (key, widget): connect panels with each other here

The window builds with any subset of panels. The panels on the left are built before the first paint, the others one by
one right after it, those in view first; `is_complete` says when all are there.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import QMainWindow, QMenu, QMenuBar, QTabBar, QTabWidget, QVBoxLayout, QWidget

from execution.commands import ListUnderlyings
from execution.views import DeskState, Severity
from models.enums import Mode
from ui.bridge import Bridge
from ui.connections.page import ConnectionsPage
from ui.connections.unlock import UnlockPrompt
from ui.desk_commands import DeskCommands
from ui.docks import PanelDock, PanelSpec, Place
from ui.engine_client import EngineClient
from ui.first_run import FirstRunHint
from ui.icons import Icons
from ui.layout import default_layout, default_sizes
from ui.messages import Messages
from ui.panels.account_bar import AccountBar
from ui.settings import WindowSettings
from ui.theme import Theme, ThemeName
from ui.widgets.banner import Banner
from ui.widgets.command_palette import CommandPalette
from ui.widgets.confirm import Confirmation

_LAYOUT_VERSION = 1
#: A window that starts minimised is never exposed; its engine starts all the same.
_PAINT_AT_LATEST_MS = 2000
_DEFAULT_SIZE = QSize(1600, 1000)


class MainWindow(QMainWindow):
    """The one window. It owns the docks; everything else it is given."""

    symbol_chosen = Signal(str)
    panel_built = Signal(str, QWidget)
    #: Once, after the window's first picture is on the screen.
    first_painted = Signal()
    closed = Signal()
    #: The user changed the broker and wants the desk to start with it now.
    restart_wanted = Signal()

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        *,
        icons: Icons,
        messages: Messages,
        settings: WindowSettings,
        account_bar: AccountBar,
        panels: Sequence[PanelSpec],
    ) -> None:
        super().__init__()
        self._client = client
        self._theme = theme
        self._messages = messages
        self._settings = settings
        self.setObjectName("desk")
        self.setWindowTitle("Optiondesk")
        self.setDockNestingEnabled(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.resize(_DEFAULT_SIZE)
        self.commands = DeskCommands(bridge, client, messages, self)
        self._is_painted = False
        self.connections: ConnectionsPage | None = None
        self.docks: dict[str, PanelDock] = {}
        for spec in panels:
            self._add_dock(PanelDock(spec, theme, icons, self))
        self.banner = Banner(bridge, client, theme, messages, self)
        self._build_top(account_bar)
        self._build_menus()
        default_layout(self, self.docks)
        self._restore_layout()
        for dock in self.docks.values():
            if dock.spec.place is Place.LEFT:
                dock.panel()
        self.palette_overlay = CommandPalette(theme, self)
        self.palette_overlay.symbol_chosen.connect(self.symbol_chosen)
        self.hint = FirstRunHint(theme, settings, self)
        messages.attach(self)
        self.unlock = UnlockPrompt(bridge, client, messages, self)
        self.banner.connections_wanted.connect(self.open_connections)
        self.banner.unlock_wanted.connect(self.unlock.ask)
        bridge.subscribe(DeskState, self._on_desk)

    # --- building -----------------------------------------------------------------------------------------------------

    def _add_dock(self, dock: PanelDock) -> None:
        self.docks[dock.spec.key] = dock
        dock.built.connect(self._on_built)
        dock.topLevelChanged.connect(self._refresh_titles_soon)
        dock.dockLocationChanged.connect(self._refresh_titles_soon)
        dock.visibilityChanged.connect(self._refresh_titles_soon)

    @Slot(str, QWidget)
    def _on_built(self, key: str, panel: QWidget) -> None:
        self.panel_built.emit(key, panel)

    def _build_top(self, account_bar: AccountBar) -> None:
        self.menus = QMenuBar(self)
        top = QWidget(self)
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.menus, account_bar, self.banner):
            column.addWidget(widget)
        self.account_bar = account_bar
        self.setMenuWidget(top)
        self.banner.room_changing.connect(self._keep_bottom_height)

    def _build_menus(self) -> None:
        desk = self.menus.addMenu("&Desk")
        self._action(desk, "Find symbol or command…", self.open_palette, "Ctrl+K")
        self._action(desk, "Take a snapshot now", self.commands.take_snapshot, "Ctrl+Shift+S")
        self._action(desk, "Reconcile with the broker", self.commands.reconcile, "Ctrl+Shift+R")
        desk.addSeparator()
        self._action(desk, "Broker connections…", self.open_connections, "Ctrl+,")
        desk.addSeparator()
        self._action(desk, "Quit", self.close, "Ctrl+Q")
        trade = self.menus.addMenu("&Trade")
        self._action(trade, "Cancel all orders…", self.commands.cancel_all, "Ctrl+Shift+X")
        self._action(trade, "Halt trading", self.commands.halt, "Ctrl+Shift+H")
        self._action(trade, "Only closing orders (reducing)", self.commands.reduce_only, None)
        self._action(trade, "Resume trading…", self.commands.resume, None)
        self.arm_action = self._action(trade, "Arm live account…", self.commands.arm, None)
        self.arm_action.setVisible(False)
        view = self.menus.addMenu("&View")
        for number, (key, dock) in enumerate(self.docks.items(), start=1):
            dock.menu_action.setObjectName(f"toggle_{key}")
            if number <= 10:  # the tenth is Alt+0
                keys = QKeySequence(f"Alt+{number % 10}")
                dock.show_action.setShortcut(keys)
                dock.menu_action.setText(f"{dock.spec.title}\t{keys.toString()}")
            self.addAction(dock.show_action)
            view.addAction(dock.menu_action)
        view.addSeparator()
        self.light_action = self._action(view, "Light theme", self._on_light, "Ctrl+Shift+L")
        self.light_action.setCheckable(True)
        self.light_action.setChecked(not self._theme.is_dark)
        self._action(view, "Reset layout", self.reset_layout, None)
        help_menu = self.menus.addMenu("&Help")
        self._action(help_menu, "First steps", self._show_hint, "F1")
        self._action(help_menu, "Keyboard", self._show_keys, None)

    def _action(self, menu: QMenu, text: str, slot: object, keys: str | None) -> QAction:
        action = QAction(text, self)
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(slot)
        menu.addAction(action)
        self.addAction(action)
        return action

    @Slot()
    def open_connections(self) -> ConnectionsPage:
        """Shows the settings page of the brokers, made when first asked for."""
        if self.connections is None:
            self.connections = ConnectionsPage(self._client, self._theme, self, clean=self._messages.clean)
            self.connections.restart_wanted.connect(self.restart_wanted)
        self.connections.show()
        self.connections.raise_()
        return self.connections

    # --- panels -------------------------------------------------------------------------------------------------------

    def panel(self, key: str) -> QWidget:
        """Returns a panel, building it on first use; raises KeyError for one the window does not have."""
        return self.docks[key].panel()

    def reveal(self, key: str) -> QWidget:
        """Brings a panel's dock to the front."""
        return self.docks[key].bring_to_front()

    def showEvent(self, event: QShowEvent) -> None:
        """Gives the keyboard to the desk, not to the first field, and waits for the first paint."""
        super().showEvent(event)
        self.setFocus()
        self._refresh_titles()
        handle = self.windowHandle()
        if not self._is_painted and handle is not None:
            handle.installEventFilter(self)
            QTimer.singleShot(_PAINT_AT_LATEST_MS, self, self._after_first_paint)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """An exposed window is painted before the event loop goes on."""
        if event.type() is QEvent.Type.Expose:
            QTimer.singleShot(0, self, self._after_first_paint)
        return super().eventFilter(watched, event)

    @Slot()
    def _after_first_paint(self) -> None:
        if self._is_painted:
            return
        self._is_painted = True
        handle = self.windowHandle()
        if handle is not None:
            handle.removeEventFilter(self)
        for dock in self.docks.values():
            dock.is_released = True
        self.first_painted.emit()
        self._build_next()

    @Slot()
    def _build_next(self) -> None:
        """One panel a turn of the event loop, visible ones first, so that the window answers in between."""
        waiting = [dock for dock in self.docks.values() if not dock.is_built]
        waiting.sort(key=lambda dock: dock.visibleRegion().isEmpty())
        if waiting:
            waiting[0].panel()
            QTimer.singleShot(0, self, self._build_next)
        elif self._settings.bytes("window/docks") is None:
            # The display may have given another size than asked for, and panels have a least width of their own.
            default_sizes(self, self.docks)

    @property
    def is_complete(self) -> bool:
        """Whether every panel has been built."""
        return all(dock.is_built for dock in self.docks.values())

    @Slot()
    def _keep_bottom_height(self) -> None:
        """The banner takes its line from the top row: Qt would share it out, and not give it back as it was."""
        bottom = self._shown_dock(Qt.DockWidgetArea.BottomDockWidgetArea)
        if bottom is not None:
            height = bottom.height()
            QTimer.singleShot(0, self, lambda: self._give_height(bottom, height))

    def _give_height(self, bottom: PanelDock, height: int) -> None:
        for widget in (self.menuWidget(), self):
            layout = None if widget is None else widget.layout()
            if layout is not None:
                layout.activate()
        top = self._shown_dock(Qt.DockWidgetArea.TopDockWidgetArea)
        if top is None or bottom.isFloating() or not bottom.isVisible():
            return
        both = top.height() + bottom.height()
        self.resizeDocks([top, bottom], [both - height, height], Qt.Orientation.Vertical)

    def _shown_dock(self, area: Qt.DockWidgetArea) -> PanelDock | None:
        """Returns a docked panel of the area that can be seen."""
        return next(
            (
                dock
                for dock in self.docks.values()
                if self.dockWidgetArea(dock) is area and not dock.isFloating() and not dock.visibleRegion().isEmpty()
            ),
            None,
        )

    def fit_screen(self) -> None:
        """Fills a screen that is smaller than the window."""
        room = self.screen().availableSize()
        if self.width() > room.width() or self.height() > room.height():
            self.resize(self.size().boundedTo(room))
            self.setWindowState(Qt.WindowState.WindowMaximized)

    # --- layout -------------------------------------------------------------------------------------------------------

    def _restore_layout(self) -> None:
        geometry, docks = self._settings.bytes("window/geometry"), self._settings.bytes("window/docks")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if docks is not None:
            self.restoreState(docks, _LAYOUT_VERSION)

    def save_layout(self) -> None:
        """Writes geometry and docks to the settings file."""
        self._settings.set_bytes("window/geometry", self.saveGeometry())
        self._settings.set_bytes("window/docks", self.saveState(_LAYOUT_VERSION))
        self._settings.save()

    @Slot()
    def reset_layout(self) -> None:
        """Puts every panel back where it was at first."""
        self._settings.forget("window/docks")
        default_layout(self, self.docks)
        self._messages.notify(Severity.INFO, "Layout reset.", replace_key="layout")

    @Slot()
    def _refresh_titles_soon(self) -> None:
        QTimer.singleShot(0, self._refresh_titles)

    @Slot()
    def _refresh_titles(self) -> None:
        for dock in self.docks.values():
            is_tab = bool(self.tabifiedDockWidgets(dock)) and not dock.isFloating()
            dock.title_bar.collapse(is_collapsed=is_tab)
        for bar in self.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            bar.setDocumentMode(True)
            bar.setDrawBase(False)
            if bar.contextMenuPolicy() is not Qt.ContextMenuPolicy.CustomContextMenu:
                bar.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
                bar.customContextMenuRequested.connect(self._on_tab_menu)
                bar.tabBarDoubleClicked.connect(self._on_tab_double_clicked)

    def _dock_of_tab(self, bar: QTabBar, index: int) -> PanelDock | None:
        title = bar.tabText(index)
        return next((dock for dock in self.docks.values() if dock.windowTitle() == title), None)

    @Slot(QPoint)
    def _on_tab_menu(self, at: QPoint) -> None:
        bar = self.sender()
        if not isinstance(bar, QTabBar):
            return
        dock = self._dock_of_tab(bar, bar.tabAt(at))
        if dock is not None:
            menu = QMenu(bar)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.addAction("Float").triggered.connect(dock.float_out)
            menu.addAction("Close").triggered.connect(dock.close)
            menu.popup(bar.mapToGlobal(at))

    @Slot(int)
    def _on_tab_double_clicked(self, index: int) -> None:
        bar = self.sender()
        dock = self._dock_of_tab(bar, index) if isinstance(bar, QTabBar) else None
        if dock is not None:
            dock.float_out()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Saves the layout and tells the app."""
        self.save_layout()
        super().closeEvent(event)
        self.closed.emit()

    # --- state --------------------------------------------------------------------------------------------------------

    def _on_desk(self, desk: DeskState) -> None:
        # "PAPER · PAPER" says nothing twice.
        where = dict.fromkeys(
            (desk.mode.value, *(one.value for one in desk.brokers or (desk.broker,)), desk.market_label)
        )
        self.setWindowTitle(f"{' · '.join(where)} — Optiondesk")
        self.arm_action.setVisible(desk.mode is Mode.LIVE and not desk.armed)

    @Slot()
    def _on_light(self) -> None:
        name = ThemeName.LIGHT if self.light_action.isChecked() else ThemeName.DARK
        self._settings.theme = name
        self._theme.switch(name)

    # --- commands -----------------------------------------------------------------------------------------------------

    @Slot()
    def open_palette(self) -> None:
        """Opens the symbol and command search."""
        actions = [action for action in self.actions() if action.isVisible()]
        self.palette_overlay.open((), tuple(actions))
        self._client.ask(ListUnderlyings(), self.palette_overlay.set_symbols, self._messages.failed)

    @Slot()
    def _show_hint(self) -> None:
        self.hint.bring_back()

    @Slot()
    def _show_keys(self) -> None:
        keys = tuple((action.shortcut().toString(), action.text().rstrip("…")) for action in self.actions())
        self._messages.tell(
            Confirmation(
                title="Keyboard",
                text="In the ticket: arrows step the price by a tick (Shift five), Enter previews, Enter sends from the"
                " preview, Esc goes back.",
                verb="Close",
                facts=tuple(pair for pair in keys if pair[0]),
            )
        )
