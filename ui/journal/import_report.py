"""What an import did, to read and to copy: counts, money, days, and every row that was left out with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from execution.statement_views import StatementReport
from models.coverage import StatementDays
from models.statement import CashKind, SkippedRow
from ui import format as fmt
from ui.journal.small_table import Cell, SmallTable
from ui.theme import PAD, Ink, Theme

_COUNT_HEADERS = ("", "Read", "New", "Known", "Corrected", "Left out")
_CASH_HEADERS = ("Cash", "Currency", "Rows", "New", "Amount")
_SKIP_HEADERS = ("Left out", "Rows", "First", "Why")
_CASH_WORDS = {
    CashKind.TRANSFER: "Deposits and withdrawals",
    CashKind.DIVIDEND: "Dividends",
    CashKind.INTEREST: "Interest",
    CashKind.FEE: "Fees",
    CashKind.TAX: "Taxes",
    CashKind.OTHER: "Other",
}
_REFERENCE = "the desk has no use for them, or does not book them"


class ImportReportDialog(QDialog):
    """The report of one import."""

    def __init__(self, theme: Theme, report: StatementReport, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName("importReport")
        self.setWindowTitle(f"Statement {report.source}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(760, 560)
        self.report = report
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        layout.setSpacing(PAD)
        layout.addWidget(self._label(headline(report), "title"))
        layout.addWidget(self._scrolled(theme), 1)
        self.copy_button = QPushButton("Copy report", self)
        self.copy_button.clicked.connect(self._copy)
        self.close_button = QPushButton("Close", self)
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        layout.addLayout(buttons)

    def text(self) -> str:
        """Returns the report as lines of text, tables with tabs."""
        lines = [headline(self.report), *facts(self.report)]
        for headers, rows in self._tables():
            if rows:
                lines += ["", "\t".join(headers), *("\t".join(cell.text for cell in row) for row in rows)]
        return "\n".join(lines)

    def _scrolled(self, theme: Theme) -> QScrollArea:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(PAD)
        for fact in facts(self.report):
            column.addWidget(self._label(fact, ""))
        self.tables: list[SmallTable] = []
        for headers, rows in self._tables():
            if rows:
                is_list = headers is _SKIP_HEADERS
                right = frozenset({1}) if is_list else frozenset(range(1, len(headers)))
                table = SmallTable(theme, headers, inside, right=right, stretch=len(headers) - 1 if is_list else 0)
                table.show_rows(rows)
                self.tables.append(table)
                column.addWidget(table)
        column.addStretch(1)
        area = QScrollArea(self)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(inside)
        return area

    def _tables(self) -> tuple[tuple[Sequence[str], list[tuple[Cell, ...]]], ...]:
        return (
            (_COUNT_HEADERS, _count_rows(self.report)),
            (_CASH_HEADERS, _cash_rows(self.report)),
            (_SKIP_HEADERS, _skip_rows(self.report.skipped)),
        )

    def _label(self, text: str, role: str) -> QLabel:
        label = QLabel(text, self)
        if role:
            label.setProperty("role", role)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())


def headline(report: StatementReport) -> str:
    """Returns what came of the import in one sentence."""
    new = sum(one.new for one in report.sections)
    corrected = sum(one.corrected for one in report.sections)
    skipped = sum(one.skipped for one in report.sections)
    parts = [f"{new:,} added"] if new else ["nothing new"]
    if corrected:
        parts.append(f"{corrected:,} corrected")
    if report.fees_filled:
        parts.append(f"{fmt.plural(report.fees_filled, 'fee')} filled in")
    if skipped:
        parts.append(f"{skipped:,} left out")
    return f"{report.source}: {', '.join(parts)}."


def facts(report: StatementReport) -> tuple[str, ...]:
    """Returns the sentences above the tables: account, days, journal, fees, what was not for import."""
    lines = [f"Account {', '.join(report.accounts)}." if report.accounts else "The statement names no account."]
    lines += [_days_text(days) for days in report.days]
    if not report.days:
        lines.append("It does not hold whole days of trades: no day counts as complete by it.")
    rows = fmt.plural(report.journal_rows, "row")
    lines.append(
        f"{rows} written into the journal. The market and the book's Greeks at those trades are not known and stay "
        "empty."
        if report.journal_rows
        else "No row was written into the journal."
    )
    lines.append(f"Fees of its trades: {fmt.price(report.fees_usd)} USD.")
    if report.fees_changed:
        lines.append(f"{fmt.plural(report.fees_changed, 'fee')} changed to what the statement says.")
    if report.is_reconciled_after:
        lines.append("The desk compares itself with the broker again, because recent trades are among them.")
    if report.passed_over:
        listed = ", ".join(f"{what} ({count:,})" for what, count in report.passed_over)
        lines.append(f"Passed over ({_REFERENCE}): {listed}.")
    return tuple(lines)


def _days_text(days: StatementDays) -> str:
    first, last = fmt.expiry_date(days.first_day), fmt.expiry_date(days.last_day)
    period = first if first == last else f"{first} to {last}"
    return f"Trades of {days.account_id} are complete for {period}."


def _count_rows(report: StatementReport) -> list[tuple[Cell, ...]]:
    return [
        (
            Cell(one.section.value),
            Cell(f"{one.read:,}"),
            Cell(f"{one.new:,}", Ink.GAIN if one.new else Ink.TEXT_MUTED),
            Cell(f"{one.known:,}", Ink.TEXT_MUTED),
            Cell(f"{one.corrected:,}", Ink.WARNING if one.corrected else Ink.TEXT_MUTED),
            Cell(f"{one.skipped:,}", Ink.WARNING if one.skipped else Ink.TEXT_MUTED),
        )
        for one in report.sections
    ]


def _cash_rows(report: StatementReport) -> list[tuple[Cell, ...]]:
    return [
        (
            Cell(_CASH_WORDS[one.kind]),
            Cell(one.currency),
            Cell(f"{one.count:,}"),
            Cell(f"{one.new:,}", Ink.GAIN if one.new else Ink.TEXT_MUTED),
            Cell(fmt.signed(one.amount, 2)),
        )
        for one in report.cash
    ]


def _skip_rows(skipped: Iterable[SkippedRow]) -> list[tuple[Cell, ...]]:
    """One line per reason, the most frequent first."""
    groups: dict[tuple[str, str], list[SkippedRow]] = {}
    for row in skipped:
        groups.setdefault((row.section.value, row.reason), []).append(row)
    return [
        (
            Cell(section),
            Cell(f"{len(rows):,}", Ink.WARNING),
            Cell(rows[0].place, tip="\n".join(row.place for row in rows[:30])),
            Cell(reason),
        )
        for (section, reason), rows in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
