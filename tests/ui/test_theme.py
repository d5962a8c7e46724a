from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.views import Severity
from models.enums import OrderStatus, Regime
from ui import theme as look
from ui.icons import Icon, Icons
from ui.theme import Ink, LimitState, Theme, ThemeName

TEXT_INKS = [
    Ink.TEXT,
    Ink.TEXT_MUTED,
    Ink.GAIN,
    Ink.LOSS,
    Ink.WARNING,
    Ink.ERROR,
    Ink.INFO,
    Ink.CALL,
    Ink.PUT,
    Ink.BID,
    Ink.ASK,
    Ink.BUY,
    Ink.SELL,
    Ink.ACCENT,
    Ink.REGIME_LOW,
    Ink.REGIME_MEDIUM,
    Ink.REGIME_HIGH,
    Ink.REGIME_CRISIS,
]


def _luminance(color: QColor) -> float:
    def linear(share: float) -> float:
        return share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF())


def _contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", list(ThemeName))
@pytest.mark.parametrize("ground", [Ink.PANEL, Ink.RAISED])
def test_every_text_colour_can_be_read_on_panels(qtbot: QtBot, name: ThemeName, ground: Ink) -> None:
    theme = Theme(name)
    poor = {ink.value: _contrast(theme.color(ink), theme.color(ground)) for ink in TEXT_INKS}
    assert {ink: ratio for ink, ratio in poor.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("name", list(ThemeName))
@pytest.mark.parametrize(
    ("ink", "on"), [(Ink.PAPER, Ink.ON_PAPER), (Ink.LIVE, Ink.ON_LIVE), (Ink.ACCENT, Ink.ON_ACCENT)]
)
def test_badges_can_be_read(qtbot: QtBot, name: ThemeName, ink: Ink, on: Ink) -> None:
    theme = Theme(name)
    assert _contrast(theme.color(ink), theme.color(on)) >= 4.5


def test_a_palette_with_a_missing_or_unknown_colour_is_refused(tmp_path: Path) -> None:
    colors = {ink.value: "#112233" for ink in Ink if ink is not Ink.GAIN} | {"pink": "#ff00ff"}
    (tmp_path / "dark.json").write_text(json.dumps(colors))
    with pytest.raises(ValueError, match="gain, pink"):
        look.load_palette(tmp_path, ThemeName.DARK)


def test_a_palette_entry_that_is_no_colour_is_refused(tmp_path: Path) -> None:
    colors = {ink.value: "#112233" for ink in Ink} | {"gain": "greenish"}
    (tmp_path / "dark.json").write_text(json.dumps(colors))
    with pytest.raises(ValueError, match="not a colour: gain"):
        look.load_palette(tmp_path, ThemeName.DARK)


def test_switching_restyles_the_application_and_tells_once(qtbot: QtBot) -> None:
    theme, app = Theme(), QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app)
    dark_sheet = app.styleSheet()
    with qtbot.waitSignal(theme.changed):
        theme.switch(ThemeName.LIGHT)
    assert app.styleSheet() != dark_sheet
    assert app.palette().window().color() == theme.color(Ink.WINDOW)
    with qtbot.assertNotEmitted(theme.changed):
        theme.switch(ThemeName.LIGHT)
    app.setStyleSheet("")


def test_all_digits_are_equally_wide(theme: Theme) -> None:
    metrics = QFontMetricsF(theme.number_font())
    assert len({round(metrics.horizontalAdvance(digit), 3) for digit in "0123456789"}) == 1


def test_gain_and_loss_follow_the_sign_and_unknown_is_muted() -> None:
    assert look.sign_ink(1.0) is Ink.GAIN
    assert look.sign_ink(-1.0) is Ink.LOSS
    assert look.sign_ink(0.0) is Ink.TEXT
    assert look.sign_ink(None) is Ink.TEXT_MUTED
    assert look.sign_ink(math.nan) is Ink.TEXT_MUTED


@pytest.mark.parametrize(
    ("used", "is_breached", "state"),
    [
        (0.5, False, LimitState.OK),
        (0.8, False, LimitState.NEAR),
        (0.2, True, LimitState.BREACHED),
        (None, False, LimitState.UNKNOWN),
        (math.nan, False, LimitState.UNKNOWN),
    ],
)
def test_limit_states(used: float | None, is_breached: bool, state: LimitState) -> None:
    assert look.limit_state(used, is_breached=is_breached) is state


def test_every_member_of_the_closed_sets_has_its_ink() -> None:
    assert {look.order_ink(status) for status in OrderStatus} <= set(Ink)
    assert {look.regime_ink(regime) for regime in Regime} <= set(Ink)
    assert {look.severity_ink(severity) for severity in Severity} <= set(Ink)
    assert len({look.limit_ink(state) for state in LimitState}) == len(LimitState)


@pytest.mark.parametrize("icon", list(Icon))
def test_every_icon_draws_something_in_the_ink_asked_for(theme: Theme, icons: Icons, icon: Icon) -> None:
    image = icons.pixmap(icon, Ink.LOSS).toImage()
    drawn = {
        image.pixelColor(x, y).rgb() for x in range(32) for y in range(32) if image.pixelColor(x, y).alpha() == 255
    }
    assert drawn == {theme.color(Ink.LOSS).rgb()}


def test_icons_are_drawn_once_per_colour(theme: Theme, icons: Icons) -> None:
    dark = icons.get(Icon.CLOSE)
    assert icons.get(Icon.CLOSE) is dark
    theme.switch(ThemeName.LIGHT)
    assert icons.get(Icon.CLOSE) is not dark
