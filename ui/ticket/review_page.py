"""The one confirmation: what will be sent, where, what it does to book and margin; only from here an order leaves."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from execution.commands import TicketDraft
from execution.ticket_views import SendOutcome
from models.account import AccountInfo
from models.enums import Mode
from ui import format as fmt
from ui.theme import GAP, PAD, Ink, Theme
from ui.ticket.impact import LimitTable, MarginTable
from ui.ticket.model import SIMULATION_GOOD_S, Simulation, TicketModel
from ui.ticket.origin import OriginNote
from ui.ticket.words import buys, changes_since, extremes, name_of, total, verb

#: The send button wakes this long after the page opened: the second half of a double click or a held Enter is no order.
ARM_DELAY_MS = 400


class ReviewPage(QWidget):
    """Shows a simulation. `send_wanted` comes from its button or Enter, `back_wanted` from Esc."""

    send_wanted = Signal()
    back_wanted = Signal()
    again_wanted = Signal()

    def __init__(self, theme: Theme, model: TicketModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model
        self._account: AccountInfo | None = None
        self._open_for = QElapsedTimer()
        self._arm = QTimer(self)
        self._arm.setSingleShot(True)
        self._arm.setInterval(ARM_DELAY_MS)
        self._arm.timeout.connect(self.refresh)
        self.banner = QLabel(self)
        self.banner.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence = QLabel(self)
        self.sentence.setFont(theme.font(15, bold=True))
        self.sentence.setWordWrap(True)
        self.terms = self._label("muted")
        self.legs = self._label("")
        self.legs.setFont(theme.number_font())
        self.origin = OriginNote(theme, self)
        self.denials = self._label("error")
        self.changes = self._label("warning")
        self.warnings = self._label("warning")
        self.limits = LimitTable(theme, self)
        self.margin = MarginTable(theme, self)
        self.age = self._label("muted")
        self.left = QProgressBar(self)
        self.left.setTextVisible(False)
        self.left.setFixedHeight(4)
        self.left.setRange(0, round(SIMULATION_GOOD_S * 10))
        self.back = QPushButton("Back  (Esc)", self)
        self.again = QPushButton("Simulate again", self)
        self.send = QPushButton(self)
        self.send.setMinimumHeight(34)
        for button in (self.back, self.again, self.send):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._lay_out()
        self.back.clicked.connect(self.back_wanted)
        self.again.clicked.connect(self.again_wanted)
        self.send.clicked.connect(self.try_send)
        theme.changed.connect(self._paint_banner)

    def _label(self, role: str) -> QLabel:
        label = QLabel(self)
        label.setWordWrap(True)
        if role:
            label.setProperty("role", role)
        return label

    def _lay_out(self) -> None:
        content = QWidget(self)
        inside = QVBoxLayout(content)
        inside.setContentsMargins(PAD, PAD, PAD, GAP)
        inside.setSpacing(PAD)
        for widget in (
            self.sentence,
            self.terms,
            self.legs,
            self.origin,
            self.denials,
            self.changes,
            self.limits,
            self.margin,
            self.warnings,
        ):
            inside.addWidget(widget)
        inside.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(content)
        scroll.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        buttons = QHBoxLayout()
        buttons.addWidget(self.back)
        buttons.addWidget(self.again)
        foot = QVBoxLayout()
        foot.setContentsMargins(PAD, GAP, PAD, PAD)
        foot.setSpacing(6)
        foot.addWidget(self.age)
        foot.addWidget(self.left)
        foot.addLayout(buttons)
        foot.addWidget(self.send)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(scroll, 1)
        layout.addLayout(foot)

    # --- shown --------------------------------------------------------------------------------------------------------

    def open_with(self, simulation: Simulation, account: AccountInfo | None) -> None:
        """Shows a fresh simulation and, after a moment, wakes the send button."""
        self._account = account
        draft, preview = simulation.draft, simulation.preview
        net_mid = None if preview is None else preview.net_mid
        sentence = verb(draft, name_of(simulation.order, preview), net_mid)
        self.sentence.setText(sentence)
        self.send.setText(sentence)
        self.send.setProperty("kind", "buy" if buys(draft, net_mid) else "sell")
        self.send.style().polish(self.send)
        self.legs.setText(
            "\n".join(f"{fmt.signed(leg.signed_quantity, 0):>3}   {leg.contract.label}" for leg in draft.legs)
        )
        self.origin.show_draft(draft)
        self._show_lines(self.denials, ())
        result = simulation.order.simulation_result
        warnings = [denial.text for denial in simulation.outcome.warnings]
        if result is not None:
            self.margin.show_result(result)
            if not result.margin_known:
                warnings.insert(0, "The broker did not say what margin this takes: margin unknown.")
            warnings += [text for text in (result.broker_warn, result.broker_error) if text]
        self._show_lines(self.warnings, tuple(warnings))
        # The preview did not know the margin: what binds is told by the simulation itself.
        self.limits.show_limits(simulation.outcome.limits)
        self._paint_banner()
        self._open_for.start()
        self._arm.start()
        self.refresh()

    def _show_terms(self, draft: TicketDraft) -> None:
        """What can come of the trade is shown for this very price: a preview of the one before would mislead."""
        model, parts = self._model, [draft.order_type.value, draft.tif.value, total(draft)]
        asked = model.previewed_draft
        is_its_own = asked is not None and (asked.legs, asked.limit_price) == (draft.legs, draft.limit_price)
        risk = "\n" + extremes(model.preview) if is_its_own and model.preview is not None else ""
        self.terms.setText("  ·  ".join(part for part in parts if part) + risk)

    def refresh(self) -> None:
        """Counts the simulation's age and says what moved since."""
        model = self._model
        simulation, age = model.simulation, model.simulation_age_s
        if simulation is not None and not model.is_spent:
            self._show_terms(simulation.draft)
        is_fresh = age is not None and age <= SIMULATION_GOOD_S and not model.differs
        if model.is_simulating:
            self.age.setText("Simulating…")
        elif model.differs:
            self.age.setText("The ticket changed since it was simulated. Simulate again before sending.")
        elif age is None:
            self.age.setText("Not simulated.")
        elif not is_fresh:
            self.age.setText(f"Simulated {fmt.age(age)} ago: too old to send. Simulate again.")
        else:
            self.age.setText(f"Simulated {fmt.age(age)} ago, good for {fmt.age(SIMULATION_GOOD_S - age)}")
        self.left.setValue(0 if age is None or not is_fresh else round((SIMULATION_GOOD_S - age) * 10))
        then = None if simulation is None else simulation.preview
        moved = () if then is None or model.preview is None or model.is_spent else changes_since(then, model.preview)
        self._show_lines(self.changes, moved)
        self.send.setEnabled(model.can_send and self.is_armed)
        self.again.setEnabled(not model.is_simulating and not model.is_sending)
        if model.is_sending:
            self.age.setText("Sending…")

    @property
    def is_armed(self) -> bool:
        """Whether the page was open long enough for a press to be meant."""
        return self._open_for.isValid() and self._open_for.elapsed() >= ARM_DELAY_MS

    def try_send(self) -> None:
        """Wants the order sent, once: the button is dead before anything else happens."""
        if not (self.send.isEnabled() and self.is_armed):
            return
        self.send.setEnabled(False)
        self.send_wanted.emit()

    def show_denied(self, outcome: SendOutcome) -> None:
        """Lists why the gate refused; nothing was sent."""
        reasons = [problem.text for problem in outcome.problems] + [denial.text for denial in outcome.denials]
        if outcome.failure:
            reasons.append(outcome.failure)
        self._show_lines(self.denials, ("Not sent:", *reasons) if reasons else ("Not sent.",))

    def show_failed(self, text: str) -> None:
        """Says that the answer to a send did not come."""
        self._show_lines(self.denials, (f"No answer to the order: {text} See Working orders before trying again.",))

    def _show_lines(self, label: QLabel, lines: tuple[str, ...]) -> None:
        text = "\n".join(line if line.endswith(":") else f"▲  {line}" for line in lines)
        if text != label.text():
            label.setText(text)
        label.setVisible(bool(lines))

    def _paint_banner(self) -> None:
        account = self._account
        is_live = account is not None and account.mode is Mode.LIVE
        fill, ink = (Ink.LIVE, Ink.ON_LIVE) if is_live else (Ink.PAPER, Ink.ON_PAPER)
        text = "Account unknown" if account is None else _account_text(account)
        self.banner.setText(text)
        self.banner.setStyleSheet(
            f"background: {self._theme.css(fill)}; color: {self._theme.css(ink)}; font-weight: 600; padding: 5px;"
        )


def _account_text(account: AccountInfo) -> str:
    word = "LIVE: REAL MONEY" if account.mode is Mode.LIVE else "PAPER"
    where = "" if account.broker.value == word else f"{fmt.broker(account.broker)} "
    return f"{word}   {where}account {account.account_id}"
