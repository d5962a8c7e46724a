"""Five lines for whoever opens the desk the first time; closed once, it does not come back by itself."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Slot
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from ui.settings import WindowSettings
from ui.theme import PAD, Ink, Theme

LINES = (
    "The badge top left says PAPER or LIVE at all times. On paper nothing costs money.",
    "Option chain: click a bid to sell, an ask to buy; click again to add. The legs appear in the order ticket.",
    "Order ticket: Simulate shows margin and portfolio Greeks before and after. Only then can it be sent.",
    "Risk dashboard: the bars show how much of each limit is used in the volatility regime of today.",
    "Ctrl+K finds symbols and commands. HALT stops all sending. Panels can be moved, tabbed and closed (View menu).",
)
#: Width of the card, and where its lower edge is as a share of the window's height.
_WIDTH_PX = 430
_BOTTOM_SHARE = 0.62


class FirstRunHint(QFrame):
    """A card over the lower left of the window."""

    def __init__(self, theme: Theme, settings: WindowSettings, window: QWidget) -> None:
        super().__init__(window)
        self._theme = theme
        self._settings = settings
        self._window = window
        self.setObjectName("firstRun")
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        column.setSpacing(PAD)
        title = QLabel("Your first trade in five lines", self)
        title.setProperty("role", "title")
        column.addWidget(title)
        for number, text in enumerate(LINES, start=1):
            column.addWidget(_numbered(number, text, self))
        self.close_button = QPushButton("Got it", self)
        self.close_button.setProperty("kind", "primary")
        self.close_button.setMaximumWidth(96)
        self.close_button.clicked.connect(self.dismiss)
        column.addWidget(self.close_button)
        theme.changed.connect(self._restyle)
        window.installEventFilter(self)
        self._restyle()
        self.setVisible(not settings.hint_dismissed)

    def _restyle(self) -> None:
        self.setStyleSheet(
            f"#firstRun {{ background: {self._theme.css(Ink.RAISED)}; border: 1px solid {self._theme.css(Ink.ACCENT)};"
            " border-radius: 4px; }"
        )

    @Slot()
    def dismiss(self) -> None:
        """Closes the card for good."""
        self._settings.hint_dismissed = True
        self.hide()

    def bring_back(self) -> None:
        """Shows the card again (Help menu)."""
        self.show()
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follows the window's size."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        if self.isHidden():
            return
        # Over the lower part of the positions: the chain and the ticket, where the first trade is made, stay free.
        self.setFixedSize(_WIDTH_PX, self.heightForWidth(_WIDTH_PX))
        self.move(2 * PAD, round(self._window.height() * _BOTTOM_SHARE) - self.height())
        self.raise_()


def _numbered(number: int, text: str, parent: QWidget) -> QLabel:
    line = QLabel(f"{number}.  {text}", parent)
    line.setWordWrap(True)
    return line
