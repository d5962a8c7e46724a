"""What a trade costs and changes besides the limits: money, margin, theta, stress."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QWidget

from models.hedge import Verified
from ui import format as fmt
from ui.suggestions import words
from ui.suggestions.labels import PlainLabel, plain_value
from ui.theme import PAD, Ink, Theme, sign_ink
from ui.widgets.labels import ValueLabel

#: A worst loss that moves by less than this share of itself is neither good nor bad.
_SAME = 0.01


class Figures(QWidget):
    """Captions at the left, figures at the right. Unknown is a word, in the warning colour."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(PAD)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(0, 1)
        self.captions: list[PlainLabel] = []
        self.cost = self._line(
            "Cost at mid", "What is paid or received at mid, in dollars; a future's price is not paid, it is margined"
        )
        self.slippage = self._line("Slippage to natural", "More than that if it fills at the natural price, in dollars")
        self.fees = self._line("Commission and fees", "As the broker's what-if says, in dollars")
        self.theta = self._line("Theta of the book", "Dollars a day that the book gains or gives up with it")
        self.initial = self._line("Initial margin", "Change by the broker's what-if, in dollars")
        self.maintenance = self._line("Maintenance margin", "Change by the broker's what-if, in dollars")
        self.stress = self._line("Worst stress", "The book's worst loss on the stress ladder, before and after")
        self.power = self._line("Buying power after", "By the broker's what-if, in dollars")
        self._grid.setRowStretch(len(self.captions), 1)

    def _line(self, caption: str, tip: str) -> ValueLabel:
        name = PlainLabel(caption, self, role="caption", wraps=False)
        value = plain_value(self._theme, self)
        for label in (name, value):
            label.setToolTip(tip)
        self._grid.addWidget(name, len(self.captions), 0)
        self._grid.addWidget(value, len(self.captions), 1)
        self.captions.append(name)
        return value

    def show_figures(self, verified: Verified) -> None:
        """Shows the figures of a verification."""
        candidate = verified.candidate
        self.cost.set(words.cost(candidate.cost_usd))
        self.slippage.set(fmt.money(candidate.slippage_usd))
        self.fees.set(words.fees(verified.fees), _known(verified.fees))
        theta = candidate.theta_change_per_day
        self.theta.set(f"{fmt.signed(theta, 0)} a day", sign_ink(theta))
        self.initial.set(words.margin_change(verified.initial_margin_change), _known(verified.initial_margin_change))
        maintenance = verified.maintenance_margin_change
        self.maintenance.set(words.margin_change(maintenance), _known(maintenance))
        self.captions[6].setText(words.stress_caption(candidate))
        self.stress.set(words.stress(candidate), _stress_ink(verified))
        power = verified.buying_power_after
        self.power.set(
            "unknown" if power is None else fmt.money(power),
            Ink.LOSS if power is not None and power < 0 else _known(power),
        )

    def texts(self) -> dict[str, str]:
        """Returns what it says, by caption."""
        values = (
            self.cost,
            self.slippage,
            self.fees,
            self.theta,
            self.initial,
            self.maintenance,
            self.stress,
            self.power,
        )
        return {name.text(): value.text() for name, value in zip(self.captions, values, strict=True)}


def _known(value: object) -> Ink:
    return Ink.WARNING if value is None else Ink.TEXT


def _stress_ink(verified: Verified) -> Ink:
    before, after = verified.candidate.worst_stress_before_usd, verified.candidate.worst_stress_after_usd
    if before is None or after is None:
        return Ink.WARNING
    is_same = abs(after - before) < _SAME * abs(before)
    return Ink.TEXT if is_same else sign_ink(after - before)
