from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.views import BookNumbers, BookStructure
from models.contract import underlying_contract
from models.enums import Action
from models.errors import InvalidInput
from tests.ui import demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.icons import Icons
from ui.messages import Messages
from ui.panels.positions import PositionsPanel
from ui.positions import columns as cells
from ui.positions.closing import can_roll, close_legs, later_expiries, roll_legs
from ui.positions.columns import Column, Line
from ui.positions.figures import figures_of
from ui.positions.tree import Filter, Level, Node, Tree, build_tree
from ui.settings import WindowSettings
from ui.theme import Ink, Theme


def _tree(wanted: Filter | None = None) -> Tree:
    return build_tree(demo.structure(), wanted or Filter(), demo.NOW)


def _node(tree: Tree, title: str) -> Node:
    return next(node for node in tree.nodes if node.title == title)


def test_the_tree_has_underlyings_strategies_and_legs_and_no_level_for_a_single_leg() -> None:
    tree = _tree()
    spx = _node(tree, "SPX")
    assert [child.title for child in spx.children] == [
        "Iron condor 5 Jun",
        "SPX 18 Jun 26 6500 P",
        "SPXW 4 May 26 7150 P",
    ]
    assert [child.level for child in spx.children] == [Level.STRATEGY, Level.LEG, Level.LEG]
    assert spx.children[0].children[0].title == "6750 P  5 Jun 26"


@pytest.mark.parametrize(
    ("wanted", "underlyings"),
    [
        (Filter(text="spx condor"), ["SPX"]),
        (Filter(text="745"), ["SPY"]),
        (Filter(account_id=demo.PAPER_B), ["NVDA"]),
        (Filter(within_days=0), ["SPX"]),
        (Filter(within_days=32), ["SPX", "/ESM6"]),
        (Filter(text="nothing like it"), []),
    ],
)
def test_a_filter_keeps_whole_strategies(wanted: Filter, underlyings: list[str]) -> None:
    tree = _tree(wanted)
    assert [root.title for root in tree.roots] == underlyings


def test_sums_are_those_of_the_legs_and_an_unknown_leg_is_left_out_and_marked() -> None:
    tree = _tree()
    numbers = demo.numbers()
    gap = numbers.theta_per_day.copy()
    gap[0] = math.nan
    figures = figures_of(tree, numbers._replace(theta_per_day=gap))
    condor = _node(tree, "Iron condor 5 Jun")
    assert figures.value(condor, "pnl_open") == pytest.approx(float(np.sum(numbers.pnl_open[:4])))
    assert figures.value(condor, "theta_per_day") == pytest.approx(float(np.sum(gap[1:4])))
    assert cells.text(Line(figures, condor), Column.THETA, demo.NOW).endswith("*")
    assert "1 leg left out" in cells.tooltip(Line(figures, condor), Column.THETA)
    assert cells.text(Line(figures, _node(tree, "NVDA")), Column.PNL_OPEN, demo.NOW) == "—"


def test_a_position_shared_by_two_strategies_is_counted_once() -> None:
    book = demo.structure()
    halves = tuple(
        replace(book.groups[1], group_id=f"half{n}", rows=(4,), quantities=(Decimal("-0.5"),)) for n in range(2)
    )
    tree = build_tree(BookStructure(1, book.rows, halves), Filter(), demo.NOW)
    numbers = demo.numbers()
    assert figures_of(tree, numbers).value(tree.roots[0], "pnl_open") == pytest.approx(numbers.pnl_open[4])


def test_cells_say_dte_with_settlement_beta_with_source_and_why_a_leg_is_excluded() -> None:
    tree = _tree()
    figures = figures_of(tree, demo.numbers())
    am = Line(figures, _node(tree, "SPX 18 Jun 26 6500 P"))
    today = Line(figures, _node(tree, "SPXW 4 May 26 7150 P"))
    nvda = Line(figures, _node(tree, "NVDA 18 Jun 26 170 P"))
    assert cells.text(am, Column.DTE, demo.NOW) == "45 AM"
    assert cells.text(today, Column.DTE, demo.NOW) == "0d 0:17 PM"
    assert cells.ink(today, Column.DTE) is Ink.WARNING
    assert cells.text(nvda, Column.BETA, demo.NOW) == "1.00 default!"
    assert cells.tooltip(nvda, Column.PNL_OPEN) == "No quote: left out of every total."
    assert cells.text(Line(figures, _node(tree, "TSLA")), Column.BETA, demo.NOW) == "1.86 tasty"


