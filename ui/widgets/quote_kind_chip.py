"""The chip that marks quotes which are not live."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QWidget

from models.enums import MarketDataKind
from ui import quote_kind
from ui.theme import Ink, Theme
from ui.widgets.labels import Chip


class QuoteKindChip(Chip):
    """DELAYED or FROZEN, with what it means as its tip; hidden while every quote is live."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.hide()

    def set_kinds(self, kinds: Iterable[MarketDataKind]) -> None:
        """Takes the kinds of the quotes on screen."""
        word = quote_kind.word(kinds)
        if word:
            self.set(word, Ink.WARNING)
            self.setToolTip(quote_kind.EXPLAINED[word])
        self.setVisible(bool(word))
