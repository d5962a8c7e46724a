"""The chain with the broker's own figures beside the desk's, and with quotes that are not live."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.brokers.port import Capability
from execution.chain_views import ChainNumbers, ChainSide
from models.enums import BrokerName, MarketDataKind, Right
from tests.ui import demo_data as demo
from tests.ui.chain.kit import PUT_BID, row_of
from tests.ui.ticket_demo_data import JUNE_12, numbers_of, static_of
from ui.bridge import Bridge
from ui.chain.columns import BROKER_FIELDS, Field, column_index
from ui.chain.model import ChainModel
from ui.panels.option_chain import HINT, OptionChainPanel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

IBKR = demo.desk(broker=BrokerName.IBKR, capabilities=frozenset({Capability.REPLACE, Capability.MODEL_GREEKS}))
OURS, THEIRS = column_index(Field.DELTA, Right.PUT), column_index(Field.BROKER_DELTA, Right.PUT)
OUR_IV, THEIR_IV = column_index(Field.IV, Right.PUT), column_index(Field.BROKER_IV, Right.PUT)
STRIKES = static_of(JUNE_12).strikes
AT = STRIKES.index(next(strike for strike in STRIKES if strike == 7150))


def beside(delta_gap: float = 0.0, vol_gap: float = 0.0) -> ChainNumbers:
    """The demo's figures with the broker's this far from them; none at the strike after 7150."""
    numbers = numbers_of(static_of(JUNE_12))

    def side(of: ChainSide) -> ChainSide:
        delta, vol = of.delta + 0.004, of.iv + 0.001
        delta[AT], vol[AT] = of.delta[AT] + delta_gap, of.iv[AT] + vol_gap
        delta[AT + 1] = vol[AT + 1] = np.nan
        return of._replace(broker_delta=delta, broker_iv=vol, broker_age_s=np.full(len(vol), 3.2))

    return numbers._replace(calls=side(numbers.calls), puts=side(numbers.puts))


def tip(panel: OptionChainPanel, column: int, strike: int = 7150) -> str:
    return str(panel.model.index(row_of(panel, strike), column).data(Qt.ItemDataRole.ToolTipRole) or "")


@pytest.fixture
def compared(qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge) -> OptionChainPanel:
    """The panel at a broker that has a model, both figures on screen and far apart at 7150."""
    numbers = beside(delta_gap=-0.03, vol_gap=0.012)
    demo.publish(qtbot, bridge, IBKR, numbers)
    return panel


def is_shown(panel: OptionChainPanel, field: Field) -> bool:
    shown = {not panel.view.isColumnHidden(column_index(field, right)) for right in Right}
    assert len(shown) == 1
    return shown.pop()


def test_the_brokers_columns_are_there_only_when_the_broker_has_a_model(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge
) -> None:
    actions = panel.controls.column_actions
    assert not any(is_shown(panel, field) or actions[field].isVisible() for field in BROKER_FIELDS)
    assert tip(panel, OURS) == ""
    demo.publish(qtbot, bridge, IBKR)
    assert all(is_shown(panel, field) and actions[field].isVisible() for field in BROKER_FIELDS)
    assert [actions[field].text() for field in BROKER_FIELDS] == ["IB IV", "IB Δ"]
    assert panel.model.headerData(THEIRS, Qt.Orientation.Horizontal) == "IB Δ"
    actions[Field.BROKER_IV].trigger()
    assert not is_shown(panel, Field.BROKER_IV)
    assert is_shown(panel, Field.BROKER_DELTA)
    demo.publish(qtbot, bridge, demo.desk())
    assert not any(is_shown(panel, field) or actions[field].isVisible() for field in BROKER_FIELDS)


@pytest.mark.parametrize(("broker", "name"), [(BrokerName.IBKR, "IB"), (BrokerName.TASTYTRADE, "TT")])
def test_the_columns_bear_the_name_of_the_broker_they_come_from(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge, broker: BrokerName, name: str
) -> None:
    demo.publish(qtbot, bridge, demo.desk(broker=broker, capabilities=frozenset({Capability.MODEL_GREEKS})))
    titles = {panel.model.headerData(column, Qt.Orientation.Horizontal) for column in (THEIRS, THEIR_IV)}
    assert titles == {f"{name} Δ", f"{name} IV"}
    offered = {panel.controls.column_actions[field].text() for field in BROKER_FIELDS}
    assert offered == titles
    if broker is BrokerName.TASTYTRADE:
        demo.publish(qtbot, bridge, beside(delta_gap=-0.03, vol_gap=0.012))
        assert "Tastytrade's model" in tip(panel, THEIRS)
        assert "IB" not in tip(panel, THEIRS)


def test_both_figures_stand_side_by_side_and_are_marked_where_they_differ(compared: OptionChainPanel) -> None:
    model, row = compared.model, row_of(compared, 7150)
    ours = model.value(row, OURS)
    assert model.index(row, THEIRS).data() == f"−{abs(ours - 0.03):.2f}"
    assert all(model.look(row, column).is_apart for column in (OURS, THEIRS, OUR_IV, THEIR_IV))
    assert not model.look(row, PUT_BID).is_apart
    elsewhere = row_of(compared, 7100)
    assert not any(model.look(elsewhere, column).is_apart for column in (OURS, THEIRS, OUR_IV, THEIR_IV))


def test_the_tip_names_both_sources_with_unit_age_and_difference_and_says_which_counts(
    compared: OptionChainPanel,
) -> None:
    ours = compared.model.value(row_of(compared, 7150), OURS)
    assert tip(compared, OURS).split("\n") == [
        "SPXW 12 Jun 26 7150 P",
        "Delta of one option, per point of the underlying",
        f"The desk's own: −{abs(ours):.3f}, from a quote 0s old",
        f"Interactive Brokers' model: −{abs(ours - 0.03):.3f}, 3s old",
        "≠ 0.0300 apart (marked above 0.01)",
        "Risk figures use the desk's own, always.",
    ]
    assert "≠ 1.20 vol points apart (marked above 0.5)" in tip(compared, THEIR_IV)
    assert "per cent a year" in tip(compared, OUR_IV)
    assert "apart" not in tip(compared, OURS, 7100)


def test_where_the_broker_gives_none_ours_stands_alone(compared: OptionChainPanel) -> None:
    row = row_of(compared, 7175)
    assert compared.model.index(row, THEIRS).data() == "—"
    assert compared.model.index(row, OURS).data() != "—"
    assert not compared.model.look(row, OURS).is_apart
    assert "Interactive Brokers' model: none in the last 60 s" in tip(compared, THEIRS, 7175)


def test_the_chain_says_whose_figures_the_risk_is_made_of(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge
) -> None:
    assert panel.hover.text() == HINT
    demo.publish(qtbot, bridge, IBKR)
    assert panel.hover.text() == f"{HINT} Risk figures use the desk's own, always."
    for column in (OURS, THEIRS, OUR_IV, THEIR_IV):
        said = panel.model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        assert str(said).endswith("Risk figures use the desk's own, always.")


def test_a_difference_that_comes_or_goes_repaints_both_cells_even_when_one_figure_stood_still(
    qapp: QApplication,
) -> None:
    model = ChainModel()
    model.set_static(static_of(JUNE_12))
    model.set_visible_rows(0, model.rowCount() - 1)
    model.set_numbers(beside(delta_gap=0.0099))
    seen: list[tuple[int, int, int]] = []

    def on_changed(top: QModelIndex, bottom: QModelIndex) -> None:
        seen.append((top.row(), top.column(), bottom.column()))

    model.dataChanged.connect(on_changed)
    model.set_numbers(beside(delta_gap=0.0101))
    calls = column_index(Field.BROKER_DELTA, Right.CALL)
    assert seen == [(AT, calls, THEIRS)]
    assert model.look(AT, OURS).is_apart


def test_delayed_and_frozen_quotes_carry_a_chip_and_delayed_ones_are_grey(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge
) -> None:
    chip = panel.facts.kind
    assert chip.isHidden()
    numbers = numbers_of(static_of(JUNE_12))
    late = numbers.puts.is_delayed.copy()
    late[AT] = True
    demo.publish(
        qtbot,
        bridge,
        numbers._replace(
            puts=numbers.puts._replace(is_delayed=late), kinds=frozenset({MarketDataKind.LIVE, MarketDataKind.DELAYED})
        ),
    )
    assert chip.isVisible()
    assert chip.text() == "DELAYED"
    assert "No order is sent on them" in chip.toolTip()
    assert panel.model.look(row_of(panel, 7150), PUT_BID).is_stale
    assert not panel.model.look(row_of(panel, 7175), PUT_BID).is_stale
    demo.publish(qtbot, bridge, numbers._replace(kinds=frozenset({MarketDataKind.FROZEN})))
    assert chip.text() == "FROZEN"
    demo.publish(qtbot, bridge, numbers._replace(kinds=frozenset({MarketDataKind.LIVE})))
    assert chip.isHidden()


def test_a_marked_cell_is_painted_with_a_sign_and_not_with_a_colour_alone(compared: OptionChainPanel) -> None:
    view, model = compared.view, compared.model

    def ink_at_left(column: int, strike: int = 7150) -> bool:
        rect = view.visualRect(model.index(row_of(compared, strike), column))
        image = view.viewport().grab(rect).toImage()
        strip = {image.pixelColor(x, y).name() for x in range(6, 14) for y in range(4, image.height() - 4)}
        return len(strip) > 1

    assert ink_at_left(THEIRS)
    assert ink_at_left(OURS)
    assert not ink_at_left(OURS, 7100)
    assert not ink_at_left(THEIRS, 7100)
