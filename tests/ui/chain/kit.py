"""The option chain's tests on a demo engine."""

from __future__ import annotations

from models.enums import Right
from ui.chain.columns import Field, column_index
from ui.panels.option_chain import OptionChainPanel

PUT_BID = column_index(Field.BID, Right.PUT)


def row_of(panel: OptionChainPanel, strike: int) -> int:
    return panel.model.row_of_strike(float(strike))
