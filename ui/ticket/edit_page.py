"""The ticket's first page: legs, quantity, type, price, what it would do; `Simulate` leads on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from execution.orders.parsing import parse_quantity
from execution.ticket_views import Problem, TicketPreview
from models.enums import BrokerName, OrderType, TimeInForce
from models.errors import InvalidInput
from ui import format as fmt
from ui.icons import Icon, Icons
from ui.theme import GAP, PAD, Ink, Theme, sign_ink
from ui.ticket.fields import ChoiceBar, StepField
from ui.ticket.impact import LimitTable, Tiles
from ui.ticket.leg_rows import LegRows, expiry_words
from ui.ticket.model import TicketModel
from ui.ticket.origin import OriginNote
from ui.ticket.payoff_plot import PayoffPlot
from ui.ticket.price_box import PriceBox
from ui.ticket.words import total
from ui.widgets.quote_kind_chip import QuoteKindChip

NO_LEGS = "Click a bid to sell or an ask to buy in the option chain. Up to four legs make one order."
_TYPES = (
    ("LMT", OrderType.LIMIT, "Limit: this price or better"),
    ("MKT", OrderType.MARKET, "Market: fills at once at what is quoted"),
    ("MOC", OrderType.MARKET_ON_CLOSE, "Market on close (shares only)"),
)
_TIFS = (
    ("DAY", TimeInForce.DAY, "Works until the end of the session"),
    ("GTC", TimeInForce.GTC, "Works until cancelled"),
)


class EditPage(QWidget):
    """Shows a TicketModel and emits what the user wants; it changes nothing itself."""

    packages_wanted = Signal(int)
    simulate_wanted = Signal()
    clear_wanted = Signal()
    flip_wanted = Signal()

    def __init__(
        self,
        theme: Theme,
        icons: Icons,
        model: TicketModel,
        now_utc: Callable[[], datetime],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._model = model
        self._now_utc = now_utc
        self._build_head()
        self._build_order_line()
        self.legs = LegRows(theme, icons, now_utc, self)
        self.price = PriceBox(theme, icons, self)
        self.tiles = Tiles(theme, self)
        self.plot = PayoffPlot(theme, self)
        self.plot.setFixedHeight(98)
        self.limits = LimitTable(theme, self)
        self.origin = OriginNote(theme, self)
        self.rationale = QPlainTextEdit(self)
        self.rationale.setPlaceholderText("Why this trade? Goes into the journal.")
        self.rationale.setAccessibleName("Rationale")
        self.rationale.setTabChangesFocus(True)
        self.rationale.setFixedHeight(40)
        self.nothing = QLabel(NO_LEGS, self)
        self.nothing.setProperty("role", "empty")
        self.nothing.setWordWrap(True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._build_foot()
        self._lay_out()
        self._connect()
        self.retheme()

    def _build_head(self) -> None:
        self.title = QLabel("No legs", self)
        self.title.setFont(self._theme.font(16, bold=True))
        self.subtitle = QLabel(self)
        self.subtitle.setProperty("role", "caption")
        self.kind = QuoteKindChip(self._theme, self)
        self.flip = QToolButton(self)
        self.flip.setToolTip("Turns every side (F2)")
        self.flip.setAccessibleName("Turn every side")
        self.clear = QToolButton(self)
        self.clear.setToolTip("Clears the legs; again resets the whole ticket")
        self.clear.setAccessibleName("Clear")
        for button in (self.flip, self.clear):
            button.setFixedWidth(28)

    def _build_order_line(self) -> None:
        self.quantity = StepField(self._theme, "Quantity of packages", self)
        self.quantity.setFixedWidth(56)
        self.quantity.setToolTip("Packages (Ctrl+Up, Ctrl+Down)")
        self.fewer, self.more = QToolButton(self), QToolButton(self)
        for button, tip in ((self.fewer, "One package less"), (self.more, "One package more")):
            button.setFixedWidth(26)
            button.setToolTip(tip)
            button.setAccessibleName(tip)
        self.types: ChoiceBar[OrderType] = ChoiceBar(_TYPES, self)
        self.tifs: ChoiceBar[TimeInForce] = ChoiceBar(_TIFS, self)
        self.order_problem = QLabel(self)
        self.order_problem.setProperty("role", "error")
        self.order_problem.setWordWrap(True)
        self.order_problem.hide()

    def _build_foot(self) -> None:
        self.status = QLabel(self)
        self.status.setWordWrap(True)
        self.status.hide()
        self.simulate = QPushButton("Simulate", self)
        self.simulate.setProperty("kind", "primary")
        self.simulate.setToolTip("Asks the broker what margin it would take; nothing is sent (Enter)")
        self.simulate.setMinimumHeight(30)
        self.simulate.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _lay_out(self) -> None:
        content = QWidget(self)
        inside = QVBoxLayout(content)
        inside.setContentsMargins(PAD, 6, PAD, 2)
        inside.setSpacing(6)
        inside.addLayout(self._head_line())
        inside.addWidget(self.legs)
        inside.addWidget(self.nothing)
        self._figures = self._figures_part()
        inside.addWidget(self._figures)
        inside.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        scroll.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        foot = QVBoxLayout()
        foot.setContentsMargins(PAD, GAP, PAD, PAD)
        foot.addWidget(self.status)
        foot.addWidget(self.simulate)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addLayout(foot)

    def _head_line(self) -> QHBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.title)
        words.addWidget(self.subtitle)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addLayout(words, 1)
        head.addWidget(self.kind, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.flip, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.clear, 0, Qt.AlignmentFlag.AlignTop)
        return head

    def _figures_part(self) -> QWidget:
        """Returns what is there only with legs: order line, price, outcome, limits, reason."""
        order = QHBoxLayout()
        order.setSpacing(GAP)
        for widget in (self.fewer, self.quantity, self.more):
            order.addWidget(widget)
        order.addStretch(1)
        order.addWidget(self.types)
        order.addSpacing(GAP)
        order.addWidget(self.tifs)
        outcome = QHBoxLayout()
        outcome.setSpacing(PAD)
        outcome.addWidget(self.tiles)
        outcome.addWidget(self.plot, 1)
        part = QWidget(self)
        figures = QVBoxLayout(part)
        figures.setContentsMargins(0, 0, 0, 0)
        figures.setSpacing(5)
        figures.addLayout(order)
        figures.addWidget(self.order_problem)
        figures.addWidget(self.price)
        figures.addWidget(self._rule())
        figures.addLayout(outcome)
        figures.addWidget(self.limits)
        figures.addWidget(self.origin)
        figures.addWidget(self.rationale)
        return part

    def _rule(self) -> QFrame:
        rule = QFrame(self)
        rule.setFixedHeight(1)
        rule.setProperty("role", "rule")
        self._line = rule
        return rule

    def _connect(self) -> None:
        self.simulate.clicked.connect(self.simulate_wanted)
        self.clear.clicked.connect(self.clear_wanted)
        self.flip.clicked.connect(self.flip_wanted)
        self.fewer.clicked.connect(lambda: self._step_packages(-1))
        self.more.clicked.connect(lambda: self._step_packages(1))
        self.quantity.stepped.connect(self._step_packages)
        self.quantity.committed.connect(self._on_quantity_typed)
        self.rationale.textChanged.connect(self._on_rationale)

    # --- shown --------------------------------------------------------------------------------------------------------

    def refresh(self, packages: int, broker: BrokerName | None = None) -> None:
        """Shows the draft; `broker` is whose Greeks the previews carry beside the desk's."""
        draft, model = self._model.draft, self._model
        has_legs = bool(draft.legs)
        previews = () if model.preview is None else model.preview.legs
        self.legs.show_legs(draft.legs, previews, broker)
        self.nothing.setVisible(not has_legs)
        self._figures.setVisible(has_legs)
        self.flip.setEnabled(has_legs)
        self.quantity.show_text(str(packages) if has_legs else "")
        self.types.show_choice(draft.order_type)
        self.tifs.show_choice(draft.tif)
        is_limit = draft.order_type is OrderType.LIMIT
        self.price.setVisible(is_limit)
        self.price.show_price(draft.limit_price, is_following=model.is_following, total=total(draft))
        self.origin.show_draft(draft)
        if self.rationale.toPlainText() != draft.rationale:
            self.rationale.setPlainText(draft.rationale)
        self.simulate.setEnabled(has_legs and not model.is_simulating and not self.has_input_error)
        self.simulate.setText("Simulating…" if model.is_simulating else "Simulate")
        if not has_legs:
            self.title.setText("No legs")
            self.subtitle.clear()
            self.kind.set_kinds(())
            self.show_problems(())

    def show_preview(self, preview: TicketPreview | None) -> None:
        """Shows what the engine computed; None = not known (yet)."""
        self.price.show_market(preview, self._model.tick)
        self.plot.show_preview(preview)
        quotes = () if preview is None else tuple(leg.quote for leg in preview.legs)
        self.kind.set_kinds(quote.kind for quote in quotes if quote is not None)
        tiles = self.tiles
        if preview is None:
            for label in (tiles.max_profit, tiles.max_loss, tiles.pop, tiles.breakevens, tiles.fits):
                label.set(fmt.EM_DASH, Ink.TEXT_MUTED)
            return
        self.title.setText(preview.strategy_name or "Custom")
        self.subtitle.setText(_subtitle(preview, self._model, self._now_utc()))
        profit, loss = preview.max_profit, preview.max_loss
        gain_text = fmt.UNLIMITED if preview.max_profit_unlimited else fmt.money(profit)
        loss_text = fmt.UNLIMITED if preview.max_loss_unlimited else fmt.money(loss if loss is None else -abs(loss))
        tiles.max_profit.set(gain_text, sign_ink(None if gain_text == fmt.EM_DASH else 1.0))
        tiles.max_loss.set(loss_text, sign_ink(None if loss_text == fmt.EM_DASH else -1.0))
        tiles.pop.set(fmt.vol(preview.probability_of_profit))
        tiles.breakevens.set("   ".join(fmt.price(level) for level in preview.breakevens) or fmt.EM_DASH)
        fits = preview.largest_packages_that_fit
        tiles.fits.set(fmt.EM_DASH if fits is None else f"up to {fits}" if fits else "none", _fit_ink(fits, preview))
        self.limits.show_limits(preview.limits, preview.binding)
        self.show_problems(preview.problems)

    def show_problems(self, problems: tuple[Problem, ...]) -> None:
        """Puts each problem at its field; an error the user has just typed stays until it is put right."""
        by_leg = {int(p.field[4:]): p.text for p in problems if p.field.startswith("leg:")}
        self.legs.show_problems(by_leg)
        if self._judges_price():
            self.price.show_problem(next((p.text for p in problems if p.field == "limit_price"), ""))
        if not bool(self.quantity.property("invalid")):
            rest = [p.text for p in problems if p.field in {"legs", "quantity", "tif", "account"}]
            self._show_order_problem("\n".join(rest))

    def _judges_price(self) -> bool:
        """Whether the problems on hand speak of the price on screen: not of an earlier one, nor of none typed yet."""
        model = self._model
        asked = model.previewed_draft
        if asked is None or asked.limit_price != model.draft.limit_price:
            return False
        has_market = model.preview is not None and model.preview.suggested_limit is not None
        return model.draft.limit_price is not None or (model.is_following and not has_market)

    def show_status(self, text: str, role: str = "muted") -> None:
        """Says something above the button; nothing hides the line."""
        self.status.setText(text)
        self.status.setVisible(bool(text))
        if self.status.property("role") != role:
            self.status.setProperty("role", role)
            self.status.style().polish(self.status)

    @property
    def has_input_error(self) -> bool:
        """Whether a field shows something that could not be read: then there is nothing to simulate."""
        return any(field.text() != "" for field in self._invalid_fields())

    def _invalid_fields(self) -> list[StepField]:
        fields = (self.quantity, self.price.field, *(row.quantity for row in self.legs.rows))
        return [field for field in fields if field.isVisible() and field.property("invalid")]

    def go_to_problem(self, problems: tuple[Problem, ...] = ()) -> None:
        """Puts the keyboard into the first field that is wrong, ready to be typed over."""
        told = [self.price.field] if any(one.field == "limit_price" for one in problems) else []
        for field in (*told, *self._invalid_fields())[:1]:
            field.setFocus()
            field.selectAll()

    def commit_fields(self) -> None:
        """Hands over what is being typed, before Enter or a click acts on it."""
        for field in (self.quantity, self.price.field, *(row.quantity for row in self.legs.rows)):
            if field.isVisible():
                field.commit()

    def retheme(self) -> None:
        """Takes over the colours."""
        self.flip.setIcon(self._icons.get(Icon.SWAP))
        self.clear.setIcon(self._icons.get(Icon.CLOSE))
        self.fewer.setIcon(self._icons.get(Icon.MINUS))
        self.more.setIcon(self._icons.get(Icon.PLUS))
        self._line.setStyleSheet(f"background: {self._theme.css(Ink.GRID)};")
        self.legs.retheme()
        self.price.retheme()
        self.plot.retheme()

    def _show_order_problem(self, text: str) -> None:
        self.order_problem.setText(text)
        self.order_problem.setVisible(bool(text))

    def _step_packages(self, steps: int) -> None:
        text = self.quantity.text()
        self.packages_wanted.emit(max(1, (int(text) if text.isdecimal() else 1) + steps))

    def _on_quantity_typed(self, text: str) -> None:
        try:
            count = parse_quantity(text)
        except InvalidInput as error:
            self.quantity.set_invalid(str(error))
            self._show_order_problem(str(error))
            self.simulate.setEnabled(False)
            return
        self.quantity.set_invalid("")
        self._show_order_problem("")
        self.packages_wanted.emit(count)

    def _on_rationale(self) -> None:
        self._model.set_rationale(self.rationale.toPlainText())


def _subtitle(preview: TicketPreview, model: TicketModel, now_utc: datetime) -> str:
    legs = model.draft.legs
    if not legs:
        return ""
    level = "" if preview.spot is None else f" {fmt.price(preview.spot)}"
    parts = [f"{legs[0].contract.underlying}{level}"]
    options = {(leg.contract.root, leg.contract.expiry): leg.contract for leg in legs if leg.contract.is_option}
    if len(options) == 1:
        parts += [expiry_words(contract, now_utc) for contract in options.values()]
    return "  ·  ".join(parts)


def _fit_ink(fits: int | None, preview: TicketPreview) -> Ink:
    if fits is None:
        return Ink.TEXT_MUTED
    return Ink.TEXT if fits >= preview.packages else Ink.WARNING
