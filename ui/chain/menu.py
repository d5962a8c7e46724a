"""What the right-click on a strike offers: Sell or Buy > single, vertical, strangle, iron condor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtWidgets import QMenu, QWidget

from execution.chain_views import ChainStatic
from models.contract import plain
from models.enums import Action, Right
from models.errors import InvalidInput
from models.order import OrderLeg
from ui.chain.templates import iron_condor, strangle, vertical

#: Widths offered, in listed strikes.
WIDTHS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One line of the menu; `group` is the submenu it stands in."""

    action: Action
    group: str
    text: str
    legs: tuple[OrderLeg, ...]


def entries(static: ChainStatic, index: int, right: Right | None, money_index: int) -> tuple[MenuEntry, ...]:
    """Returns what is possible at a strike; `right` None (the strike itself) takes the out-of-the-money side."""
    side = right or (Right.PUT if index < money_index else Right.CALL)
    found: list[MenuEntry] = []
    for action in (Action.SELL, Action.BUY):
        single = (static.calls if side is Right.CALL else static.puts)[index]
        if single is not None:
            found.append(MenuEntry(action, "", single.label, (OrderLeg(single, action, 1),)))
        found += _attempts(action, "Vertical", partial(vertical, static, index, side, action))
        found += _attempts(action, "Strangle", partial(_strangle, static, index, action, money_index), (0,))
        if index != money_index:
            found += _attempts(action, "Iron condor", partial(iron_condor, static, index, action, money_index))
    return tuple(found)


def _strangle(static: ChainStatic, index: int, action: Action, money_index: int, _width: int) -> tuple[OrderLeg, ...]:
    return strangle(static, index, action, money_index)


def _attempts(
    action: Action, name: str, build: Callable[[int], tuple[OrderLeg, ...]], widths: tuple[int, ...] = WIDTHS
) -> list[MenuEntry]:
    """Returns the entries whose strikes are listed."""
    found = []
    for width in widths:
        try:
            legs = build(width)
        except InvalidInput:
            continue
        is_straddle = name == "Strangle" and len({leg.contract.strike for leg in legs}) == 1
        group = "" if name == "Strangle" else name
        found.append(MenuEntry(action, group, _text("Straddle" if is_straddle else name, legs), legs))
    return found


def _text(name: str, legs: tuple[OrderLeg, ...]) -> str:
    strikes = " / ".join(dict.fromkeys(plain(leg.contract.strike) for leg in legs if leg.contract.strike is not None))
    if name in {"Strangle", "Straddle"}:
        return f"{name}  {strikes}"
    first, second = legs[0].contract.strike, legs[1].contract.strike
    width = "" if first is None or second is None else f"{plain(abs(second - first))} wide"
    return f"{width}   {strikes}"


def build_menu(found: tuple[MenuEntry, ...], on_chosen: Callable[[MenuEntry], None], parent: QWidget) -> QMenu:
    """Returns the menu; `on_chosen` gets the entry that was clicked."""
    menu = QMenu(parent)
    for action in (Action.SELL, Action.BUY):
        side = menu.addMenu("Sell" if action is Action.SELL else "Buy")
        groups: dict[str, QMenu] = {"": side}
        for entry in found:
            if entry.action is not action:
                continue
            group = groups.get(entry.group) or groups.setdefault(entry.group, side.addMenu(entry.group))
            line = group.addAction(entry.text)
            line.triggered.connect(lambda _checked=False, chosen=entry: on_chosen(chosen))
    return menu
