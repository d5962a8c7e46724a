"""The price of the package: word CR or DB, figure, tick steps, padlock, and the market to jump to."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from execution.orders.parsing import parse_price
from execution.ticket_views import TicketPreview
from models.errors import InvalidInput
from models.product import TickRule
from ui import format as fmt
from ui.icons import Icon, Icons
from ui.theme import GAP, Ink, Theme
from ui.ticket.fields import StepField


class PriceBox(QWidget):
    """Emits `price_changed(Decimal | None)`, net per package: positive debit, negative credit; None = not readable."""

    price_changed = Signal(object)
    follow_wanted = Signal(bool)

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._price: Decimal | None = None
        self._is_credit = False
        self._is_pinned = False
        self._is_following = True
        self._tick = TickRule(Decimal("0.01"), Decimal(0), Decimal("0.01"))
        self._references: dict[str, Decimal | None] = {"bid": None, "mid": None, "ask": None}
        self.effect = QPushButton("DB", self)
        self.effect.setFixedWidth(42)
        self.effect.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.effect.setToolTip("CR: you receive, DB: you pay. The legs set it; click to turn it.")
        self.field = StepField(theme, "Limit price", self)
        self.field.setFixedWidth(92)
        self.field.setToolTip("Arrows and wheel step by one tick, with Shift by five")
        self.down = self._small(Icon.MINUS, "One tick lower")
        self.up = self._small(Icon.PLUS, "One tick higher")
        self.padlock = self._small(Icon.LOCK, "")
        self.padlock.setCheckable(True)
        self.total = QLabel(self)
        self.total.setFont(theme.number_font())
        self.total.setProperty("role", "muted")
        self.total.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.problem = QLabel(self)
        self.problem.setProperty("role", "error")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.jumps = {name: self._jump(name) for name in self._references}
        self._lay_out()
        self._connect()
        self.retheme()

    def _small(self, icon: Icon, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(self._icons.get(icon))
        button.setIconSize(QSize(14, 14))
        button.setFixedWidth(26)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        return button

    def _jump(self, name: str) -> QPushButton:
        button = QPushButton(self)
        button.setFont(self._theme.number_font())
        button.setStyleSheet("padding: 2px 2px;")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.jump(name))
        return button

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(GAP)
        for widget in (self.effect, self.down, self.field, self.up, self.padlock):
            line.addWidget(widget)
        line.addWidget(self.total, 1)
        jumps = QGridLayout()
        jumps.setSpacing(GAP)
        for column, name in enumerate(self._references):
            jumps.addWidget(self.jumps[name], 0, column)
            jumps.setColumnStretch(column, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addLayout(line)
        layout.addWidget(self.problem)
        layout.addLayout(jumps)

    def _connect(self) -> None:
        self.effect.clicked.connect(self.turn)
        self.field.stepped.connect(self.step)
        self.field.committed.connect(self._on_typed)
        self.down.clicked.connect(lambda: self.step(-1))
        self.up.clicked.connect(lambda: self.step(1))
        self.padlock.clicked.connect(lambda: self.follow_wanted.emit(not self._is_following))

    # --- shown --------------------------------------------------------------------------------------------------------

    def show_price(self, price: Decimal | None, *, is_following: bool, total: str) -> None:
        """Shows the draft's price."""
        self._is_following = is_following
        self._price = price
        if price is not None:
            if price != 0 and not self._is_pinned:
                self._is_credit = price < 0
            self.field.show_text(fmt.price(abs(price)).replace(",", ""))
            self.show_problem("")
        elif is_following:
            self.field.show_text("")
        self.total.setText(total)
        self._paint()

    def show_market(self, preview: TicketPreview | None, tick: TickRule) -> None:
        """Shows mid, natural and the far side; while the user set no side it is the market's."""
        self._tick = tick
        bid = ask = mid = None
        if preview is not None:
            mid = preview.net_mid
            known = [price for price in (preview.net_natural, preview.net_opposite) if price is not None]
            if len(known) == 2:
                bid, ask = sorted(known, key=abs)
        self._references = {"bid": bid, "mid": mid, "ask": ask}
        if mid is not None and mid != 0 and not self._is_pinned and self._price is None:
            self._is_credit = mid < 0
        natural = None if preview is None else preview.net_natural
        for name, price in self._references.items():
            mark = " ·nat" if price is not None and price == natural and name != "mid" else ""
            button = self.jumps[name]
            button.setText(f"{name.capitalize()} {fmt.net_price(price)}{mark}")
            button.setEnabled(price is not None)
            what = {"bid": "the low side", "mid": "the middle", "ask": "the high side"}[name]
            fills = ": fills at once if it holds" if mark else ""
            button.setToolTip(f"Sets the price to {what} of the package's market{fills} ({name[0].upper()})")
        self._paint()

    def show_problem(self, text: str) -> None:
        """Shows what is wrong with the price, at the field."""
        self.field.set_invalid(text)
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def forget_side(self) -> None:
        """Lets the legs say again whether the package is a credit."""
        self._is_pinned = False

    def retheme(self) -> None:
        """Takes over the colours."""
        self.down.setIcon(self._icons.get(Icon.MINUS))
        self.up.setIcon(self._icons.get(Icon.PLUS))
        self._paint()

    def _paint(self) -> None:
        self.effect.setText("CR" if self._is_credit else "DB")
        ink = Ink.GAIN if self._is_credit else Ink.ASK
        css = f"color: {self._theme.css(ink)}; border-color: {self._theme.css(ink)}; font-weight: 600; padding: 3px;"
        if css != self.effect.styleSheet():
            self.effect.setStyleSheet(css)
        self.padlock.setChecked(not self._is_following)
        if self._is_following:
            self.padlock.setIcon(self._icons.get(Icon.UNLOCK, Ink.ACCENT))
            self.padlock.setToolTip("Follows the mid. Click or L to keep the price where it is.")
        else:
            self.padlock.setIcon(self._icons.get(Icon.LOCK, Ink.WARNING))
            self.padlock.setToolTip("Price stands still. Click or L to follow the mid.")

    # --- input --------------------------------------------------------------------------------------------------------

    def jump(self, name: str) -> None:
        """Takes the bid, mid or ask of the package as price, on a tick."""
        price = self._references[name]
        if price is None:
            return
        rounding = {"bid": ROUND_FLOOR, "ask": ROUND_CEILING}.get(name)
        size = self._tick.snap(abs(price)) if rounding is None else self._tick.snap(abs(price), rounding=rounding)
        self._is_pinned = False
        self.price_changed.emit(-size if price < 0 else size)

    def step(self, ticks: int) -> None:
        """Raises or lowers the figure by ticks; it stays above zero."""
        start = abs(self._price) if self._price is not None else Decimal(0)
        moved = max(self._tick.tick_at(Decimal(0)), self._tick.step(start, ticks))
        self.price_changed.emit(-moved if self._is_credit else moved)

    def turn(self) -> None:
        """Turns credit and debit; from then on the user's word holds for these legs."""
        self._is_pinned = True
        self._is_credit = not self._is_credit
        if self._price:
            self.price_changed.emit(-abs(self._price) if self._is_credit else abs(self._price))
        self._paint()

    def _on_typed(self, text: str) -> None:
        try:
            typed = parse_price(text)
        except InvalidInput as error:
            self.show_problem(str(error))
            self.price_changed.emit(None)
            return
        self.show_problem("")
        if typed < 0 or text.strip()[:2].upper() in {"CR", "DB"}:
            self._is_pinned = True
            self._is_credit = typed < 0
        self.price_changed.emit(-abs(typed) if self._is_credit else typed)
