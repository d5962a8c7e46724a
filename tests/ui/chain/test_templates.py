"""Structures out of the chain: the picker by delta and the right-click menu, on a demo engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from execution.chain_views import ChainNumbers
from execution.commands import WatchChain
from models.enums import Action, Right
from models.errors import InvalidInput
from models.order import OrderLeg
from tests.ui.chain.kit import PUT_BID, row_of
from tests.ui.ticket_demo_data import JUNE_12, SPOT, DemoClient, numbers_of, static_of
from ui.bridge import Bridge
from ui.chain.columns import Field, column_index
from ui.chain.menu import entries
from ui.chain.templates import (
    DeltaPick,
    Template,
    iron_condor,
    is_bracketed,
    is_near,
    legs_by_delta,
    strangle,
    vertical,
)
from ui.panels.option_chain import OptionChainPanel

STATIC = static_of(JUNE_12)
NUMBERS = numbers_of(STATIC)

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def submenu(menu: QMenu, title: str) -> QMenu:
    found = next(action.menu() for action in menu.actions() if action.text() == title)
    assert isinstance(found, QMenu)
    return found


def test_the_picker_stages_an_iron_condor_by_delta(qtbot: QtBot, panel: OptionChainPanel) -> None:
    picked: list[tuple[OrderLeg, ...]] = []
    panel.legs_picked.connect(picked.append)
    QTest.mouseClick(panel.picker.button, Qt.MouseButton.LeftButton)
    (legs,) = picked
    assert [(leg.action, leg.contract.right) for leg in legs] == [
        (Action.BUY, Right.PUT),
        (Action.SELL, Right.PUT),
        (Action.SELL, Right.CALL),
        (Action.BUY, Right.CALL),
    ]
    deltas = [abs(leg.greeks.delta) for leg in legs if leg.greeks is not None]
    assert deltas == pytest.approx([0.08, 0.16, 0.16, 0.08], abs=0.012)


def test_the_picker_waits_for_quotes_of_strikes_that_are_not_on_screen(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge, client: DemoClient
) -> None:
    static = static_of(JUNE_12)
    full = numbers_of(static)
    near = np.abs(np.array([float(k) for k in static.strikes]) - SPOT) < 150

    def blank(numbers: ChainNumbers) -> ChainNumbers:
        sides = (side._replace(delta=np.where(near, side.delta, np.nan)) for side in (numbers.calls, numbers.puts))
        calls, puts = sides
        return numbers._replace(calls=calls, puts=puts)

    bridge.state(blank(full))
    far = column_index(Field.DELTA, Right.PUT)
    qtbot.waitUntil(lambda: np.isnan(panel.model.value(0, far)))
    picked: list[tuple[OrderLeg, ...]] = []
    panel.legs_picked.connect(picked.append)
    QTest.mouseClick(panel.picker.button, Qt.MouseButton.LeftButton)
    assert picked == []
    watched = client.of(WatchChain)[-1]
    assert (watched.visible_low, watched.visible_high) == (static.strikes[0], static.strikes[-1])
    bridge.state(full)
    qtbot.waitUntil(lambda: len(picked) == 1)
    first, _ = panel.view.visible_rows()
    qtbot.waitUntil(lambda: client.of(WatchChain)[-1] != watched)  # what is on screen is quoted again
    shown = client.of(WatchChain)[-1]
    assert shown.visible_low is not None
    assert shown.visible_low <= (panel.model.strike_at(first) or 0)
    assert shown.visible_low > static.strikes[0]


def test_a_pick_among_strikes_that_stay_unquoted_is_refused_in_words(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge
) -> None:
    bridge.state(thinned(NUMBERS, np.array([abs(float(k) - SPOT) < 100 for k in STATIC.strikes])))
    qtbot.waitUntil(lambda: bool(np.isnan(panel.model.value(0, column_index(Field.DELTA, Right.PUT)))))
    with qtbot.assertNotEmitted(panel.legs_picked):
        QTest.mouseClick(panel.picker.button, Qt.MouseButton.LeftButton)
        panel._on_pick_late()
    assert "no quotes yet" in panel.controls.error.text()
    assert panel.picker.button.isEnabled()


def thinned(numbers: ChainNumbers, known: npt.NDArray[np.bool_]) -> ChainNumbers:
    calls, puts = (side._replace(delta=np.where(known, side.delta, np.nan)) for side in (numbers.calls, numbers.puts))
    return numbers._replace(calls=calls, puts=puts)


@pytest.mark.parametrize(("every", "is_enough"), [(1, True), (2, True), (30, False)])
def test_a_grid_of_known_deltas_is_enough_when_it_is_fine(every: int, is_enough: bool) -> None:
    pick = DeltaPick(Template.IRON_CONDOR, 16.0, 8.0)
    known = np.arange(len(STATIC.strikes)) % every == 0
    assert is_bracketed(pick, STATIC, thinned(NUMBERS, known)) is is_enough


def test_neighbouring_strikes_are_enough_however_far_apart_their_deltas_are() -> None:
    every = slice(None, None, 20)
    wide = replace(STATIC, strikes=STATIC.strikes[every], calls=STATIC.calls[every], puts=STATIC.puts[every])
    calls, puts = (side._replace(delta=side.delta[every]) for side in (NUMBERS.calls, NUMBERS.puts))
    pick = DeltaPick(Template.STRANGLE, 16.0, 8.0)
    assert is_bracketed(pick, wide, NUMBERS._replace(calls=calls, puts=puts))


def test_the_outermost_strike_of_a_narrow_listing_is_near_enough() -> None:
    deep = np.abs(NUMBERS.puts.delta) > 0.25
    narrow = replace(STATIC, puts=tuple(p if keep else None for p, keep in zip(STATIC.puts, deep, strict=True)))
    pick = DeltaPick(Template.PUT_VERTICAL, 16.0, 8.0)
    assert not is_bracketed(pick, narrow, NUMBERS)
    assert is_near(pick, narrow, NUMBERS)


def test_the_right_click_menu_offers_spreads_at_the_strike(qtbot: QtBot, panel: OptionChainPanel) -> None:
    picked: list[tuple[OrderLeg, ...]] = []
    panel.legs_picked.connect(picked.append)
    menu = panel.strike_menu(row_of(panel, 7000), PUT_BID)
    assert menu is not None
    qtbot.addWidget(menu)
    sell = submenu(menu, "Sell")
    verticals = submenu(sell, "Vertical")
    assert [action.text() for action in verticals.actions()][:2] == ["25 wide   6975 / 7000", "50 wide   6950 / 7000"]
    verticals.actions()[1].trigger()
    assert [(leg.action, leg.contract.label) for leg in picked[0]] == [
        (Action.BUY, "SPXW 12 Jun 26 6950 P"),
        (Action.SELL, "SPXW 12 Jun 26 7000 P"),
    ]


def test_a_right_click_on_the_table_opens_the_menu(qtbot: QtBot, panel: OptionChainPanel) -> None:
    at: list[tuple[int, int]] = []
    panel.view.menu_wanted.disconnect()
    panel.view.menu_wanted.connect(lambda row, column, _at: at.append((row, column)))
    spot = panel.view.visualRect(panel.model.index(row_of(panel, 7200), PUT_BID)).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, spot, QPoint(0, 0))
    QApplication.sendEvent(panel.view.viewport(), event)
    assert at == [(row_of(panel, 7200), PUT_BID)]


@given(
    template=st.sampled_from(Template),
    short=st.floats(14, 45),
    long=st.floats(2, 9),
)
def test_every_leg_by_delta_is_the_nearest_listed(template: Template, short: float, long: float) -> None:
    for leg in legs_by_delta(DeltaPick(template, short, long), STATIC, NUMBERS):
        right = leg.contract.right
        side = NUMBERS.calls if right is Right.CALL else NUMBERS.puts
        target = short if leg.action is Action.SELL else long
        assert leg.greeks is not None
        assert abs(abs(leg.greeks.delta) * 100 - target) <= np.abs(np.abs(side.delta) * 100 - target).min() + 1e-9


def test_wings_at_the_same_strike_are_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInput, match="same strike"):
        legs_by_delta(DeltaPick(Template.PUT_VERTICAL, 16.0, 16.0), STATIC, NUMBERS)


def test_without_any_delta_the_picker_says_so() -> None:
    nothing = np.full(len(STATIC.strikes), np.nan)
    blank = NUMBERS._replace(puts=NUMBERS.puts._replace(delta=nothing))
    with pytest.raises(InvalidInput, match="No put has a delta yet"):
        legs_by_delta(DeltaPick(Template.PUT_VERTICAL, 16.0, 8.0), STATIC, blank)


@given(row=st.integers(12, 68), width=st.integers(1, 8), action=st.sampled_from(Action))
def test_templates_are_one_package_with_ascending_strikes(row: int, width: int, action: Action) -> None:
    money = 40
    for legs in (
        vertical(STATIC, row, Right.PUT, action, width),
        vertical(STATIC, row, Right.CALL, action, width),
        strangle(STATIC, row, action, money),
        iron_condor(STATIC, row, action, money, width),
    ):
        strikes = [leg.contract.strike for leg in legs if leg.contract.strike is not None]
        assert strikes == sorted(strikes)
        assert len({leg.contract.key for leg in legs}) == len(legs)
        assert all(leg.quantity == 1 for leg in legs)


def test_the_menu_leaves_out_what_is_not_listed() -> None:
    found = entries(STATIC, 0, Right.PUT, 40)
    assert all(entry.group != "Vertical" for entry in found)
    assert any(entry.text.startswith("Strangle") for entry in found)