def test_closing_is_the_opposite_of_every_leg() -> None:
    condor = _node(_tree(), "Iron condor 5 Jun")
    legs = close_legs(condor.legs)
    assert [(leg.action, leg.quantity) for leg in legs] == [
        (Action.BUY, 2),
        (Action.SELL, 2),
        (Action.BUY, 2),
        (Action.SELL, 2),
    ]
    with pytest.raises(InvalidInput, match="at most 4 legs"):
        close_legs(_node(_tree(), "SPX").legs)
    with pytest.raises(InvalidInput, match="fraction of a contract"):
        close_legs((replace(condor.legs[0], quantity=Decimal("0.5")),))


def test_coins_are_shown_and_not_closed_here() -> None:
    leg = _node(_tree(), "Iron condor 5 Jun").legs[0]
    coins = replace(leg, row=replace(leg.row, contract=underlying_contract("BTC/USD")), quantity=Decimal(1))
    with pytest.raises(InvalidInput, match="shown here, not traded"):
        close_legs((coins,))


def test_rolling_closes_and_reopens_the_same_strike_later() -> None:
    legs = _node(_tree(), "SPXW 4 May 26 7150 P").legs
    later = later_expiries(legs, demo.expiries())
    assert [expiry.expiry.day for expiry in later] == [8, 5, 18, 30, 17]
    closing, opening = roll_legs(legs, later[0])
    assert (closing.action, opening.action) == (Action.BUY, Action.SELL)
    assert opening.contract.key == "SPXW  260508P07150000"
    assert not can_roll(_node(_tree(), "Iron condor 5 Jun").legs)
    assert not can_roll(_node(_tree(), "TSLA").legs)


@pytest.fixture
def panel(
    qtbot: QtBot,
    bridge: Bridge,
    client: RecordingClient,
    theme: Theme,
    icons: Icons,
    messages: Messages,
    settings: WindowSettings,
) -> PositionsPanel:
    made = PositionsPanel(bridge, client, theme, icons=icons, messages=messages, settings=settings)
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    demo.publish(qtbot, bridge, demo.structure(), demo.numbers())
    return made


def _texts(panel: PositionsPanel) -> list[str]:
    return [panel.model.index(row, 0).data() for row in range(panel.model.rowCount())]


def _select(panel: PositionsPanel, title: str) -> None:
    key = next(node.key for node in panel.model.lines() if node.title == title)
    panel.tree.setCurrentIndex(panel.model.index_of(key))


def test_hidden_panels_wait_and_catch_up_when_shown(qtbot: QtBot, panel: PositionsPanel, bridge: Bridge) -> None:
    panel.hide()
    demo.publish(qtbot, bridge, demo.numbers(at_utc=demo.NOW.replace(minute=50)))
    assert panel.model.now_utc == demo.NOW
    panel.show()
    assert panel.model.now_utc == demo.NOW.replace(minute=50)
    assert panel.as_of_text.startswith("as of ")


def test_a_tick_repaints_only_changed_columns_below_open_lines(
    qtbot: QtBot, panel: PositionsPanel, bridge: Bridge
) -> None:
    spans: list[tuple[QModelIndex, QModelIndex]] = []
    panel.model.dataChanged.connect(lambda first, last: spans.append((first, last)))
    demo.publish(qtbot, bridge, demo.numbers())
    assert spans == []
    now = demo.numbers()
    mark = now.mark.copy()
    mark[4] += 0.1
    demo.publish(qtbot, bridge, now._replace(mark=mark))
    assert {(first.column(), last.column()) for first, last in spans} == {(Column.MARK, Column.MARK)}
    assert [first.data() for first, _ in spans] == ["29.25"]
    spans.clear()
    hidden_leg = now.mark.copy()
    hidden_leg[0] += 0.1
    hidden_leg[4] += 0.1
    demo.publish(qtbot, bridge, now._replace(mark=hidden_leg))
    assert spans == []  # the condor is closed: nobody sees its legs


def test_open_lines_and_selection_survive_a_new_structure(qtbot: QtBot, panel: PositionsPanel, bridge: Bridge) -> None:
    _select(panel, "Iron condor 5 Jun")
    panel.tree.expand(panel.tree.currentIndex())
    book = demo.structure(2)
    fewer = replace(book, groups=book.groups[:4])
    demo.publish(qtbot, bridge, fewer, demo.numbers(2))
    assert _texts(panel) == ["SPX", "SPY"]
    assert [index.data() for index in panel.tree.selectionModel().selectedRows()] == ["Iron condor 5 Jun"]
    assert panel.tree.isExpanded(panel.model.index_of("g0"))


