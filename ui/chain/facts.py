"""The line above the chain: what is shown, at what vol, from what kind of quotes; CALLS and PUTS at its ends."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from execution.chain_views import ChainNumbers, ChainStatic
from ui import format as fmt
from ui.theme import PAD, Ink, Theme
from ui.widgets.quote_kind_chip import QuoteKindChip


class ChainFacts(QWidget):
    """Shows a ChainStatic and, when they are there, its ChainNumbers."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._calls = QLabel("CALLS", self)
        self._puts = QLabel("PUTS", self)
        self.text = QLabel(self)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.kind = QuoteKindChip(theme, self)
        for label in (self._calls, self._puts, self.text):
            label.setFont(theme.number_font())
        line = QHBoxLayout(self)
        line.setContentsMargins(PAD, 2, PAD, 2)
        line.addWidget(self._calls)
        line.addStretch(1)
        line.addWidget(self.kind)
        line.addWidget(self.text)
        line.addStretch(1)
        line.addWidget(self._puts)
        self.retheme()

    def show_chain(self, static: ChainStatic | None, numbers: ChainNumbers | None) -> None:
        """Says what is known; nothing without an expiration."""
        self.text.setText("" if static is None else "   ·   ".join(_parts(static, numbers)))
        self.kind.set_kinds(() if static is None or numbers is None else numbers.kinds)

    def retheme(self) -> None:
        """Takes over the colours."""
        self._calls.setStyleSheet(f"color: {self._theme.css(Ink.CALL)}; font-weight: 600;")
        self._puts.setStyleSheet(f"color: {self._theme.css(Ink.PUT)}; font-weight: 600;")


def _parts(static: ChainStatic, numbers: ChainNumbers | None) -> list[str]:
    item = static.expiry
    parts = [f"{item.root} {fmt.expiry_date(item.expiry)} {item.settlement.value}", f"{static.days_to_expiry} days"]
    if numbers is None:
        return parts
    if numbers.spot is not None:
        parts.append(f"{item.underlying} {fmt.price(numbers.spot)}")
    if numbers.atm_iv is not None:
        parts.append(f"ATM IV {fmt.vol(numbers.atm_iv)}")
    if numbers.expected_move is not None and numbers.spot:
        share = fmt.percent(numbers.expected_move / numbers.spot * 100)
        parts.append(f"expected move ± {fmt.price(numbers.expected_move)} ({share})")
    return parts
