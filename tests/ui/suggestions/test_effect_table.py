"""The bars of the limits: every mark is where its figure is, and red is only what is beyond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from models.enums import Metric
from models.hedge import LimitEffect
from models.risk import Limit
from tests.ui import suggestions_demo_data as demo
from ui.suggestions import words
from ui.suggestions.effect_table import EffectTable, bar_range
from ui.theme import Ink, Theme

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
figures = st.floats(-1e7, 1e7, allow_nan=False)
maybe = st.none() | figures


def effect(low: float | None, high: float | None, before: float | None, after: float | None) -> LimitEffect:
    return LimitEffect(Limit(Metric.VEGA, low, high), before, after)


@given(maybe, maybe, maybe, maybe)
def test_every_point_of_a_bar_lies_on_it(
    low: float | None, high: float | None, before: float | None, after: float | None
) -> None:
    ends = bar_range(effect(low, high, before, after))
    if low is None and high is None:
        assert ends is None
        return
    assert ends is not None
    assert ends[0] < ends[1]
    for point in (low, high, before, after):
        assert point is None or ends[0] <= point <= ends[1]


def test_a_figure_that_is_no_number_leaves_the_bar_as_it_is(qtbot: QtBot) -> None:
    whole, odd = effect(-10.0, 10.0, 1.0, None), effect(-10.0, 10.0, 1.0, float("nan"))
    assert bar_range(whole) == bar_range(odd)
    table = EffectTable(Theme())
    qtbot.addWidget(table)
    table.show_effects((odd, effect(None, None, 1.0, 2.0), effect(0.0, 0.0, 0.0, 0.0)))
    table.resize(table.sizeHint())
    assert not table.grab().isNull()
    assert [line[3] for line in table.texts()] == ["—", "no limit", "0%"]


def share_of(image: QImage, colour: QColor) -> int:
    return sum(image.pixelColor(x, y) == colour for x in range(image.width()) for y in range(image.height()))


def painted(qtbot: QtBot, theme: Theme, shown: LimitEffect) -> QImage:
    table = EffectTable(theme)
    qtbot.addWidget(table)
    table.show_effects((shown,))
    table.resize(table.sizeHint())
    return table.grab().toImage()


@pytest.mark.parametrize(
    ("after", "ink"), [(-3000.0, Ink.LIMIT_OK), (-3900.0, Ink.LIMIT_NEAR), (-4100.0, Ink.LIMIT_BREACHED)]
)
def test_the_mark_after_has_the_colour_of_how_it_stands(qtbot: QtBot, after: float, ink: Ink) -> None:
    theme = Theme()
    image = painted(qtbot, theme, effect(-4000.0, 1500.0, -1000.0, after))
    found = {each: share_of(image, theme.color(each)) for each in (Ink.LIMIT_OK, Ink.LIMIT_NEAR, Ink.LIMIT_BREACHED)}
    assert max(found, key=lambda each: found[each]) is ink
    assert found[ink] > 10


def test_the_share_says_in_a_word_what_the_colour_says() -> None:
    assert words.used(effect(-4000.0, 1500.0, 0.0, -5000.0)) == "125% ▲"
    assert words.used(effect(0.0, 2000.0, 10.0, -5.0)) == "over ▲"
    assert words.used(effect(-4000.0, None, 0.0, 20.0)) == "inside"
    assert words.used(effect(None, None, 0.0, 20.0)) == "no limit"
    assert words.used(effect(-1.0, 1.0, 0.0, None)) == "unknown"


def test_the_same_effects_again_are_not_painted_again(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    table = EffectTable(Theme())
    qtbot.addWidget(table)
    table.show_effects(demo.effects(vega=-3000.0))
    updates: list[bool] = []
    monkeypatch.setattr(table, "update", lambda: updates.append(True))
    table.show_effects(demo.effects(vega=-3000.0))
    assert updates == []
    table.show_effects(demo.effects(vega=-3100.0))
    assert updates == [True]
