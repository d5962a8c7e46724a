"""The broker's vol ranks in the chain's header."""

from __future__ import annotations

from datetime import date

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.brokers.port import UnderlyingMetrics
from models.enums import BrokerName
from tests.ui import demo_data as demo
from tests.ui.ticket_demo_data import JUNE_12, NOW, numbers_of, static_of
from ui.bridge import Bridge
from ui.panels.option_chain import OptionChainPanel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
TOLD = UnderlyingMetrics("SPX", BrokerName.TASTYTRADE, NOW, 0.3725, 0.312, 0.184, 4, date(2026, 7, 27))


def show(qtbot: QtBot, bridge: Bridge, metrics: UnderlyingMetrics | None) -> None:
    demo.publish(qtbot, bridge, numbers_of(static_of(JUNE_12))._replace(metrics=metrics))


def test_the_ranks_stand_in_the_brokers_name_and_the_tip_says_what_they_are(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge
) -> None:
    show(qtbot, bridge, TOLD)
    label = panel.facts.metrics
    assert label.forms[0] == "Tastytrade: IV rank 37.3%, IV percentile 31.2%"
    tip = label.toolTip()
    assert tip.startswith("Tastytrade's own figures of SPX")
    for part in ("IV index 18.4%", "Liquidity rating 4", "27 Jul", "The desk computes nothing from them."):
        assert part in tip


def test_what_the_broker_does_not_tell_is_an_em_dash(qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge) -> None:
    show(qtbot, bridge, UnderlyingMetrics("SPX", BrokerName.TASTYTRADE, NOW))
    assert panel.facts.metrics.forms[0] == "Tastytrade: IV rank —, IV percentile —"
    assert "Next earnings —" in panel.facts.metrics.toolTip()


def test_a_broker_without_ranks_has_no_place_for_them(qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge) -> None:
    show(qtbot, bridge, TOLD)
    show(qtbot, bridge, None)
    assert (panel.facts.metrics.text(), panel.facts.metrics.toolTip()) == ("", "")


def test_the_ranks_give_way_before_anything_else_and_widen_nothing(
    qapp: QApplication, qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge
) -> None:
    least = panel.facts.minimumSizeHint().width()
    show(qtbot, bridge, TOLD)
    assert panel.facts.minimumSizeHint().width() == least
    assert panel.facts.metrics.text() == "TT IVR 37.3%  IVP 31.2%"
    panel.resize(2200, 350)
    qapp.processEvents()
    assert panel.facts.metrics.text() == panel.facts.metrics.forms[0]
    panel.resize(panel.minimumSizeHint().width(), 350)
    qapp.processEvents()
    assert panel.facts.metrics.text() in ("", *panel.facts.metrics.forms)
