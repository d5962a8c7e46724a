"""Where several brokers are open, accounts carry their broker's short name; with one they look as ever."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from execution.brokers.port import Capability
from execution.views import AccountsState, BookStructure, OrdersState, RowStatus
from models.account import AccountInfo
from models.clock import ManualClock
from models.enums import BrokerName, FeedState, Mode, OrderStatus
from models.ids import AccountId
from tests.ui import demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.icons import Icons
from ui.journal import importing
from ui.messages import Messages
from ui.orders.model import OrderColumn, OrdersModel
from ui.panels.account_bar import AccountBar
from ui.positions.columns import Column
from ui.positions.model import PositionsModel
from ui.theme import Ink, Theme
from ui.ticket.account_box import AccountBox

IB, TT = AccountId("DU1"), AccountId("5WX1")
OF_IB = AccountInfo(BrokerName.IBKR, IB, Mode.PAPER, "Margin", may_trade=True)
OF_TT = AccountInfo(BrokerName.TASTYTRADE, TT, Mode.PAPER, "", may_trade=True)
BOTH, ONE = (OF_IB, OF_TT), (OF_IB,)
TWO = (BrokerName.IBKR, BrokerName.TASTYTRADE)


def test_the_account_bar_tells_brokers_apart_and_names_the_one_that_is_down(
    qtbot: QtBot, bridge: Bridge, client: RecordingClient, theme: Theme, messages: Messages
) -> None:
    bar = AccountBar(bridge, client, theme, messages=messages, clock=ManualClock(demo.NOW))
    qtbot.addWidget(bar)
    demo.publish(qtbot, bridge, AccountsState(ONE, (), None, None))
    assert bar.account_box.itemText(0) == "DU1 · Margin"
    demo.publish(qtbot, bridge, AccountsState(BOTH, (), None, None))
    shown = [bar.account_box.itemText(at) for at in range(bar.account_box.count())]
    assert shown == ["All accounts", "IB · DU1 · Margin", "TT · 5WX1 · Tastytrade"]
    down = demo.market(feed=FeedState.STALE, feed_text="Gone.", brokers_down=(BrokerName.TASTYTRADE,))
    demo.publish(qtbot, bridge, down)
    assert bar.feed.text().endswith(" TT down")
    assert bar.feed.toolTip() == "Gone."
    demo.publish(qtbot, bridge, demo.desk(mode=Mode.LIVE, broker=BrokerName.IBKR, brokers=TWO))
    assert bar.mode_chip.toolTip().startswith("Real money at IBKR and Tastytrade")


def test_the_ticket_names_the_broker_and_shows_the_primarys_greeks(qtbot: QtBot, theme: Theme) -> None:
    box = AccountBox(theme)
    qtbot.addWidget(box)
    box.set_accounts(ONE)
    assert box.combo.itemText(0) == "DU1  Margin"
    box.set_accounts(BOTH)
    assert [box.combo.itemText(at) for at in range(2)] == ["IB  DU1  Margin", "TT  5WX1"]
    assert box.greeks_of(TT) is BrokerName.IBKR
    assert box.greeks_of(AccountId("none")) is None


def test_working_orders_name_the_broker_of_each_account(qtbot: QtBot, theme: Theme) -> None:
    model = OrdersModel(theme, lambda: demo.NOW)
    mine = demo.order(1, OrderStatus.PENDING, account_id=TT)
    model.set_state(OrdersState((mine,), frozenset()))
    at = model.index(0, OrderColumn.ACCOUNT)
    assert at.data() == TT
    with qtbot.waitSignal(model.dataChanged):
        model.set_accounts(BOTH)
    assert at.data() == "TT 5WX1"
    model.set_accounts((OF_TT,))
    assert at.data() == TT


def structure(*, are_two: bool) -> BookStructure:
    """The sample book, its second account at another broker."""
    base = demo.structure()
    first = base.rows[0].account_id
    rows = tuple(
        replace(row, broker=BrokerName.TASTYTRADE if are_two and row.account_id != first else BrokerName.IBKR)
        for row in base.rows
    )
    return replace(base, rows=rows)


def lines(model: PositionsModel, parent: QModelIndex | None = None) -> list[QModelIndex]:
    """Every line of the tree, its account cell."""
    above = QModelIndex() if parent is None else parent
    found: list[QModelIndex] = []
    for row in range(model.rowCount(above)):
        found.append(model.index(row, Column.ACCOUNT, above))
        found += lines(model, model.index(row, 0, above))
    return found


def test_positions_carry_their_brokers_badge_only_where_there_are_two(theme: Theme) -> None:
    model = PositionsModel(theme, Icons(theme))
    model.set_structure(structure(are_two=False))
    assert not [line.data() for line in lines(model) if line.data().startswith(("IB ", "TT "))]
    model.set_structure(structure(are_two=True))
    shown = {line.data() for line in lines(model)}
    assert {text[:3] for text in shown if "+" not in text} == {"IB ", "TT "}


def test_a_strategy_none_of_whose_legs_is_told_of_now_is_grey_where_there_are_two(theme: Theme) -> None:
    model = PositionsModel(theme, Icons(theme))
    numbers = demo.numbers()
    stale = numbers._replace(status=(RowStatus.STALE,) * len(numbers.status))
    grey = theme.color(Ink.STALE)
    for are_two, wanted in ((True, True), (False, False)):
        model.set_structure(structure(are_two=are_two))
        model.set_numbers(stale)
        under = [line for line in lines(model) if line.parent().isValid()]
        above = [line for line in under if model.hasChildren(line.siblingAtColumn(0))]
        assert above
        inks = [line.data(Qt.ItemDataRole.ForegroundRole) for line in above]
        assert all((ink == grey) is wanted for ink in inks)


def test_statements_can_be_imported_when_one_of_the_brokers_is_interactive_brokers() -> None:
    desk = demo.desk(broker=BrokerName.TASTYTRADE, brokers=TWO[::-1], capabilities=frozenset({Capability.REPLACE}))
    assert importing._why_not(desk) == ""
    assert importing._why_not(replace(desk, brokers=())) != ""
