"""Everything about one trade on one scrolling page: legs, Greeks, market, words, fills and the order's trail."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from models.enums import BrokerName
from ui import format as fmt
from ui.icons import Icon, Icons
from ui.journal import text as words
from ui.journal.small_table import Cell, SmallTable
from ui.journal.words_editor import Words, WordsEditor
from ui.theme import GAP, PAD, Ink, Theme
from ui.widgets.labels import Chip, ValueLabel

if TYPE_CHECKING:
    from database.journal_query import JournalDetail, JournalRow

_NOTHING = "Select a trade to see its legs, the book's Greeks around it, your notes and the order's trail."

_IDS = ("Journal id", "Order id", "Broker order", "Suggestion")


class IdLine(QWidget):
    """An id that can be copied with one click."""

    def __init__(self, icons: Icons, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._icons = icons
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GAP)
        caption = QLabel(name, self)
        caption.setProperty("role", "caption")
        caption.setFixedWidth(86)
        self.value = QLabel(self)
        self.value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_button = QToolButton(self)
        self.copy_button.setProperty("kind", "flat")
        self.copy_button.setToolTip(f"Copy the {name.lower()}")
        self.copy_button.setStyleSheet("padding: 0; min-height: 14px;")
        self.copy_button.clicked.connect(self._copy)
        line.addWidget(caption)
        line.addWidget(self.value)
        line.addWidget(self.copy_button)
        line.addStretch(1)
        self.retheme()

    def show_id(self, text: str | None) -> None:
        """Shows an id; nothing to copy when there is none."""
        self.value.setText(text or fmt.EM_DASH)
        self.copy_button.setVisible(bool(text))

    def retheme(self) -> None:
        """Redraws the icon."""
        self.copy_button.setIcon(self._icons.get(Icon.COPY))

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.value.text())


class DetailPane(QWidget):
    """`show_row` shows at once what the list knows, `show_detail` adds what the reader brings."""

    save_requested = Signal(str, object, object)

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self.journal_id: str | None = None
        self.jump_buttons: dict[str, QToolButton] = {}
        self.legs = SmallTable(
            theme, ("Action", "Qty", "Contract", "Fill", "Dollars"), right=frozenset({1, 3, 4}), stretch=2
        )
        greek_columns = ("Whole book", "Before", "After", "Change", "Unit")
        self.greeks = SmallTable(theme, greek_columns, right=frozenset({1, 2, 3}), stretch=4)
        fills = ("New York", "Action", "Qty", "Contract", "Price", "Fee")
        self.executions = SmallTable(theme, fills, right=frozenset({2, 4, 5}), stretch=3)
        self.audit = SmallTable(theme, ("New York", "Event", "Facts", "Latency"), right=frozenset({3}), stretch=2)
        self.editor = WordsEditor(self)
        self.editor.save_requested.connect(self.save_requested)
        self._build_head()
        self._build_page()
        self._nothing = QLabel(_NOTHING, self)
        self._nothing.setProperty("role", "empty")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setWordWrap(True)
        shown = QWidget(self)
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head)
        column.addWidget(self.page, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(shown)

    # --- building -----------------------------------------------------------------------------------------------------

    def _build_head(self) -> None:
        self._head = QWidget(self)
        self._head.setProperty("surface", "toolbar")
        self._head.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.title = QLabel(self._head)
        self.title.setProperty("role", "title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.status, self.regime = Chip(self._theme, self._head), Chip(self._theme, self._head)
        self.net = ValueLabel(self._theme, self._head, pixels=14, bold=True)
        self.when = QLabel(self._head)
        self.when.setProperty("role", "caption")
        self.when.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        first = QHBoxLayout()
        first.setSpacing(PAD)
        first.addWidget(self.title, 1)
        for widget in (self.status, self.regime, self.net):
            first.addWidget(widget)
        second = QHBoxLayout()
        second.setSpacing(0)
        second.addWidget(self.when, 1)
        self._jumps = QHBoxLayout()
        self._jumps.setSpacing(0)
        second.addLayout(self._jumps)
        layout = QVBoxLayout(self._head)
        layout.setContentsMargins(PAD, GAP, PAD, 2)
        layout.setSpacing(0)
        layout.addLayout(first)
        layout.addLayout(second)

    def _build_page(self) -> None:
        content = QWidget(self)
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(PAD, GAP, PAD, PAD)
        self._column.setSpacing(2)
        self.page = QScrollArea(self)
        self.page.setFrameShape(QFrame.Shape.NoFrame)
        self.page.setWidgetResizable(True)
        self.page.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.page.setWidget(content)
        content.setAutoFillBackground(False)  # the panel's own ground shows through
        self.page.viewport().setAutoFillBackground(False)
        self.greeks_note = self._caption()
        self.context = self._context_grid()
        self._section("Legs", self.legs, jump="Trade")
        self._section("Portfolio Greeks", self.greeks, self.greeks_note)
        self._section("Market at the fill", self.context)
        self._section("Rationale and tags", self.editor, jump="Notes")
        self.ai = self._caption(role="")
        self.ai_heading = self._section("AI rationale", self.ai)
        self.fees = self._caption()
        self._section("Fills", self.executions, self.fees, jump="Fills")
        self.audit_note = self._caption()
        self._section("Order trail", self.audit, self.audit_note, jump="Trail")
        self.ids = {name: IdLine(self._icons, name, content) for name in _IDS}
        self._section("Ids", *self.ids.values())
        self._column.addStretch(1)

    def _context_grid(self) -> QWidget:
        box = QWidget(self)
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(3 * PAD)
        grid.setVerticalSpacing(0)
        self.context_values: dict[str, ValueLabel] = {}
        for column, name in enumerate(("SPX", "VIX", "Regime", "Account")):
            caption = QLabel(name, box)
            caption.setProperty("role", "caption")
            value = ValueLabel(self._theme, box)
            value.setAlignment(Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(caption, 0, column)
            grid.addWidget(value, 1, column)
            self.context_values[name] = value
        grid.setColumnStretch(4, 1)
        return box

    def _caption(self, *, role: str = "caption") -> QLabel:
        label = QLabel(self)
        label.setProperty("role", role)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _section(self, name: str, *widgets: QWidget, jump: str = "") -> QLabel:
        heading = QLabel(name.upper(), self)
        heading.setProperty("role", "caption")
        heading.setContentsMargins(0, PAD, 0, 0)
        self._column.addWidget(heading)
        for widget in widgets:
            self._column.addWidget(widget)
        if jump:
            button = QToolButton(self._head)
            button.setText(jump)
            button.setToolTip(f"Scroll to {name.lower()}")
            button.setProperty("kind", "flat")
            button.setStyleSheet("padding: 1px 6px; min-height: 14px;")
            button.clicked.connect(lambda: self.page.verticalScrollBar().setValue(heading.y()))
            self._jumps.addWidget(button)
            self.jump_buttons[jump] = button
        return heading

    # --- content ------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Shows that nothing is selected."""
        self.journal_id = None
        self._stack.setCurrentIndex(0)

    def show_row(self, row: JournalRow) -> None:
        """Shows a row of the list; what only the reader knows is emptied until it comes."""
        if row.id != self.journal_id:
            self.journal_id = row.id
            self.page.verticalScrollBar().setValue(0)
            self.executions.show_rows(())
            self.audit.show_rows(())
            self.fees.setText("Loading…")
            self.audit_note.setText("Loading…")
        self._show_head(row)
        self._show_trade(row)
        self.editor.show_words(row.id, Words(row.user_rationale or "", row.tags))
        self.ai.setVisible(bool(row.ai_rationale))
        self.ai_heading.setVisible(bool(row.ai_rationale))
        self.ai.setText(row.ai_rationale or "")
        self.ids["Journal id"].show_id(row.id)
        self.ids["Broker order"].show_id(row.broker_order_id)
        self.ids["Suggestion"].show_id(row.ai_suggestion_id)
        self.ids["Suggestion"].setVisible(row.ai_suggestion_id is not None)
        self._stack.setCurrentIndex(1)

    def show_detail(self, detail: JournalDetail) -> None:
        """Shows everything about the row that is on show; an answer about another one is dropped."""
        if detail.row.id != self.journal_id:
            return
        self.show_row(detail.row)
        at = detail.row.created_at
        self.editor.show_history(detail.edits)
        self.ids["Order id"].show_id(detail.order_id)
        self.executions.show_rows(
            [
                (
                    Cell(words.trail_time(one.executed_at_utc, at), tip=words.new_york(one.executed_at_utc)),
                    Cell(one.action.value, Ink.BUY if one.action.sign > 0 else Ink.SELL),
                    Cell(fmt.quantity(one.quantity)),
                    Cell(one.contract.label, tip=f"{one.contract.label}\nexecution {one.execution_id}"),
                    Cell(fmt.price(one.price)),
                    Cell(fmt.price(one.fee), tip="" if one.fee is not None else "Not reported by the broker yet"),
                )
                for one in detail.executions
            ]
        )
        fees = "not reported in full yet" if detail.fees is None else f"${fmt.price(detail.fees)}"
        self.fees.setText(f"Fees {fees}" if detail.executions else "No executions are linked to this row.")
        self.audit.show_rows(
            [
                (
                    Cell(words.trail_time(one.at_utc, at), tip=words.new_york(one.at_utc)),
                    Cell(fmt.words(one.kind)),
                    Cell(words.audit_facts(one)),
                    Cell(words.latency(one.latency_us), Ink.TEXT_MUTED),
                )
                for one in detail.audit
            ]
        )
        self.audit_note.setText("" if detail.audit else "The order was placed outside this desk: no trail.")
        self.audit_note.setVisible(not detail.audit)

    def _show_head(self, row: JournalRow) -> None:
        self.title.setText(f"{row.underlying}  {words.strategy(row.strategy_tag)}")
        self.status.set(*words.status_chip(row.status))
        regime, ink = words.regime_chip(row.regime)
        self.regime.set(regime, ink)
        self.regime.setVisible(bool(regime))
        self.net.set(fmt.net_price(row.net_debit_credit), words.net_ink(row.net_debit_credit))
        self.when.setText(f"{words.new_york(row.created_at)} New York")
        self.context_values["SPX"].set(fmt.price(row.spx_price_at_fill))
        self.context_values["VIX"].set(fmt.price(row.vix_at_fill))
        self.context_values["Regime"].set(regime or fmt.EM_DASH, ink)
        self.context_values["Account"].set(f"{row.account_id} ({fmt.broker(BrokerName(row.broker))})")

    def _show_trade(self, row: JournalRow) -> None:
        legs = []
        for leg in row.legs:
            is_buy = leg.get("action") == "BUY"
            qty, fill = leg.get("qty"), leg.get("fill_price")
            dollars = None
            if qty is not None and fill is not None and leg.get("multiplier") is not None:
                sign = 1 if is_buy else -1
                dollars = sign * Decimal(str(qty)) * Decimal(str(fill)) * Decimal(str(leg["multiplier"]))
            label = words.contract_label(leg)
            legs.append(
                (
                    Cell("BUY" if is_buy else "SELL", Ink.BUY if is_buy else Ink.SELL),
                    Cell(fmt.quantity(qty)),
                    Cell(label, tip=f"{label}\n{leg['symbol']}"),
                    Cell(fmt.price(fill)),
                    Cell(fmt.net_price(dollars), Ink.TEXT_MUTED),
                )
            )
        self.legs.show_rows(legs)
        self.greeks.show_rows(
            [
                (
                    Cell(line.name),
                    Cell(line.before),
                    Cell(line.after),
                    Cell(line.change),
                    Cell(line.unit, Ink.TEXT_MUTED),
                )
                for line in words.greek_lines(row)
            ]
        )
        note = words.greeks_note(row)
        self.greeks_note.setText(note)
        self.greeks_note.setVisible(bool(note))

    def retheme(self) -> None:
        """Redraws the icons."""
        for line in self.ids.values():
            line.retheme()
