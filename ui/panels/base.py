"""What every panel of the desk has: a toolbar line, an 'as of' label, an empty state, and news that waits its turn.

    class JournalPanel(Panel):
        KEY = "journal"                       # object name of panel and dock, key in the saved layout
        TITLE = "Journal"

        def __init__(self, bridge: Bridge, client: EngineClient, theme: Theme, parent: QWidget | None = None) -> None:
            super().__init__(bridge, client, theme, parent)
            self.toolbar.addWidget(self._search)          # QHBoxLayout left of the 'as of' label
            self.set_body(self._table)                    # the main widget
            self.set_empty("No trades yet.")              # shown instead of the body; None takes it away
            self.listen(OrdersState, self._on_orders)     # last in the constructor

`listen` delivers on the UI thread and only while the panel is visible: hidden, the newest state is kept and handed
over when the panel is shown (in a test: `panel.show()` first). Notices come always. `set_as_of(at_utc)` states how old
the data is; the age counts on by itself. `retheme()` is called after a switch dark <-> light.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, TypeVar, get_args

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from execution.views import State
from ui import format as fmt
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.theme import GAP, PAD, Theme

T = TypeVar("T")

_STATE_TYPES: tuple[type[Any], ...] = get_args(State)


class Panel(QWidget):
    """Base of all panels; lives in a dock but works on its own."""

    KEY: ClassVar[str] = "panel"
    TITLE: ClassVar[str] = ""

    def __init__(self, bridge: Bridge, client: EngineClient, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.client = client
        self.theme = theme
        self.setObjectName(self.KEY)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._is_in_front = True
        self._listeners: dict[type[Any], Callable[[Any], None]] = {}
        self._waiting: dict[type[Any], Any] = {}
        self._as_of_utc: datetime | None = None
        self._as_of_mark = 0.0
        self._build_frame()
        self._age_timer = QTimer(self)
        self._age_timer.setInterval(1000)
        self._age_timer.timeout.connect(self._show_age)
        theme.changed.connect(self.retheme)

    def _build_frame(self) -> None:
        bar = QWidget(self)
        bar.setProperty("surface", "toolbar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line = QHBoxLayout(bar)
        line.setContentsMargins(PAD, GAP, PAD, GAP)
        line.setSpacing(GAP)
        self.toolbar = QHBoxLayout()
        self.toolbar.setSpacing(GAP)
        line.addLayout(self.toolbar, 1)
        self.age_label = QLabel(bar)
        self.age_label.setProperty("role", "caption")
        self.age_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        line.addWidget(self.age_label)
        self._toolbar_line = line
        self.toolbar_widget = bar
        self._empty = QLabel(self)
        self._empty.setProperty("role", "empty")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addLayout(self._stack, 1)

    # --- content ------------------------------------------------------------------------------------------------------

    def set_body(self, body: QWidget) -> None:
        """Sets the main widget; called once."""
        self._stack.addWidget(body)
        self._stack.setCurrentWidget(body)

    def set_empty(self, text: str | None) -> None:
        """Shows `text` (what is missing and what to do) instead of the body; None shows the body again."""
        if text is None:
            self._stack.setCurrentIndex(self._stack.count() - 1)
        else:
            self._empty.setText(text)
            self._stack.setCurrentWidget(self._empty)

    def set_as_of(self, at_utc: datetime | None) -> None:
        """States the instant the shown figures belong to."""
        self._as_of_utc = at_utc
        self._as_of_mark = time.monotonic()
        self._show_age()

    def lend_age_label(self, line: QHBoxLayout | None) -> None:
        """Puts the 'as of' label into a dock's title bar, or (None) back at the end of the toolbar."""
        (self._toolbar_line if line is None else line).addWidget(self.age_label)
        self.toolbar_widget.setVisible(line is None or self.toolbar.count() > 0)

    @property
    def as_of_text(self) -> str:
        """What the age label says."""
        return self.age_label.text()

    @property
    def empty_text(self) -> str | None:
        """The empty-state text while it is shown."""
        return self._empty.text() if self._stack.currentWidget() is self._empty else None

    # --- news ---------------------------------------------------------------------------------------------------------

    def listen(self, kind: type[T], slot: Callable[[T], None]) -> None:
        """Subscribes `slot`, a method of this panel: states only while visible, notices always."""
        if kind in _STATE_TYPES:
            self._listeners[kind] = slot
            self.bridge.subscribe(kind, self._on_news)
        else:
            self.bridge.subscribe(kind, slot)

    def retheme(self) -> None:
        """Takes over the colours after a switch; panels that paint extend it."""
        self.update()

    def minimumSizeHint(self) -> QSize:
        """Docks may be dragged down to this."""
        return QSize(160, 90)

    def showEvent(self, event: QShowEvent) -> None:
        """Catches up with what came while the panel was hidden."""
        super().showEvent(event)
        self._age_timer.start()
        self._show_age()
        if self._is_in_front:
            self._take_waiting()

    @Slot(bool)
    def set_in_front(self, is_in_front: bool) -> None:
        """Told by the dock: a tab behind another one is visible to Qt, but to nobody else, and need not be fed."""
        self._is_in_front = is_in_front
        if is_in_front and self.isVisible():
            self._take_waiting()

    def _take_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for kind in _STATE_TYPES:
            if kind in waiting:
                self._listeners[kind](waiting[kind])

    def hideEvent(self, event: QHideEvent) -> None:
        """Stops counting the age of what nobody sees."""
        super().hideEvent(event)
        self._age_timer.stop()

    def _on_news(self, state: object) -> None:
        if self.isVisible() and self._is_in_front:
            self._listeners[type(state)](state)
        else:
            self._waiting[type(state)] = state

    @Slot()
    def _show_age(self) -> None:
        age_s = None if self._as_of_utc is None else time.monotonic() - self._as_of_mark
        text = "" if self._as_of_utc is None else fmt.as_of(self._as_of_utc, None, age_s)
        if text != self.age_label.text():
            self.age_label.setText(text)
