"""Columns of the journal list: a row becomes ready text once, in the reader's thread. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from models.enums import BrokerName
from ui import format as fmt
from ui.journal import text as words
from ui.theme import Ink

if TYPE_CHECKING:
    from database.journal_query import JournalRow


class JournalColumn(IntEnum):
    """Columns, in default order."""

    TIME = 0
    ACCOUNT = 1
    UNDERLYING = 2
    STRATEGY = 3
    STATUS = 4
    LEGS = 5
    NET = 6
    VIX = 7
    SPX = 8
    REGIME = 9
    DELTA = 10
    THETA = 11
    TAGS = 12
    RATIONALE = 13


HEADERS = {
    JournalColumn.TIME: "New York time",
    JournalColumn.ACCOUNT: "Account",
    JournalColumn.UNDERLYING: "Symbol",
    JournalColumn.STRATEGY: "Strategy",
    JournalColumn.STATUS: "Status",
    JournalColumn.LEGS: "Legs",
    JournalColumn.NET: "Net $",
    JournalColumn.VIX: "VIX",
    JournalColumn.SPX: "SPX",
    JournalColumn.REGIME: "Regime",
    JournalColumn.DELTA: f"SPX delta {words.ARROW} after",
    JournalColumn.THETA: f"Theta/day {words.ARROW} after",
    JournalColumn.TAGS: "Tags",
    JournalColumn.RATIONALE: "Rationale",
}
HEADER_TIPS = {
    JournalColumn.NET: "Dollars for the whole trade without fees: CR received, DB paid",
    JournalColumn.DELTA: "The whole book's SPX delta before and after the fill, $ per SPX point",
    JournalColumn.THETA: "The whole book's theta before and after the fill, $ per calendar day",
    JournalColumn.VIX: "VIX at the fill",
    JournalColumn.SPX: "SPX at the fill",
    JournalColumn.REGIME: "Volatility regime at the fill",
}
WIDTHS = {
    JournalColumn.TIME: 126,
    JournalColumn.ACCOUNT: 130,
    JournalColumn.UNDERLYING: 58,
    JournalColumn.STRATEGY: 120,
    JournalColumn.STATUS: 82,
    JournalColumn.LEGS: 346,
    JournalColumn.NET: 112,
    JournalColumn.VIX: 52,
    JournalColumn.SPX: 72,
    JournalColumn.REGIME: 84,
    JournalColumn.DELTA: 124,
    JournalColumn.THETA: 134,
    JournalColumn.TAGS: 116,
    JournalColumn.RATIONALE: 260,
}
RIGHT = frozenset({JournalColumn.NET, JournalColumn.VIX, JournalColumn.SPX, JournalColumn.DELTA, JournalColumn.THETA})
MUTED = frozenset({JournalColumn.ACCOUNT, JournalColumn.VIX, JournalColumn.SPX, JournalColumn.TAGS})
CHIPS = frozenset({JournalColumn.STATUS, JournalColumn.REGIME})


@dataclass(frozen=True, slots=True)
class Line:
    """A journal row with the text of its cells, in the order of `JournalColumn`."""

    row: JournalRow
    cells: tuple[str, ...]
    status_ink: Ink
    regime_ink: Ink
    net_ink: Ink

    def chip_ink(self, column: JournalColumn) -> Ink | None:
        """Returns the ink of a chip cell that has a chip."""
        if column is JournalColumn.STATUS:
            return self.status_ink
        return self.regime_ink if column is JournalColumn.REGIME and self.cells[column] else None


def line_of(row: JournalRow) -> Line:
    """Returns the list's line of a row."""
    status, status_ink = words.status_chip(row.status)
    regime, regime_ink = words.regime_chip(row.regime)
    cells = {
        JournalColumn.TIME: words.new_york(row.created_at)[:16],
        JournalColumn.ACCOUNT: f"{row.account_id} {fmt.broker(BrokerName(row.broker))}",
        JournalColumn.UNDERLYING: row.underlying,
        JournalColumn.STRATEGY: words.strategy(row.strategy_tag),
        JournalColumn.STATUS: status,
        JournalColumn.LEGS: words.legs_summary(row.legs),
        JournalColumn.NET: fmt.net_price(row.net_debit_credit),
        JournalColumn.VIX: fmt.price(row.vix_at_fill),
        JournalColumn.SPX: fmt.price(row.spx_price_at_fill),
        JournalColumn.REGIME: regime,
        JournalColumn.DELTA: words.before_after(row, "spx_delta", 1),
        JournalColumn.THETA: words.before_after(row, "theta", 0),
        JournalColumn.TAGS: ", ".join(row.tags),
        JournalColumn.RATIONALE: words.excerpt(row.user_rationale or row.ai_rationale),
    }
    texts = tuple(cells[column] for column in JournalColumn)
    return Line(row, texts, status_ink, regime_ink, words.net_ink(row.net_debit_credit))
