"""What the user says to the analyst: ask, stop, read what is sent, agree to it, set it up."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from execution.suggestion_commands import AskAnalyst, StopAnalyst
from execution.suggestion_views import AnalystPhase, SuggestionSet
from models.errors import InvalidInput, KnownError
from ui.engine_client import EngineClient
from ui.messages import Messages
from ui.suggestions.asking import ask
from ui.suggestions.payload_dialog import PayloadDialog
from ui.suggestions.settings_dialog import SettingsDialog

#: Refusals that a look at the payload answers.
_TO_READ = ("consent", "payload")


class AnalystTalk(QObject):
    """Speaks for the set that is shown. Nothing is sent for the first time before its payload was on the screen."""

    def __init__(self, client: EngineClient, messages: Messages, panel: QWidget) -> None:
        super().__init__(panel)
        self._client = client
        self._messages = messages
        self._panel = panel
        self._held: SuggestionSet | None = None
        #: Found out by asking: nobody has agreed yet to send anything to the server of the settings.
        self._lacks_consent = False
        self._payload_of: SuggestionSet | None = None
        self.payload: PayloadDialog | None = None
        self.settings: SettingsDialog | None = None

    def follow(self, held: SuggestionSet | None) -> None:
        """Takes note of what is shown; what is read is what would be sent now, or that it was sent meanwhile."""
        self._held = held
        dialog = self.payload
        if dialog is None or not dialog.isVisible() or held is None or held.key != dialog.key:
            return
        before, self._payload_of = self._payload_of, held
        dialog.await_consent(awaits_consent=self._awaits_consent(held))
        if before is None or _sent(before) != _sent(held):
            dialog.refresh()

    @Slot()
    def ask(self) -> None:
        """Has the model rank the set, or shows first what that would send."""
        held = self._held
        if held is None:
            return
        if self._awaits_consent(held):
            self.show_payload()
            return
        ask(self, self._client, AskAnalyst(held.key), _ignore, self._on_refused)

    def _on_refused(self, error: Exception) -> None:
        """The model may have been switched on, or the server changed, since the set was made: then consent lacks."""
        self._lacks_consent = isinstance(error, InvalidInput) and error.field in _TO_READ
        if self._lacks_consent:
            self.show_payload()
        elif self._is_for_settings(error):
            self.open_settings().say_why(str(error))
        else:
            self._messages.failed(error)

    def _is_for_settings(self, error: Exception) -> bool:
        """Where it was off from the start, what is lacking stands in the settings: a model, a key, the switch."""
        is_off = self._held is not None and self._held.analyst.phase is AnalystPhase.OFF
        return is_off and isinstance(error, KnownError) and not isinstance(error, InvalidInput)

    def _awaits_consent(self, held: SuggestionSet) -> bool:
        phase = held.analyst.phase
        is_past = phase in (AnalystPhase.WORKING, AnalystPhase.DONE)
        return phase is AnalystPhase.WAITING_CONSENT or (self._lacks_consent and not is_past)

    @Slot(str, str)
    def _allow(self, key: str, fingerprint: str) -> None:
        self._lacks_consent = False
        ask(self, self._client, AskAnalyst(key, fingerprint), _ignore, self._on_refused)

    @Slot()
    def stop(self) -> None:
        """Breaks off the request."""
        if self._held is not None:
            ask(self, self._client, StopAnalyst(self._held.key), _ignore, self._messages.failed)

    @Slot()
    def show_payload(self) -> None:
        """Shows what would be, or was, sent for the set."""
        held = self._held
        if held is None:
            return
        if self.payload is None:
            self.payload = PayloadDialog(self._client, self._panel)
            self.payload.allowed.connect(self._allow)
        self._payload_of = held
        self.payload.open_for(held.key, awaits_consent=self._awaits_consent(held))

    @Slot()
    def open_settings(self) -> SettingsDialog:
        """Shows the settings, made when first asked for."""
        if self.settings is None:
            self.settings = SettingsDialog(self._client, self._panel)
        self.settings.show()
        self.settings.raise_()
        return self.settings


def _sent(held: SuggestionSet) -> tuple[object, ...]:
    """Returns what the payload is made of, and whether it went out."""
    return held.set_id, held.analyst.phase, tuple(one.verified for one in held.suggestions)


def _ignore(_answer: object) -> None:
    """What came of it is told by the next state."""
