"""A line under the account bar that says why the desk cannot trade as usual; gone when all is well."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from execution.commands import Reconcile
from execution.connection_views import LoginNeed, LoginState
from execution.views import DeskState, Phase
from models.enums import Mode, TradingState
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.messages import Messages
from ui.theme import GAP, PAD, Ink, Theme

_WORDS = {
    Phase.STARTING: "Starting: reading what the database knows.",
    Phase.CONNECTING: "Connecting to the broker. Trading is locked until the desk has reconciled.",
    Phase.RECONCILING: "Reconciling with the broker. Trading is locked until orders, fills and positions agree.",
    Phase.READ_ONLY: "Read only: another Optiondesk has this database open. Figures and journal can be seen, nothing"
    " can be sent. To trade here, close the other one and start again.",
    Phase.FAILED: "The desk could not start. Nothing can be sent.",
}

#: What follows a problem that the desk works on by itself.
_LOCKED = {
    Phase.CONNECTING: "Trading is locked until the desk has reconciled.",
    Phase.RECONCILING: "Trading is locked until orders, fills and positions agree.",
}


class Banner(QWidget):
    """Reads DeskState and LoginState. `room_changing` comes just before its line appears or goes."""

    room_changing = Signal()
    #: The user wants to see the broker's settings, or to be asked for the vault's passphrase.
    connections_wanted = Signal()
    unlock_wanted = Signal()

    def __init__(
        self, bridge: Bridge, client: EngineClient, theme: Theme, messages: Messages, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._theme = theme
        self._messages = messages
        self._ink = Ink.WARNING
        line = QHBoxLayout(self)
        line.setContentsMargins(2 * PAD, GAP, PAD, GAP)
        self.label = QLabel(self)
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.retry_button = QPushButton("Try again", self)
        self.retry_button.clicked.connect(self._retry)
        self.unlock_button = QPushButton("Unlock…", self)
        self.unlock_button.setProperty("kind", "primary")
        self.unlock_button.clicked.connect(self.unlock_wanted)
        self.connections_button = QPushButton("Broker connections…", self)
        self.connections_button.clicked.connect(self.connections_wanted)
        self._is_locked = False
        line.addWidget(self.label, 1)
        for button in (self.unlock_button, self.connections_button, self.retry_button):
            button.hide()
            line.addWidget(button)
        self.setObjectName("banner")
        self.setAutoFillBackground(True)
        self.hide()
        theme.changed.connect(self._paint_ink)
        bridge.subscribe(DeskState, self._on_desk)
        bridge.subscribe(LoginState, self._on_login)

    @property
    def text(self) -> str:
        """What the banner says; empty while hidden."""
        return self.label.text() if not self.isHidden() else ""

    def show_failure(self, text: str) -> None:
        """Says that the engine could not start at all; no DeskState will come to say it."""
        self._say(f"{_WORDS[Phase.FAILED]}  {text}")
        self._ink = Ink.ERROR
        self._offer(is_failed=False)
        self._paint_ink()
        self._show_line(is_shown=True)

    def _on_desk(self, desk: DeskState) -> None:
        text, self._ink = _message(desk)
        self._say(text)
        self._offer(is_failed=desk.phase is Phase.FAILED)
        self._paint_ink()
        self._show_line(is_shown=bool(text))

    def _on_login(self, login: LoginState) -> None:
        self._is_locked = login.need is LoginNeed.PASSPHRASE
        self.unlock_button.setVisible(self._is_locked and not self.retry_button.isHidden())

    def _offer(self, *, is_failed: bool) -> None:
        self.retry_button.setVisible(is_failed)
        self.connections_button.setVisible(is_failed)
        self.unlock_button.setVisible(is_failed and self._is_locked)

    def _say(self, text: str) -> None:
        """A long text takes as many lines as it needs: its end is the cure."""
        if text != self.label.text():
            if not self.isHidden():
                self.room_changing.emit()
            self.label.setText(text)

    def _show_line(self, *, is_shown: bool) -> None:
        if is_shown is self.isHidden():
            self.room_changing.emit()
            self.setVisible(is_shown)

    def _paint_ink(self) -> None:
        color = self._theme.css(self._ink)
        self.setStyleSheet(
            f"#banner {{ background: {self._theme.css(Ink.PANEL)}; border-bottom: 1px solid {color};"
            f" border-left: 4px solid {color}; }} #banner QLabel {{ color: {color}; font-weight: 600; }}"
        )

    def _retry(self) -> None:
        self._client.ask(Reconcile(), self._on_asked, self._messages.failed)

    def _on_asked(self, _answer: object) -> None:
        """The desk's next state tells the rest."""


def _message(desk: DeskState) -> tuple[str, Ink]:
    if desk.phase in _LOCKED and desk.problem:
        return f"{desk.problem}  {_LOCKED[desk.phase]}", Ink.WARNING
    if desk.phase is not Phase.READY:
        ink = {Phase.FAILED: Ink.ERROR, Phase.READ_ONLY: Ink.WARNING}.get(desk.phase, Ink.INFO)
        return f"{_WORDS[desk.phase]}  {desk.problem}".strip(), ink
    if desk.trading_state is TradingState.HALTED:
        return f"HALTED: nothing is sent, cancels still go out.  {desk.trading_state_reason}".strip(), Ink.ERROR
    if desk.trading_state is TradingState.REDUCING:
        return f"REDUCING: only closing orders are sent.  {desk.trading_state_reason}".strip(), Ink.WARNING
    if desk.mode is Mode.LIVE and not desk.armed:
        return "LIVE account, not armed: orders are denied until you arm it (Trade menu).", Ink.WARNING
    return (desk.problem, Ink.WARNING) if desk.problem else ("", Ink.INFO)
