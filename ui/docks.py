"""Docks of the desk: a slim title bar, contents built when first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from ui.icons import Icon, Icons
from ui.panels.base import Panel
from ui.theme import GAP, PAD, Theme


class Place(Enum):
    """Where a panel sits in the default layout; the bottom ones are tabs, in the order given."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"
    BOTTOM = "bottom"


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """A panel of the window: `key` is its name in the saved layout, `build` makes the widget when it is needed."""

    key: str
    title: str
    place: Place
    build: Callable[[], QWidget]


class DockTitle(QWidget):
    """Title bar of a dock. Collapses to nothing while the dock is a tab: the tab says the name already."""

    def __init__(self, theme: Theme, icons: Icons, dock: PanelDock) -> None:
        super().__init__(dock)
        self._theme = theme
        self._icons = icons
        self._is_collapsed = False
        self.setProperty("surface", "dockTitle")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line = QHBoxLayout(self)
        line.setContentsMargins(PAD, 0, GAP, 0)
        line.setSpacing(0)
        self.label = QLabel(dock.windowTitle(), self)
        line.addWidget(self.label)
        line.addStretch(1)
        self.age_line = QHBoxLayout()
        line.addLayout(self.age_line)
        line.addSpacing(GAP)
        self.float_button = self._button("Float or dock this panel", line)
        self.close_button = self._button("Close this panel (View menu brings it back)", line)
        self.float_button.clicked.connect(self._toggle_float)
        self.close_button.clicked.connect(dock.close)
        self._dock = dock
        self._redraw()
        theme.changed.connect(self._redraw)

    def _button(self, tip: str, line: QHBoxLayout) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("kind", "flat")
        button.setStyleSheet("padding: 0; min-height: 14px;")
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        line.addWidget(button)
        return button

    @Slot()
    def _redraw(self) -> None:
        self.float_button.setIcon(self._icons.get(Icon.FLOAT))
        self.close_button.setIcon(self._icons.get(Icon.CLOSE))

    @Slot()
    def _toggle_float(self) -> None:
        self._dock.setFloating(not self._dock.isFloating())
        self._dock.raise_()  # docked again it would lie behind the tab that came to the front meanwhile

    def collapse(self, *, is_collapsed: bool) -> None:
        """Hides or shows the bar."""
        if is_collapsed == self._is_collapsed:
            return
        self._is_collapsed = is_collapsed
        for child in (self.label, self.float_button, self.close_button):
            child.setVisible(not is_collapsed)
        self._dock.place_age_label()
        self.updateGeometry()

    @property
    def is_collapsed(self) -> bool:
        """Whether the dock is a tab at the moment."""
        return self._is_collapsed

    def sizeHint(self) -> QSize:
        """A slim line, or nothing."""
        return QSize(0, 0) if self._is_collapsed else QSize(80, 24)

    def minimumSizeHint(self) -> QSize:
        """As the size hint: QDockWidget takes its title height from here."""
        return self.sizeHint()


class PanelDock(QDockWidget):
    """A dock whose panel is built when it is first shown or asked for; `built` tells its key and widget."""

    built = Signal(str, QWidget)

    def __init__(self, spec: PanelSpec, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(spec.title, parent)
        self.setObjectName(spec.key)
        self.spec = spec
        #: Set after the window's first paint: from then on showing the dock builds its panel.
        self.is_released = False
        self._panel: QWidget | None = None
        self._host = QWidget(self)
        self._column = QVBoxLayout(self._host)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.setWidget(self._host)
        self.title_bar = DockTitle(theme, icons, self)
        self.setTitleBarWidget(self.title_bar)
        #: For key and palette: shows the panel wherever it is.
        self.show_action = QAction(spec.title, self)
        self.show_action.triggered.connect(self._on_wanted)
        #: For the menu. Qt's own would close a panel that is open behind another's tab.
        self.menu_action = QAction(spec.title, self)
        self.menu_action.setCheckable(True)
        self.menu_action.triggered.connect(self._on_menu)
        self.toggleViewAction().toggled.connect(self.menu_action.setChecked)

    @property
    def is_built(self) -> bool:
        """Whether the panel exists already."""
        return self._panel is not None

    def panel(self) -> QWidget:
        """Returns the panel, building it on first use."""
        if self._panel is None:
            self._panel = self.spec.build()
            self._column.addWidget(self._panel)
            if isinstance(self._panel, Panel):
                self._panel.set_in_front(not self.is_behind_a_tab())
                self.visibilityChanged.connect(self._panel.set_in_front)
            self.place_age_label()
            self.built.emit(self.spec.key, self._panel)
        return self._panel

    def is_behind_a_tab(self) -> bool:
        """Whether another dock's tab covers this one."""
        return self.isVisible() and self.visibleRegion().isEmpty()

    def bring_to_front(self) -> QWidget:
        """Opens the dock where it is closed, shows it where another's tab covers it, and returns its panel."""
        self.show()
        self.raise_()
        return self.panel()

    @Slot()
    def _on_wanted(self) -> None:
        """Brings the panel to the front and the keyboard to it."""
        panel = self.bring_to_front()
        self.activateWindow()
        # The tab is changed when events are next worked off; before that the panel takes no keyboard.
        QTimer.singleShot(0, panel, lambda: panel.setFocus(Qt.FocusReason.ShortcutFocusReason))

    @Slot()
    def _on_menu(self) -> None:
        """Closes a panel that is in view, shows any other."""
        if self.isVisible() and not self.is_behind_a_tab():
            self.close()
        else:
            self._on_wanted()
        self.menu_action.setChecked(not self.isHidden())

    def place_age_label(self) -> None:
        """Shows the panel's age in the title bar while there is one."""
        if isinstance(self._panel, Panel):
            self._panel.lend_age_label(None if self.title_bar.is_collapsed else self.title_bar.age_line)

    @Slot()
    def float_out(self) -> None:
        """Makes the dock a window of its own."""
        self.setFloating(True)

    def showEvent(self, event: QShowEvent) -> None:
        """Builds the panel at the latest when somebody looks, but not before the window's first paint."""
        if self.is_released:
            self.panel()
        super().showEvent(event)
