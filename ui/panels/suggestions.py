"""AI suggestions: what is broken, or would be, and verified trades that bring it back inside."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QWidget

from execution.commands import TicketDraft
from execution.suggestion_commands import (
    DismissSuggestion,
    FindSuggestions,
    LoadSuggestion,
    ReadScoreboard,
    SuggestionsShown,
    VerifySuggestion,
)
from execution.suggestion_views import Scoreboard, SearchPhase, SuggestionSet, SuggestionsState
from execution.views import BreachesState, DeskState, LimitRow, Phase, RiskState
from models.clock import Clock
from models.enums import Metric
from models.errors import KnownError
from ui import format as fmt
from ui.breaches import text as breach_words
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.messages import Messages
from ui.panels.base import Panel
from ui.suggestions import words
from ui.suggestions.analyst_talk import AnalystTalk
from ui.suggestions.asking import ask
from ui.suggestions.labels import button, plain_chip
from ui.suggestions.picks import PREMORTEM, PickList
from ui.suggestions.set_view import SetView
from ui.theme import Ink, Theme

#: From this width on the breaches stand beside the suggestions, below it above them.
_BESIDE_PX = 860
_SCORE_EVERY_MS = 60_000


class SuggestionsPanel(Panel):
    """Shows SuggestionsState, BreachesState and RiskState; `ticket_wanted(TicketDraft)` goes to the order ticket."""

    KEY: ClassVar[str] = "suggestions"
    TITLE: ClassVar[str] = "AI suggestions"

    ticket_wanted = Signal(object)

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        *,
        messages: Messages,
        clock: Clock,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._messages = messages
        self._clock = clock
        self._breaches = BreachesState((), ())
        self._rows: dict[Metric, LimitRow] = {}
        self._state = SuggestionsState((), None)
        self._is_watching = False
        self._is_ready = False
        self._chosen: str | None = None
        self._key: str | None = None
        self._told_shown: str | None = None
        self.talk = AnalystTalk(client, messages, self)
        self._build()
        self._ticking = QTimer(self)
        self._ticking.setInterval(1000)
        self._ticking.timeout.connect(self._tick)
        self._scoring = QTimer(self)
        self._scoring.setInterval(_SCORE_EVERY_MS)
        self._scoring.timeout.connect(self._read_score)
        self.set_empty(words.NOT_YET)
        self.listen(DeskState, self._on_desk)
        self.listen(RiskState, self._on_risk)
        self.listen(BreachesState, self._on_breaches)
        self.listen(SuggestionsState, self._on_suggestions)

    def _build(self) -> None:
        self.summary = plain_chip(self.theme, self)
        self.score_button = button("Scoreboard", "Whether following the suggestions has paid", self, style="flat")
        self.toolbar.addWidget(self.summary)
        self.toolbar.addStretch(1)
        self.toolbar.addWidget(self.score_button)
        body = QWidget(self)
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, body)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(0)
        self.picks = PickList(self.theme, body)
        self.rule = QFrame(body)
        self.rule.setProperty("surface", "divider")
        self.set_view = SetView(self.theme, body)
        self._line.addWidget(self.picks)
        self._line.addWidget(self.rule)
        self._line.addWidget(self.set_view, 1)
        self._set_beside(is_beside=True)
        self.set_body(body)
        self.score_button.clicked.connect(self.set_view.show_scoreboard)
        self.picks.chosen.connect(self._choose)
        self.picks.find_wanted.connect(self._find_ahead)
        view, strip = self.set_view, self.set_view.strip
        view.search_wanted.connect(self._search)
        view.load_wanted.connect(self._load)
        view.again_wanted.connect(self._verify)
        view.dismiss_wanted.connect(self._dismiss)
        strip.ask_wanted.connect(self.talk.ask)
        strip.stop_wanted.connect(self.talk.stop)
        strip.payload_wanted.connect(self.talk.show_payload)
        strip.settings_wanted.connect(self.talk.open_settings)

    # --- news ---------------------------------------------------------------------------------------------------------

    def _on_desk(self, desk: DeskState) -> None:
        is_ready = desk.phase in (Phase.READY, Phase.READ_ONLY)
        if is_ready and not self._is_ready:
            self._read_score()
        self._is_ready = is_ready

    def _on_risk(self, risk: RiskState) -> None:
        self._rows = {row.metric: row for row in risk.limits}
        self._is_watching = True
        self.set_as_of(risk.greeks.timestamp)
        self._show_picks()
        if self._key is None:
            self._show_quiet()

    def _on_breaches(self, state: BreachesState) -> None:
        self._breaches = state
        self._is_watching = True
        self._show_all()

    def _on_suggestions(self, state: SuggestionsState) -> None:
        self._state = state
        self._show_all()

    @property
    def sets(self) -> dict[str, SuggestionSet]:
        """The sets by key, newest first."""
        return {held.key: held for held in self._state.sets}

    @property
    def shown_key(self) -> str | None:
        """Which set is shown, or was chosen and has none yet."""
        return self._key

    def _show_all(self) -> None:
        keys = self._show_picks()
        if self._chosen not in keys:
            self._chosen = None
        first = keys[0] if keys else None
        if first == PREMORTEM and PREMORTEM not in self.sets:
            first = None
        self._show(self._chosen or first)

    def _show_picks(self) -> tuple[str, ...]:
        if not (self._is_watching or self._state.sets or self._state.premortem):
            return ()
        self.set_empty(None)
        opened = self._breaches.open
        live = {breach.id: self._rows[breach.metric].value for breach in opened if breach.metric in self._rows}
        now = self._clock.now_utc()
        keys = self.picks.show_picks(opened, self.sets, self._state.premortem, live, now)
        self.picks.choose(self._key)
        self.rule.setVisible(bool(keys))
        self._say_summary(len(opened))
        return keys

    def _say_summary(self, broken: int) -> None:
        if broken:
            self.summary.set(f"{fmt.plural(broken, 'limit')} broken", Ink.LIMIT_BREACHED)
        elif self._unmeasured() is not None:
            self.summary.set("Limits not all measured", Ink.LIMIT_UNKNOWN)
        elif self._is_acknowledged():
            self.summary.set("A limit is broken and acknowledged", Ink.LIMIT_NEAR)
        elif self._is_passed():
            self.summary.set("A limit was passed just now", Ink.LIMIT_NEAR)
        else:
            self.summary.set("✓ All limits hold", Ink.LIMIT_OK)

    def _unmeasured(self) -> str | None:
        """Returns the limits that cannot be judged now, in words; None when all can."""
        if not self._rows:
            return "all of them"
        names = [fmt.metric_name(metric) for metric, row in self._rows.items() if row.value is None]
        return ", ".join(names) or None

    def _is_acknowledged(self) -> bool:
        return any(row.is_breached and metric in self._breaches.acknowledged for metric, row in self._rows.items())

    def _is_passed(self) -> bool:
        return any(row.is_breached for row in self._rows.values())

    def _show_quiet(self) -> None:
        """No breach is open: says what that means."""
        unmeasured = self._unmeasured()
        if self._is_acknowledged():
            text = words.ACKNOWLEDGED
        elif self._is_passed():
            text = words.PASSED
        elif unmeasured is not None:
            text = f"No breach is known. Not measured: {unmeasured}."
        else:
            text = words.ALL_HOLD
        self.set_view.show_nothing(text)

    def _show(self, key: str | None) -> None:
        self._key = key
        self.picks.choose(key)
        held = None if key is None else self.sets.get(key)
        if held is not None:
            self.set_view.show_set(held, self._clock.now_utc())
            self._tell_shown(held)
        elif key is None:
            self._show_quiet()
        elif key == PREMORTEM:
            self.set_view.show_unsearched("Regime pre-mortem", words.NOT_SEARCHED_AHEAD)
        else:
            breach = next(breach for breach in self._breaches.open if breach.id == key)
            self.set_view.show_unsearched(breach_words.title(breach), words.NOT_SEARCHED)
        self.talk.follow(held)

    def _tell_shown(self, held: SuggestionSet) -> None:
        """Once for each search: its breach then counts as shown."""
        if held.search is SearchPhase.READY and held.set_id != self._told_shown:
            self._told_shown = held.set_id
            ask(self, self.client, SuggestionsShown(held.key), _ignore, self._messages.failed)

    # --- the user -----------------------------------------------------------------------------------------------------

    @Slot(str)
    def _choose(self, key: str) -> None:
        self._chosen = key
        self._show(key)

    @Slot()
    def _search(self) -> None:
        if self._key is not None:
            self._find(None if self._key == PREMORTEM else self._key)

    @Slot()
    def _find_ahead(self) -> None:
        self._choose(PREMORTEM)
        self._find(None)

    def _find(self, breach_id: str | None) -> None:
        ask(self, self.client, FindSuggestions(breach_id), _ignore, self._messages.failed)

    @Slot(str)
    def _load(self, suggestion_id: str) -> None:
        def done(draft: TicketDraft) -> None:
            self.set_view.set_busy(suggestion_id, "")
            self.ticket_wanted.emit(draft)

        self.set_view.set_busy(suggestion_id, "Opening it in the ticket…")
        ask(self, self.client, LoadSuggestion(suggestion_id), done, lambda error: self._failed(suggestion_id, error))

    @Slot(str)
    def _verify(self, suggestion_id: str) -> None:
        self.set_view.set_busy(suggestion_id, "Simulating with the broker…")
        ask(
            self,
            self.client,
            VerifySuggestion(suggestion_id),
            lambda _suggestion: self.set_view.set_busy(suggestion_id, ""),  # the state that follows brings its figures
            lambda error: self._failed(suggestion_id, error),
        )

    @Slot(str, str)
    def _dismiss(self, suggestion_id: str, reason: str) -> None:
        def done(_answer: object) -> None:
            self.set_view.set_busy(suggestion_id, "")
            self._read_score()

        self.set_view.set_busy(suggestion_id, "Dismissing…")
        command = DismissSuggestion(suggestion_id, reason)
        ask(self, self.client, command, done, lambda error: self._failed(suggestion_id, error))

    def _failed(self, suggestion_id: str, error: Exception) -> None:
        """The world's faults are said at the card, ours in the error dialog."""
        text = str(error) if isinstance(error, KnownError) else "It did not work: a fault of the desk."
        is_said = self.set_view.say_failed(suggestion_id, text)
        if not is_said or not isinstance(error, KnownError):
            self._messages.failed(error)

    # --- score --------------------------------------------------------------------------------------------------------

    @Slot()
    def _read_score(self) -> None:
        ask(self, self.client, ReadScoreboard(), self._on_score, self._on_score_failed)

    def _on_score(self, board: Scoreboard) -> None:
        self.set_view.scoreboard.show_scoreboard(board)

    def _on_score_failed(self, error: Exception) -> None:
        self.set_view.scoreboard.say_failed(f"The score cannot be read: {error}")

    # --- look ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _tick(self) -> None:
        now = self._clock.now_utc()
        self.picks.tick(now)
        self.set_view.tick(now)

    def showEvent(self, event: QShowEvent) -> None:
        """Counts ages while visible."""
        super().showEvent(event)
        self._ticking.start()
        self._scoring.start()
        self._tick()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rests while nobody looks."""
        super().hideEvent(event)
        self._ticking.stop()
        self._scoring.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A wide panel has the breaches beside the suggestions, a narrow one above them."""
        super().resizeEvent(event)
        self._set_beside(is_beside=self.width() >= _BESIDE_PX)

    def _set_beside(self, *, is_beside: bool) -> None:
        direction = QBoxLayout.Direction.LeftToRight if is_beside else QBoxLayout.Direction.TopToBottom
        if self._line.direction() is direction and self.rule.maximumWidth() != self.rule.maximumHeight():
            return
        self._line.setDirection(direction)
        self.picks.set_beside(is_beside=is_beside)
        most = 16_777_215
        self.rule.setMaximumSize(1 if is_beside else most, most if is_beside else 1)


def _ignore(_answer: object) -> None:
    """What came of it is told by the next state."""
