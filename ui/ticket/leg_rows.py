"""The legs of the ticket, edited in place: side, quantity, strike; four rows that are there from the start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from execution.orders.parsing import parse_quantity
from execution.ticket_views import LegPreview
from models.contract import Contract
from models.enums import Action, BrokerName, Right
from models.errors import InvalidInput
from models.order import MAX_LEGS, OrderLeg
from ui import format as fmt
from ui.greeks_words import DELTA, VOL, Compared, compared
from ui.icons import Icon, Icons
from ui.theme import GAP, Ink, Theme
from ui.ticket.fields import StepField

_MAX_QUANTITY = 9_999_999
#: From this age on a leg says how old its quote is.
STALE_AFTER_S = 10.0


def expiry_words(contract: Contract, now_utc: datetime) -> str:
    """Returns `SPXW 12 Jun 26 PM · 39 d`; the root alone for what does not expire."""
    if contract.expiry is None:
        return contract.root
    badge = fmt.settlement_badge(contract.settlement)
    days = fmt.dte(contract.expires_at_utc, now_utc)
    left = f"{days} d" if days.isdigit() else days
    return f"{contract.root} {fmt.expiry_date(contract.expiry)} {badge}".strip() + f"  ·  {left}"


def compared_greeks(preview: LegPreview | None, broker: BrokerName | None) -> tuple[Compared, ...]:
    """Returns delta and vol of a leg from the desk and from the broker's model; empty while the broker gives none."""
    if preview is None or preview.broker_greeks is None or broker is None:
        return ()
    ours, theirs = preview.greeks, preview.broker_greeks
    pairs = (
        (DELTA, None if ours is None else ours.delta, theirs.delta),
        (VOL, None if ours is None else ours.vol, theirs.vol),
    )
    return tuple(
        compared(measure, broker, own, told, preview.quote_age_s, preview.broker_age_s) for measure, own, told in pairs
    )


