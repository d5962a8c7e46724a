"""The line above the chain: what is shown, at what vol, from what kind of quotes; CALLS and PUTS at its ends."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from execution.brokers.port import UnderlyingMetrics
from execution.chain_views import ChainNumbers, ChainStatic
from ui import format as fmt
from ui.greeks_words import short_name
from ui.theme import GAP, PAD, Ink, Theme
from ui.widgets.elided_label import FittingLabel
from ui.widgets.quote_kind_chip import QuoteKindChip

_ROOM, _ROOM_WITH_METRICS = 2, 3


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
        #: The broker's own vol ranks, in its name; empty at a broker that tells none.
        self.metrics = FittingLabel(self)
        for label in (self._calls, self._puts, self.text):
            label.setFont(theme.number_font())
        self._line = line = QHBoxLayout(self)
        line.setContentsMargins(PAD, 2, PAD, 2)
        line.addWidget(self._calls)
        line.addStretch(_ROOM)
        line.addWidget(self.kind)
        line.addWidget(self.text)
        line.addSpacing(GAP)
        line.addWidget(self.metrics, _ROOM)
        line.addWidget(self._puts)
        self.retheme()

    def show_chain(self, static: ChainStatic | None, numbers: ChainNumbers | None) -> None:
        """Says what is known; nothing without an expiration."""
        self.text.setText("" if static is None else "   ·   ".join(_parts(static, numbers)))
        self.kind.set_kinds(() if static is None or numbers is None else numbers.kinds)
        metrics = None if static is None or numbers is None else numbers.metrics
        if (metrics is None) != (not self.metrics.forms):
            # What is in the middle stays there where nothing stands beside it.
            self._line.setStretchFactor(self.metrics, _ROOM if metrics is None else _ROOM_WITH_METRICS)
        self.metrics.set_forms(() if metrics is None else metrics_forms(metrics))
        self.metrics.setToolTip("" if metrics is None else metrics_tip(metrics))

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


def metrics_forms(metrics: UnderlyingMetrics) -> tuple[str, ...]:
    """Returns the broker's vol ranks in its name, in ever fewer words; what it does not tell is an em dash."""
    rank, percentile = fmt.vol(metrics.iv_rank), fmt.vol(metrics.iv_percentile)
    name, short = fmt.broker(metrics.broker), short_name(metrics.broker)
    return (
        f"{name}: IV rank {rank}, IV percentile {percentile}",
        f"{short} IV rank {rank}, percentile {percentile}",
        f"{short} IVR {rank}  IVP {percentile}",
        f"{short} IVR {rank}",
    )


def metrics_tip(metrics: UnderlyingMetrics) -> str:
    """Returns everything the broker tells of the underlying, and what it is."""
    liquidity = fmt.EM_DASH if metrics.liquidity_rating is None else str(metrics.liquidity_rating)
    return "\n".join(
        (
            f"{fmt.broker(metrics.broker)}'s own figures of {metrics.symbol}, as of {fmt.date_time(metrics.at_utc)}",
            f"IV rank {fmt.vol(metrics.iv_rank)}: where implied volatility stands between its low and high of a year",
            f"IV percentile {fmt.vol(metrics.iv_percentile)}: share of the year's days on which it was lower",
            f"IV index {fmt.vol(metrics.iv_index)}",
            f"Liquidity rating {liquidity}",
            f"Next earnings {fmt.expiry_date(metrics.next_earnings)}",
            "The desk computes nothing from them.",
        )
    )
