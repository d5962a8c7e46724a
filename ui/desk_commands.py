"""Commands of the whole desk, as menus, keys and the account bar give them: kill switch, cancel all, arming."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from execution.commands import ArmLive, CancelAll, Reconcile, SetTradingState, TakeSnapshot
from execution.views import AccountsState, DeskState, OrdersState, Severity
from models.account import AccountInfo
from models.enums import Mode, TradingState
from ui import format as fmt
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.messages import Messages
from ui.orders import text as words
from ui.widgets.confirm import Confirmation

_MOST_LISTED = 8


class DeskCommands(QObject):
    """Asks the user where it must, tells the engine, says what came of it."""

    def __init__(self, bridge: Bridge, client: EngineClient, messages: Messages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._client = client
        self._messages = messages

    @Slot()
    def cancel_all(self) -> None:
        """Asks, with the count, whether to cancel every working order."""
        orders = self._bridge.newest(OrdersState)
        working = [] if orders is None else [order for order in orders.orders if order.is_working]
        if not working:
            self._messages.notify(Severity.INFO, "There are no working orders.", replace_key="cancel_all")
            return
        desk = self._bridge.newest(DeskState)
        facts = tuple(
            (order.underlying, f"{words.legs_text(order)}   {words.price_text(order)}")
            for order in working[:_MOST_LISTED]
        )
        more = f"and {len(working) - _MOST_LISTED} more. " if len(working) > _MOST_LISTED else ""
        count = fmt.plural(len(working), "order")
        self._messages.confirm(
            Confirmation(
                title="Cancel all orders",
                text=f"{count} of all accounts will be cancelled. {more}Fills that are already under way still count.",
                verb=f"Cancel {count}",
                kind="danger",
                facts=facts,
                mode=None if desk is None else desk.mode,
                where="" if desk is None or desk.mode is Mode.PAPER else desk.broker.value,
            ),
            on_yes=self._send_cancel_all,
        )

    def _send_cancel_all(self) -> None:
        self._client.ask(CancelAll(), self._on_cancelled, self._messages.failed)

    def _on_cancelled(self, count: int) -> None:
        self._messages.notify(Severity.INFO, f"{fmt.plural(count, 'cancel')} sent.", replace_key="cancel_all")

    @Slot()
    def halt(self) -> None:
        """Stops all sending at once: a kill switch that asks first is none."""
        self._client.ask(
            SetTradingState(TradingState.HALTED, "Halted by the user"), self._on_done, self._messages.failed
        )

    @Slot()
    def reduce_only(self) -> None:
        """Lets only closing orders through."""
        state = SetTradingState(TradingState.REDUCING, "Reducing only, set by the user")
        self._client.ask(state, self._on_done, self._messages.failed)

    @Slot()
    def resume(self) -> None:
        """Lifts a halt, after a question."""
        desk = self._bridge.newest(DeskState)
        why = "" if desk is None else f"Trading is {desk.trading_state.value}: {desk.trading_state_reason}. "
        self._messages.confirm(
            Confirmation("Resume trading", f"{why}Orders can be sent again after this.", "Resume trading"),
            on_yes=self._send_resume,
        )

    def _send_resume(self) -> None:
        state = SetTradingState(TradingState.ACTIVE, "Resumed by the user")
        self._client.ask(state, self._on_done, self._messages.failed)

    @Slot()
    def arm(self) -> None:
        """Arms a live account for this session: its id has to be typed."""
        account = self._account_to_arm()
        if account is None:
            self._messages.notify(Severity.WARNING, self._why_not_armed())
            return

        def send() -> None:
            self._client.ask(ArmLive(account.account_id, dialog.typed.text()), self._on_armed, self._messages.failed)

        dialog = self._messages.confirm(
            Confirmation(
                title="Arm live account",
                text="From now until the desk is closed, orders sent from here are real and cost real money.",
                verb=f"Arm {account.account_id}",
                kind="danger",
                mode=Mode.LIVE,
                where=f"{account.broker.value} {account.account_id}",
                must_type=account.account_id,
            ),
            on_yes=send,
        )

    def _account_to_arm(self) -> AccountInfo | None:
        """The selected live account, or the only one there is."""
        state = self._bridge.newest(AccountsState)
        if state is None:
            return None
        live = [one for one in state.accounts if one.mode is Mode.LIVE and one.may_trade]
        chosen = next((one for one in live if one.account_id == state.selected), None)
        return chosen or (live[0] if len(live) == 1 else None)

    def _why_not_armed(self) -> str:
        state = self._bridge.newest(AccountsState)
        live = [] if state is None else [one for one in state.accounts if one.mode is Mode.LIVE]
        if not live or any(one.may_trade for one in live):
            return "Choose one live account in the account bar first."
        names = ", ".join(one.account_id for one in live)
        return (
            f"{names} cannot be armed: opened read-only. Name what to trade in Desk > Broker connections…; its test"
            " says what the login allows."
        )

    def _on_armed(self, is_armed: bool) -> None:
        text = "Live account armed for this session." if is_armed else "The account was not armed."
        self._messages.notify(Severity.WARNING, text)

    @Slot()
    def take_snapshot(self) -> None:
        """Writes a snapshot of every account now."""
        self._client.ask(TakeSnapshot(), self._on_snapshot, self._messages.failed)

    def _on_snapshot(self, ids: tuple[str, ...]) -> None:
        self._messages.notify(Severity.GOOD, f"{fmt.plural(len(ids), 'account snapshot')} written.")

    @Slot()
    def reconcile(self) -> None:
        """Asks the broker for everything and compares."""
        self._client.ask(Reconcile(), self._on_done, self._messages.failed)

    def _on_done(self, _answer: object) -> None:
        """The next state tells the rest."""