def test_sorting_uses_raw_values_and_keeps_the_unknown_last(panel: PositionsPanel) -> None:
    panel.tree.sortByColumn(Column.PNL_OPEN, Qt.SortOrder.DescendingOrder)
    assert _texts(panel) == ["AAPL", "SPX", "SPY", "/ESM6", "TSLA", "NVDA"]
    panel.tree.sortByColumn(Column.PNL_OPEN, Qt.SortOrder.AscendingOrder)
    assert _texts(panel) == ["TSLA", "/ESM6", "SPY", "SPX", "AAPL", "NVDA"]


def test_typing_filters_and_escape_shows_everything_again(qtbot: QtBot, panel: PositionsPanel) -> None:
    qtbot.keyClicks(panel.search, "covered")
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert _texts(panel) == ["AAPL"]
    qtbot.keyClicks(panel.search, "zzz")
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert panel.empty_text == "No position matches the filter."
    qtbot.keyClick(panel.search, Qt.Key.Key_Escape)
    assert len(_texts(panel)) == 6


def test_close_hands_the_legs_and_their_account_to_the_ticket(qtbot: QtBot, panel: PositionsPanel) -> None:
    _select(panel, "Iron condor 5 Jun")
    menu = panel.context_menu()
    assert menu is not None
    with qtbot.waitSignal(panel.legs_requested) as asked:
        menu.actions()[0].trigger()
    legs, account_id = asked.args
    assert len(legs) == 4
    assert account_id == demo.PAPER_A
    _select(panel, "SPX")
    menu = panel.context_menu()
    assert menu is not None
    refused = menu.actions()[0]
    assert not refused.isEnabled()
    assert "at most 4 legs" in refused.toolTip()


def test_roll_offers_later_expirations_and_hands_over_both_legs(qtbot: QtBot, panel: PositionsPanel) -> None:
    _select(panel, "SPXW 4 May 26 7150 P")
    legs = panel._chosen_legs()
    menu = panel.roll_menu(legs, demo.expiries())
    with qtbot.waitSignal(panel.legs_requested) as asked:
        menu.actions()[0].trigger()
    assert [leg.action for leg in asked.args[0]] == [Action.BUY, Action.SELL]


def test_columns_can_be_chosen_and_are_remembered(
    qtbot: QtBot,
    panel: PositionsPanel,
    bridge: Bridge,
    client: RecordingClient,
    theme: Theme,
    icons: Icons,
    messages: Messages,
    settings: WindowSettings,
) -> None:
    action = next(one for one in panel._columns.menu().actions() if one.text() == "Account")
    action.trigger()
    assert not panel.tree.isColumnHidden(Column.ACCOUNT)
    again = PositionsPanel(bridge, client, theme, icons=icons, messages=messages, settings=settings)
    qtbot.addWidget(again)
    assert not again.tree.isColumnHidden(Column.ACCOUNT)


def test_columns_that_fit_are_shown_until_the_user_chooses(
    qtbot: QtBot, panel: PositionsPanel, settings: WindowSettings
) -> None:
    for width, is_shown in ((530, False), (700, True), (530, False)):
        panel.resize(width, 600)
        QApplication.processEvents()
        assert panel.tree.isColumnHidden(Column.VEGA) is not is_shown
        assert not panel.tree.isColumnHidden(Column.DTE)
        assert not panel.tree.horizontalScrollBar().isVisible()
    next(one for one in panel._columns.menu().actions() if one.text() == "Theta").trigger()
    panel.resize(900, 600)
    qtbot.waitUntil(lambda: panel.tree.header().width() > 880)
    assert panel.tree.isColumnHidden(Column.VEGA)
    next(one for one in panel._columns.menu().actions() if one.text() == "Reset columns").trigger()
    assert not panel.tree.isColumnHidden(Column.VEGA)


def test_a_selected_line_keeps_the_colours_of_gain_and_loss(qtbot: QtBot, panel: PositionsPanel, theme: Theme) -> None:
    title = "AAPL"
    _select(panel, title)
    key = next(node.key for node in panel.model.lines() if node.title == title)
    cell = panel.tree.visualRect(panel.model.index_of(key).siblingAtColumn(Column.PNL_OPEN))
    image = panel.tree.viewport().grab(cell).toImage()
    painted = {image.pixelColor(x, y).rgb() for x in range(image.width()) for y in range(image.height())}
    assert theme.color(Ink.GAIN).rgb() in painted


def test_an_empty_book_says_what_to_do(qtbot: QtBot, panel: PositionsPanel, bridge: Bridge) -> None:
    demo.publish(qtbot, bridge, BookStructure(3, (), ()))
    assert panel.empty_text is not None
    assert "click a bid to sell" in panel.empty_text
    assert isinstance(bridge.newest(BookNumbers), BookNumbers)
