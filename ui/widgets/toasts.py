"""Short messages over the window's lower right corner; they go by themselves and take no focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from execution.views import Severity
from ui.icons import Icon, Icons
from ui.theme import PAD, Ink, Theme, severity_ink

_WIDTH = 380
_MOST = 4
_STAY_MS = {Severity.INFO: 5000, Severity.GOOD: 5000, Severity.WARNING: 9000, Severity.ERROR: 15000}
_ICONS = {
    Severity.INFO: Icon.INFO,
    Severity.GOOD: Icon.CHECK,
    Severity.WARNING: Icon.WARNING,
    Severity.ERROR: Icon.STOP,
}


class Toast(QFrame):
    """One message. It stays while the pointer is over it."""

    expired = Signal(object)

    def __init__(self, theme: Theme, icons: Icons, severity: Severity, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        ink = severity_ink(severity)
        self.setObjectName("toast")
        self.setFixedWidth(_WIDTH)
        self.setStyleSheet(
            f"#toast {{ background: {theme.css(Ink.RAISED)}; border: 1px solid {theme.css(Ink.BORDER)};"
            f" border-left: 4px solid {theme.css(ink)}; border-radius: 3px; }}"
        )
        line = QHBoxLayout(self)
        line.setContentsMargins(PAD, PAD, PAD, PAD)
        line.setSpacing(PAD)
        sign = QLabel(self)
        sign.setPixmap(icons.pixmap(_ICONS[severity], ink))
        self.label = QLabel(text, self)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.close_button = QToolButton(self)
        self.close_button.setProperty("kind", "flat")
        self.close_button.setIcon(icons.get(Icon.CLOSE))
        self.close_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.close_button.clicked.connect(self._expire)
        line.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.label, 1)
        line.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self._life = QTimer(self)
        self._life.setSingleShot(True)
        self._life.setInterval(_STAY_MS[severity])
        self._life.timeout.connect(self._expire)
        self._life.start()

    @Slot()
    def _expire(self) -> None:
        self.expired.emit(self)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Keeps the toast while it is being read."""
        self._life.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Lets it go again."""
        self._life.start()
        super().leaveEvent(event)


class ToastArea(QWidget):
    """The stack of toasts over a window; newest below, at most four."""

    def __init__(self, theme: Theme, icons: Icons, window: QWidget) -> None:
        super().__init__(window)
        self._theme = theme
        self._icons = icons
        self._window = window
        self._keyed: dict[str, Toast] = {}
        self._toasts: list[Toast] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(PAD)
        window.installEventFilter(self)
        self.hide()

    @property
    def texts(self) -> tuple[str, ...]:
        """What is shown now, oldest first."""
        return tuple(toast.label.text() for toast in self._toasts)

    def add(self, severity: Severity, text: str, replace_key: str | None = None) -> None:
        """Shows a message; one with the same key, or the same words, takes the place of the earlier."""
        same = next((toast for toast in self._toasts if toast.label.text() == text), None)
        earlier = self._keyed.get(replace_key, same) if replace_key else same
        if earlier is not None:
            self._remove(earlier)
        while len(self._toasts) >= _MOST:
            self._remove(self._toasts[0])
        toast = Toast(self._theme, self._icons, severity, text, self)
        toast.expired.connect(self._on_expired)
        self._toasts.append(toast)
        if replace_key:
            self._keyed[replace_key] = toast
        self._column.addWidget(toast)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follows the window's corner."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    @Slot(object)
    def _on_expired(self, toast: Toast) -> None:
        self._remove(toast)
        self._place()

    def _remove(self, toast: Toast) -> None:
        self._toasts.remove(toast)
        self._keyed = {key: kept for key, kept in self._keyed.items() if kept is not toast}
        self._column.removeWidget(toast)
        toast.hide()
        toast.deleteLater()

    def _place(self) -> None:
        if not self._toasts:
            self.hide()
            return
        heights = [toast.heightForWidth(_WIDTH) for toast in self._toasts]
        for toast, toast_height in zip(self._toasts, heights, strict=True):
            toast.setFixedHeight(toast_height)
        height = sum(heights) + PAD * (len(heights) - 1)
        left, top = self._window.width() - _WIDTH - 2 * PAD, self._window.height() - height - 2 * PAD
        self.setGeometry(left, top, _WIDTH, height)
        self.show()
        self.raise_()
