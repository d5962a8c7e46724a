from __future__ import annotations

import sys
import threading
from decimal import Decimal

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from execution.views import LimitRow, LogLine, Severity
from models.enums import Metric
from models.product import NICKEL, NICKEL_DIME
from tests.ui import demo_data as demo
from tests.ui.demo_data import found
from ui.bridge import Bridge
from ui.icons import Icons
from ui.messages import ErrorDialog, Messages, UserCancelled
from ui.theme import Ink, LimitState, Theme
from ui.widgets.labels import StaleBadge, ValueLabel
from ui.widgets.limit_bar import LimitBar
from ui.widgets.price_stepper import PriceStepper
from ui.widgets.toasts import Toast


def test_a_value_label_never_shrinks_so_that_nothing_beside_it_jumps(qtbot: QtBot, theme: Theme) -> None:
    label = ValueLabel(theme)
    qtbot.addWidget(label)
    label.set("+1,234,567", Ink.GAIN)
    wide = label.minimumWidth()
    label.set("+1")
    assert label.minimumWidth() == wide > 0


def test_a_stale_badge_shows_only_when_it_has_something_to_say(qtbot: QtBot, theme: Theme) -> None:
    badge = StaleBadge(theme, fresh_s=15)
    qtbot.addWidget(badge)
    badge.set_age(3)
    assert badge.isHidden()
    badge.set_age(75)
    assert (badge.isHidden(), badge.text()) == (False, "stale 1m")
    badge.set_age(None)
    assert badge.text() == "no data"


def test_a_limit_bar_says_in_words_how_the_limit_stands(qtbot: QtBot, theme: Theme) -> None:
    bar = LimitBar(theme)
    qtbot.addWidget(bar)
    bar.show_limit(LimitRow(Metric.VEGA, -3200.0, -3000.0, None, 1.07, is_breached=True))
    assert bar.state is LimitState.BREACHED
    assert "limits −3,000 to —, used 107%" in bar.toolTip()
    assert "Breached" in bar.toolTip()


def test_the_longer_bar_paints_more_of_its_colour(qtbot: QtBot, theme: Theme) -> None:
    bar = LimitBar(theme)
    qtbot.addWidget(bar)
    bar.resize(150, 8)

    def painted(share: float) -> int:
        bar.set_share(share, is_breached=False)
        image = bar.grab().toImage()
        wanted = theme.color(Ink.LIMIT_OK).rgb()
        return sum(image.pixelColor(x, image.height() // 2).rgb() == wanted for x in range(image.width()))

    assert painted(0.2) < painted(0.7)


@pytest.fixture
def stepper(qtbot: QtBot, theme: Theme, icons: Icons) -> PriceStepper:
    made = PriceStepper(theme, icons)
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_credit_stays_a_credit_and_never_reaches_zero(qtbot: QtBot, stepper: PriceStepper) -> None:
    stepper.set(Decimal("-0.10"), NICKEL)
    qtbot.mouseClick(stepper.down_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(stepper.down_button, Qt.MouseButton.LeftButton)
    assert stepper.price == Decimal("-0.05")
    assert stepper.label.text() == "CR 0.05"


def test_a_step_takes_the_tick_of_the_price_it_starts_from(qtbot: QtBot, stepper: PriceStepper) -> None:
    stepper.set(Decimal("2.95"), NICKEL_DIME)
    qtbot.keyClick(stepper, Qt.Key.Key_Up)
    assert stepper.price == Decimal("3.00")
    qtbot.keyClick(stepper, Qt.Key.Key_Up)
    assert stepper.price == Decimal("3.10")


def test_the_wheel_steps_only_with_the_focus(qtbot: QtBot, stepper: PriceStepper) -> None:
    stepper.set(Decimal("1.00"), NICKEL)

    def roll() -> None:
        event = QWheelEvent(
            QPointF(5, 5),
            QPointF(5, 5),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(stepper, event)

    stepper.clearFocus()
    roll()
    assert stepper.price == Decimal("1.00")
    stepper.setFocus()
    qtbot.waitUntil(stepper.hasFocus)
    roll()
    assert stepper.price == Decimal("1.05")


def test_a_stepper_without_a_price_is_dead(stepper: PriceStepper) -> None:
    stepper.set(None, None)
    stepper.step(1)
    assert not stepper.isEnabled()
    assert stepper.label.text() == "—"


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    return made


def test_messages_wait_for_the_window_and_a_key_replaces_the_earlier(messages: Messages, window: QWidget) -> None:
    messages.notify(Severity.INFO, "before the window")
    messages.attach(window)
    messages.notify(Severity.WARNING, "feed is stale", replace_key="feed")
    messages.notify(Severity.GOOD, "feed is live", replace_key="feed")
    assert messages.toasts == ("before the window", "feed is live")


def test_only_the_newest_four_toasts_are_shown(messages: Messages, window: QWidget) -> None:
    messages.attach(window)
    for number in range(6):
        messages.notify(Severity.INFO, str(number))
    assert messages.toasts == ("2", "3", "4", "5")


def test_a_toast_is_closed_by_its_button(qtbot: QtBot, messages: Messages, window: QWidget) -> None:
    messages.attach(window)
    messages.notify(Severity.INFO, "read me")
    toast = found(window, Toast)
    qtbot.mouseClick(toast.close_button, Qt.MouseButton.LeftButton)
    assert messages.toasts == ()


def test_log_lines_marked_so_are_toasts_and_a_cancelled_action_says_nothing(
    qtbot: QtBot, messages: Messages, bridge: Bridge, window: QWidget
) -> None:
    messages.attach(window)
    bridge.notice(LogLine(demo.NOW, Severity.INFO, "test", "quiet"))
    bridge.notice(LogLine(demo.NOW, Severity.GOOD, "test", "loud", toast=True))
    messages.failed(UserCancelled())
    qtbot.waitUntil(lambda: bool(messages.toasts))
    assert messages.toasts == ("loud",)


def test_an_exception_of_any_thread_ends_in_one_dialog(qtbot: QtBot, messages: Messages, window: QWidget) -> None:
    messages.attach(window)
    restore = messages.install_hooks()
    try:

        def fail() -> None:
            raise RuntimeError("lost in a thread")

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: window.findChild(QWidget, "errorDialog") is not None)
        sys.excepthook(ValueError, ValueError("again"), None)
        dialog = found(window, ErrorDialog)
        assert "lost in a thread" in dialog.details
        assert len(window.findChildren(QWidget, "errorDialog")) == 1
    finally:
        restore()
