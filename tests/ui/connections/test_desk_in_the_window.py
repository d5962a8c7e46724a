"""What the window says of a login that may only look, and what it never says of any."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from execution.redaction import Redactor
from execution.views import AccountsState, Severity
from models.account import AccountInfo
from models.enums import BrokerName, Mode
from models.errors import KnownError
from models.ids import AccountId
from tests.execution.secrets_rig import SECRETS, leaks, needles
from tests.ui.demo_data import RecordingClient, publish
from ui.bridge import Bridge
from ui.desk_commands import DeskCommands
from ui.icons import Icons
from ui.messages import Messages
from ui.theme import Theme


def a_live(account_id: str, *, may_trade: bool) -> AccountInfo:
    return AccountInfo(BrokerName.TASTYTRADE, AccountId(account_id), Mode.LIVE, "Individual", may_trade)


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ((a_live("5WX1", may_trade=False),), "5WX1 cannot be armed: opened read-only."),
        ((a_live("5WX1", may_trade=True), a_live("5WX2", may_trade=True)), "Choose one live account in the account"),
        ((), "Choose one live account in the account bar first."),
    ],
    ids=["read-only", "two", "none"],
)
def test_what_cannot_be_armed_says_why(
    qtbot: QtBot, bridge: Bridge, theme: Theme, accounts: tuple[AccountInfo, ...], said: str
) -> None:
    messages, client = Messages(bridge, theme, Icons(theme)), RecordingClient()
    commands = DeskCommands(bridge, client, messages)
    publish(qtbot, bridge, AccountsState(accounts, (), None, None))
    commands.arm()
    (toast,) = messages.toasts
    assert toast.startswith(said)
    assert not client.asked


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_in_a_toast_an_error_dialog_or_what_is_copied_from_it(
    qtbot: QtBot, bridge: Bridge, theme: Theme, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    messages = Messages(bridge, theme, Icons(theme), clean=redactor.clean)
    messages.notify(Severity.ERROR, f"refused: {secret}")
    messages.failed(KnownError(f"refused {secret}", cure=secret))
    told: list[str] = []
    messages._unexpected.connect(lambda summary, details: told.extend((summary, details)))
    messages.failed(RuntimeError(f"sent {secret}"))
    qtbot.waitUntil(lambda: messages._error_dialog is not None)
    dialog = messages._error_dialog
    assert dialog is not None
    shown = [*messages.toasts, *told, dialog.details, *(record.getMessage() for record in caplog.records)]
    assert len(shown) >= 5
    assert not leaks(" ".join(shown), needles([secret]))
    dialog.close()