class LegRow(QFrame):
    """One leg: `SELL 2  < 7100 P >  delta  bid x ask  x`, below it its expiry where the legs differ in it."""

    flip_wanted = Signal()
    quantity_wanted = Signal(int)
    shift_wanted = Signal(int)
    remove_wanted = Signal()

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._quantity = 0
        self.side = QToolButton(self)
        self.side.setFixedWidth(44)
        self.side.setToolTip("Turns this leg between buy and sell")
        self.quantity = StepField(theme, "Quantity of this leg", self)
        self.quantity.setFixedWidth(42)
        self.strike_down = self._arrow("One listed strike lower")
        self.strike_up = self._arrow("One listed strike higher")
        self.name = QLabel(self)
        self.name.setFont(theme.number_font(13, bold=True))
        self.name.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.name.setMinimumWidth(58)
        self.delta = QLabel(self)
        self.delta.setFont(theme.number_font(11))
        self.delta.setProperty("role", "caption")
        self.market = QLabel(self)
        self.market.setFont(theme.number_font())
        self.market.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.remove = self._arrow("Removes this leg")
        self.facts = QLabel(self)
        self.facts.setProperty("role", "caption")
        self.problem = QLabel(self)
        self.problem.setProperty("role", "error")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self._lay_out()
        self.side.clicked.connect(self.flip_wanted)
        self.strike_down.clicked.connect(lambda: self.shift_wanted.emit(-1))
        self.strike_up.clicked.connect(lambda: self.shift_wanted.emit(1))
        self.remove.clicked.connect(self.remove_wanted)
        self.quantity.stepped.connect(self._on_step)
        self.quantity.committed.connect(self._on_typed)
        self.retheme()

    def _arrow(self, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("kind", "flat")
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFixedWidth(18)
        button.setIconSize(QSize(12, 12))
        button.setStyleSheet("padding: 3px 1px;")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(2)
        for widget in (self.side, self.quantity):
            line.addWidget(widget)
        line.addSpacing(GAP)
        for part in (self.strike_down, self.name, self.strike_up):
            line.addWidget(part)
        line.addSpacing(GAP)
        line.addWidget(self.delta)
        line.addStretch(1)
        line.addWidget(self.market)
        line.addWidget(self.remove)
        below = QGridLayout()
        below.setContentsMargins(2, 0, 0, 0)
        below.addWidget(self.facts, 0, 0)
        below.addWidget(self.problem, 1, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        layout.addLayout(below)

    def show_leg(
        self,
        leg: OrderLeg,
        preview: LegPreview | None,
        now_utc: datetime,
        *,
        says_expiry: bool,
        broker: BrokerName | None = None,
    ) -> None:
        """Shows a leg with its market.

        The second line is there only where the legs differ in expiry, a quote is old, or the broker's Greeks differ.
        """
        contract = leg.contract
        is_buy = leg.action is Action.BUY
        self._paint_side(is_buy=is_buy)
        self._quantity = leg.quantity
        self.quantity.show_text(str(leg.quantity))
        for arrow in (self.strike_down, self.strike_up):
            arrow.setVisible(contract.is_option)
        right = "" if contract.right is None else f" {contract.right.value}"
        self.name.setText(f"{fmt.strike(contract.strike)}{right}" if contract.is_option else str(contract.key))
        side_name = {Right.CALL: "call", Right.PUT: "put", None: ""}[contract.right]
        self.name.setToolTip(f"{contract.label} {side_name}".strip())
        quote = None if preview is None else preview.quote
        bid, ask = (None, None) if quote is None else (quote.bid, quote.ask)
        self.market.setText(f"{fmt.price(bid)} × {fmt.price(ask)}")
        greeks = (leg.greeks if preview is None else preview.greeks) if contract.is_option else None
        compared = compared_greeks(preview, broker) if contract.is_option else ()
        marks = [(one.measure, one.short) for one in compared if one.short]
        self.delta.setText("" if greeks is None else f"Δ {fmt.unit_delta(greeks.delta)}")
        own = "" if greeks is None else f"IV {fmt.vol(greeks.vol)}"
        self.delta.setToolTip("\n\n".join(one.text for one in compared) or own)
        parts = [expiry_words(contract, now_utc)] if says_expiry and contract.is_option else []
        if preview is not None and preview.quote_age_s is not None and preview.quote_age_s > STALE_AFTER_S:
            parts.append(f"quote {fmt.age(preview.quote_age_s)} old")
        ours = {DELTA: self.delta.text(), VOL: own}
        parts += [f"{ours[measure]} {short}" for measure, short in marks]
        self.facts.setText("  ·  ".join(parts))
        self.facts.setToolTip(self.delta.toolTip() if marks else "")
        self.facts.setVisible(bool(parts))

    def show_problem(self, text: str) -> None:
        """Shows what is wrong with this leg, or nothing."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def retheme(self) -> None:
        """Takes over the colours."""
        self.strike_down.setIcon(self._icons.get(Icon.DOWN))
        self.strike_up.setIcon(self._icons.get(Icon.UP))
        self.remove.setIcon(self._icons.get(Icon.CLOSE, Ink.LOSS))
        self._paint_side(is_buy=self.side.text() == "BUY")

    def _paint_side(self, *, is_buy: bool) -> None:
        self.side.setText("BUY" if is_buy else "SELL")
        fill, ink = (Ink.BUY, Ink.ON_ACCENT) if is_buy else (Ink.SELL, Ink.ON_ACCENT)
        self.side.setStyleSheet(
            f"QToolButton {{ background: {self._theme.css(fill)}; color: {self._theme.css(ink)};"
            f" border-color: {self._theme.css(fill)}; font-weight: 600; padding: 3px 2px; }}"
            f"QToolButton:focus {{ border-color: {self._theme.css(Ink.TEXT)}; }}"
        )

    def _on_step(self, steps: int) -> None:
        self.quantity_wanted.emit(min(_MAX_QUANTITY, max(1, self._quantity + steps)))

    def _on_typed(self, text: str) -> None:
        try:
            quantity = parse_quantity(text)
        except InvalidInput as error:
            self.quantity.set_invalid(str(error))
            self.show_problem(str(error))
            return
        self.quantity.set_invalid("")
        self.show_problem("")
        self.quantity_wanted.emit(quantity)

    @property
    def has_bad_quantity(self) -> bool:
        """Whether the quantity on screen is not what the ticket holds."""
        return bool(self.quantity.property("invalid"))


class LegRows(QWidget):
    """All legs; the signals carry the row."""

    flip_wanted = Signal(int)
    quantity_wanted = Signal(int, int)
    shift_wanted = Signal(int, int)
    remove_wanted = Signal(int)

    def __init__(
        self, theme: Theme, icons: Icons, now_utc: Callable[[], datetime], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._now_utc = now_utc
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.rows = tuple(LegRow(theme, icons, self) for _ in range(MAX_LEGS))
        for index, row in enumerate(self.rows):
            layout.addWidget(row)
            row.hide()
            row.flip_wanted.connect(lambda at=index: self.flip_wanted.emit(at))
            row.quantity_wanted.connect(lambda quantity, at=index: self.quantity_wanted.emit(at, quantity))
            row.shift_wanted.connect(lambda steps, at=index: self.shift_wanted.emit(at, steps))
            row.remove_wanted.connect(lambda at=index: self.remove_wanted.emit(at))

    def show_legs(
        self, legs: tuple[OrderLeg, ...], previews: tuple[LegPreview, ...], broker: BrokerName | None = None
    ) -> None:
        """Shows the legs; `previews` may be shorter while they are on their way."""
        now = self._now_utc()
        differs = len({(leg.contract.root, leg.contract.expiry) for leg in legs}) > 1
        for index, row in enumerate(self.rows):
            if index < len(legs):
                preview = previews[index] if index < len(previews) else None
                row.show_leg(legs[index], preview, now, says_expiry=differs, broker=broker)
            else:
                row.quantity.set_invalid("")
                row.show_problem("")
            row.setVisible(index < len(legs))

    def show_problems(self, problems: dict[int, str]) -> None:
        """Shows problems by row; a row with a bad quantity keeps its own."""
        for index, row in enumerate(self.rows):
            if not row.has_bad_quantity:
                row.show_problem(problems.get(index, ""))

    def retheme(self) -> None:
        """Takes over the colours."""
        for row in self.rows:
            row.retheme()
