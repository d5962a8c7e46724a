"""Positions with the broker's own figures beside the desk's, and with delayed quotes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex
from pytestqt.qtbot import QtBot

from execution.brokers.port import Capability
from execution.views import BookNumbers, BookStructure
from models.enums import BrokerName
from tests.ui import demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.icons import Icons
from ui.messages import Messages
from ui.panels.positions import PositionsPanel
from ui.positions import columns as cells
from ui.positions.columns import MODEL_COLUMNS, Column, Line
from ui.positions.figures import figures_of
from ui.positions.tree import Filter, Tree, build_tree
from ui.settings import WindowSettings
from ui.theme import Ink, Theme

IBKR = demo.desk(broker=BrokerName.IBKR, capabilities=frozenset({Capability.MODEL_GREEKS}))
#: Row of the book: 6650 put of the condor, whose delta differs; 6750 put, whose vol does.
DELTA_ROW, VOL_ROW, NONE_ROW, STOCK_ROW = 1, 0, 4, 8


def structure() -> BookStructure:
    book = demo.structure()
    return replace(book, rows=tuple(replace(row, broker=BrokerName.IBKR) for row in book.rows))


def numbers(**changes: Any) -> BookNumbers:
    """The demo's figures, the broker's close to them but for two legs, and none for one leg and for shares."""
    base = demo.numbers()
    delta, vol = base.unit_delta + 0.003, base.iv + 0.001
    delta[DELTA_ROW] -= 0.04
    vol[VOL_ROW] += 0.02
    none = [NONE_ROW, STOCK_ROW, 11]
    delta[none] = vol[none] = np.nan
    age = np.where(np.isnan(delta), np.nan, 2.0)
    return base._replace(broker_delta=delta, broker_iv=vol, broker_age_s=age, **changes)


@pytest.fixture
def tree() -> Tree:
    return build_tree(structure(), Filter(), demo.NOW)


def line(tree: Tree, title: str, figures: BookNumbers | None = None) -> Line:
    node = next(node for node in tree.nodes if node.title == title)
    return Line(figures_of(tree, figures or numbers()), node)


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
    demo.publish(qtbot, bridge, structure(), numbers())
    return made


def offered(panel: PositionsPanel) -> list[str]:
    return [action.text() for action in panel._columns.menu().actions()]


def test_a_delta_that_differs_is_marked_on_both_sides_with_both_figures_in_the_tip(tree: Tree) -> None:
    put = line(tree, "6650 P  5 Jun 26")
    assert cells.text(put, Column.UNIT_DELTA, demo.NOW) == "≠ −0.12"
    assert cells.text(put, Column.BROKER_DELTA, demo.NOW) == "≠ −0.16"
    assert cells.ink(put, Column.UNIT_DELTA) is cells.ink(put, Column.BROKER_DELTA) is Ink.WARNING
    assert cells.text(put, Column.IV, demo.NOW) == "15.1%"
    assert cells.tooltip(put, Column.UNIT_DELTA).split("\n") == [
        "Delta of one option, per point of the underlying",
        "The desk's own: −0.120, from a quote 0s old",
        "Interactive Brokers' model: −0.157, 2s old",
        "≠ 0.0370 apart (marked above 0.01)",
        "Risk figures use the desk's own, always.",
    ]


def test_a_vol_that_differs_is_marked_and_the_line_carries_the_sign_up_to_its_underlying(tree: Tree) -> None:
    put = line(tree, "6750 P  5 Jun 26")
    assert cells.text(put, Column.IV, demo.NOW).startswith("≠ ")
    assert cells.text(put, Column.BROKER_IV, demo.NOW).startswith("≠ ")
    assert cells.text(put, Column.UNIT_DELTA, demo.NOW) == "−0.16"
    assert cells.text(put, Column.NAME, demo.NOW) == "6750 P  5 Jun 26  ≠"
    assert "2.10 vol points apart" in cells.tooltip(put, Column.NAME)
    for above in ("Iron condor 5 Jun", "SPX"):
        assert cells.text(line(tree, above), Column.NAME, demo.NOW) == f"{above}  ≠"
        assert "differs from the desk's in a leg below" in cells.tooltip(line(tree, above), Column.NAME)
    assert cells.text(line(tree, "SPY"), Column.NAME, demo.NOW) == "SPY"


def test_where_the_broker_gives_none_ours_stands_alone_and_shares_ask_for_none(tree: Tree) -> None:
    put = line(tree, "SPX 18 Jun 26 6500 P")
    assert cells.text(put, Column.UNIT_DELTA, demo.NOW) == "−0.11"
    assert cells.text(put, Column.BROKER_DELTA, demo.NOW) == "—"
    assert "none in the last 60 s" in cells.tooltip(put, Column.BROKER_DELTA)
    assert cells.tooltip(put, Column.UNIT_DELTA) == ""
    stock = structure().rows[STOCK_ROW].contract
    leaf = next(node for node in tree.nodes if not node.children and node.legs[0].row.contract == stock)
    assert cells.text(Line(figures_of(tree, numbers()), leaf), Column.BROKER_DELTA, demo.NOW) == ""


def test_without_a_model_nothing_of_it_is_shown_or_offered(panel: PositionsPanel) -> None:
    assert all(panel.tree.isColumnHidden(column) for column in MODEL_COLUMNS)
    assert not {"Δ", "IB Δ", "Broker Δ", "IB IV", "Broker IV"} & set(offered(panel))


def test_a_broker_with_a_model_has_both_deltas_side_by_side_where_there_is_room(
    qtbot: QtBot, panel: PositionsPanel, bridge: Bridge
) -> None:
    demo.publish(qtbot, bridge, IBKR)
    assert not panel.tree.isColumnHidden(Column.UNIT_DELTA)
    assert not panel.tree.isColumnHidden(Column.BROKER_DELTA)
    assert panel.tree.isColumnHidden(Column.BROKER_IV)
    assert {"Δ", "IB Δ", "IB IV"} <= set(offered(panel))
    panel.resize(530, 600)
    qtbot.waitUntil(lambda: panel.tree.isColumnHidden(Column.BROKER_DELTA))
    assert not panel.tree.horizontalScrollBar().isVisible()
    demo.publish(qtbot, bridge, demo.desk())
    assert all(panel.tree.isColumnHidden(column) for column in MODEL_COLUMNS)


def test_a_choice_of_the_brokers_columns_is_remembered(
    qtbot: QtBot,
    panel: PositionsPanel,
    bridge: Bridge,
    client: RecordingClient,
    theme: Theme,
    icons: Icons,
    messages: Messages,
    settings: WindowSettings,
) -> None:
    demo.publish(qtbot, bridge, IBKR)
    for title in ("IB IV", "Δ"):
        next(one for one in panel._columns.menu().actions() if one.text() == title).trigger()
    again = PositionsPanel(bridge, client, theme, icons=icons, messages=messages, settings=settings)
    qtbot.addWidget(again)
    again.resize(900, 600)
    again.show()
    qtbot.waitUntil(lambda: not again.tree.isColumnHidden(Column.BROKER_IV))
    assert again.tree.isColumnHidden(Column.UNIT_DELTA)
    assert not again.tree.isColumnHidden(Column.BROKER_DELTA)


def test_a_difference_that_comes_repaints_the_brokers_cell_too(
    qtbot: QtBot, panel: PositionsPanel, bridge: Bridge
) -> None:
    demo.publish(qtbot, bridge, IBKR)
    spans: list[tuple[int, int]] = []

    def on_changed(first: QModelIndex, last: QModelIndex) -> None:
        if first.row() <= 2 <= last.row() and first.parent().data() is not None:
            spans.append((first.column(), last.column()))

    panel.model.dataChanged.connect(on_changed)
    far = numbers().broker_iv.copy()
    far[5] += 0.03  # its vol differs before and after: the line's own sign stays
    now = numbers()._replace(broker_iv=far)
    demo.publish(qtbot, bridge, now)
    spans.clear()
    ours = now.unit_delta.copy()
    ours[5] += 0.02  # SPXW 4 May 7150 P: the broker's figure stays where it is
    demo.publish(qtbot, bridge, now._replace(unit_delta=ours))
    assert set(spans) == {(Column.UNIT_DELTA, Column.BROKER_DELTA)}


def test_lines_on_delayed_quotes_are_named_and_the_panel_carries_a_chip(
    qtbot: QtBot, panel: PositionsPanel, bridge: Bridge, tree: Tree
) -> None:
    assert panel.kind.isHidden()
    late = np.zeros(13, dtype=np.bool_)
    late[VOL_ROW] = True
    repainted: list[int] = []
    panel.model.dataChanged.connect(lambda first, _last: repainted.append(first.column()))
    demo.publish(qtbot, bridge, numbers(is_delayed=late))
    assert Column.NAME in repainted
    assert panel.kind.isVisible()
    assert panel.kind.text() == "DELAYED"
    assert panel.model.index(0, 0).data() == "SPX  · dly  ≠"
    leg = line(tree, "6750 P  5 Jun 26", numbers(is_delayed=late))
    assert cells.text(leg, Column.NAME, demo.NOW).startswith("6750 P  5 Jun 26  · dly")
    assert cells.ink(leg, Column.NAME) is Ink.WARNING
    assert "Quotes are delayed" in cells.tooltip(leg, Column.NAME)
    assert cells.text(line(tree, "SPY", numbers(is_delayed=late)), Column.NAME, demo.NOW) == "SPY"
    demo.publish(qtbot, bridge, numbers())
    assert panel.kind.isHidden()
    assert panel.model.index(0, 0).data() == "SPX  ≠"
