"""The language model's part of the panel: what it did, asking, stopping, reading what is sent, consent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtGui import QGuiApplication

from execution.suggestion_commands import AskAnalyst, ReadAnalystSettings, ReadPayload, StopAnalyst
from execution.suggestion_views import AnalystPhase, AnalystReport, SearchPhase, SuggestionSet
from models.errors import InvalidInput, KnownError
from tests.ui import suggestions_demo_data as demo
from tests.ui.suggestions.conftest import Desk
from ui.suggestions import words
from ui.suggestions.analyst_strip import AnalystStrip
from ui.suggestions.payload_dialog import PayloadDialog

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "raise")
READ_FIRST = AnalystReport(AnalystPhase.WAITING_CONSENT, "Read what would be sent.", demo.MODEL)
WORKING = AnalystReport(AnalystPhase.WORKING, "Answering… 812 characters so far", demo.MODEL)


def strip(desk: Desk) -> AnalystStrip:
    return desk.panel.set_view.strip


def payload(desk: Desk) -> PayloadDialog:
    dialog = desk.panel.talk.payload
    assert dialog is not None
    return dialog


def waiting(**changes: object) -> SuggestionSet:
    return replace(demo.a_set(), analyst=READ_FIRST, **changes)  # type: ignore[arg-type] # fields of a set


def test_without_a_model_the_desk_says_that_the_words_are_its_own(desk: Desk) -> None:
    desk.broken(demo.a_set())
    assert strip(desk).phase.text() == "not asked"
    assert strip(desk).text.text() == words.OWN_RANKING
    assert not desk.shown(strip(desk).stop_button)
    assert strip(desk).ask_button.isEnabled()


def test_model_tokens_cost_time_and_what_was_removed_are_shown(desk: Desk) -> None:
    desk.broken(demo.ranked_by_model(demo.a_set()))
    assert strip(desk).phase.text() == "ranked by the model"
    assert strip(desk).facts.text() == (
        "gpt-5-mini  ·  2,310 tokens in, 402 out  ·  $0.0123  ·  4.2 s  ·  removed claims: 2"
    )
    assert strip(desk).comment.text() == demo.DONE.comment
    assert strip(desk).asked_for.text() == "Asked for another search: nothing that pays more than 5,000 dollars"


def test_what_the_server_did_not_tell_is_left_out(desk: Desk) -> None:
    silent = replace(demo.DONE, tokens_in=None, tokens_out=None, cost_usd=None, removed_claims=0, asked_for="")
    desk.broken(demo.a_set(analyst=silent))
    assert strip(desk).facts.text() == "gpt-5-mini  ·  4.2 s  ·  removed claims: 0"
    assert not desk.shown(strip(desk).asked_for)


@pytest.mark.parametrize("phase", list(AnalystPhase))
def test_every_phase_says_its_reason(desk: Desk, phase: AnalystPhase) -> None:
    desk.broken(demo.a_set(analyst=AnalystReport(phase, "The key was refused.", demo.MODEL)))
    assert strip(desk).text.text() == "The key was refused."
    assert strip(desk).phase.text() == words.phase(phase)
    assert desk.shown(strip(desk).stop_button) is (phase is AnalystPhase.WORKING)


def test_ask_and_stop(desk: Desk) -> None:
    desk.broken(demo.a_set())
    desk.click(strip(desk).ask_button)
    assert desk.asked(AskAnalyst) == [AskAnalyst("vega")]
    desk.tell(demo.state(demo.a_set(analyst=WORKING)))
    assert not desk.shown(strip(desk).ask_button)
    desk.click(strip(desk).stop_button)
    assert desk.asked(StopAnalyst) == [StopAnalyst("vega")]


def test_a_refused_question_is_told(desk: Desk) -> None:
    desk.broken(demo.a_set(analyst=AnalystReport(AnalystPhase.DONE, "", demo.MODEL)))
    desk.click(strip(desk).ask_button)
    desk.client.answer(AskAnalyst, KnownError("The model was asked a moment ago."))
    assert desk.messages.toasts == ("The model was asked a moment ago.",)
    assert desk.panel.talk.payload is None


def test_a_payload_that_changed_before_it_was_allowed_is_read_once_more(desk: Desk) -> None:
    desk.broken(waiting())
    desk.click(strip(desk).ask_button)
    desk.client.answer(ReadPayload, demo.PAYLOAD)
    desk.click(payload(desk).allow_button)
    desk.client.answer(AskAnalyst, InvalidInput("payload", "What would be sent has changed meanwhile."))
    assert desk.messages.toasts == ()
    assert len(desk.asked(ReadPayload)) == 2
    assert not payload(desk).allow_button.isHidden()


def test_a_model_switched_on_after_the_set_was_made_has_its_payload_read_first(desk: Desk) -> None:
    desk.broken(demo.a_set(analyst=AnalystReport(AnalystPhase.OFF, "The model is switched off.", "")))
    desk.click(strip(desk).ask_button)
    desk.client.answer(AskAnalyst, InvalidInput("consent", "Read what would be sent first."))
    assert desk.messages.toasts == ()
    desk.client.answer(ReadPayload, demo.PAYLOAD)
    desk.tell(demo.state(demo.a_set(scored_count=3)))
    assert not payload(desk).allow_button.isHidden()
    desk.click(payload(desk).allow_button)
    assert desk.asked(AskAnalyst)[-1] == AskAnalyst("vega", demo.PAYLOAD.sha256)
    desk.tell(demo.state(demo.a_set(scored_count=4)))
    assert payload(desk).allow_button.isHidden()


def test_asking_a_model_that_is_not_set_up_opens_the_settings_and_says_what_is_missing(desk: Desk) -> None:
    desk.broken(demo.a_set(analyst=AnalystReport(AnalystPhase.OFF, "No model is chosen.", "no model at x")))
    assert strip(desk).facts.text() == ""
    desk.click(strip(desk).ask_button)
    desk.client.answer(AskAnalyst, KnownError("No model is chosen.", cure="Name one in the settings."))
    dialog = desk.panel.talk.settings
    assert dialog is not None
    assert dialog.isVisible()
    desk.client.answer(ReadAnalystSettings, demo.SETTINGS)
    assert dialog.report.text() == "No model is chosen. Name one in the settings."
    assert desk.messages.toasts == ()


@pytest.mark.parametrize("held", [demo.a_set(search=SearchPhase.VERIFYING), demo.a_set(suggestions=demo.STRUCK)])
def test_there_is_nothing_to_ask_before_something_is_offered(desk: Desk, held: SuggestionSet) -> None:
    desk.broken(held)
    assert not strip(desk).ask_button.isEnabled()


def test_what_is_sent_can_be_read_to_the_letter(desk: Desk) -> None:
    desk.broken(demo.a_set())
    desk.click(strip(desk).payload_button)
    assert desk.asked(ReadPayload) == [ReadPayload("vega")]
    desk.client.answer(ReadPayload, demo.PAYLOAD)
    dialog = payload(desk)
    assert dialog.text.toPlainText() == demo.PAYLOAD.text
    assert dialog.text.isReadOnly()
    assert (dialog.destination.text(), dialog.fingerprint.text()) == ("llm.example.com, gpt-5-mini", "4fd1c6a0b9e2")
    assert dialog.sent.text() == "not sent"
    assert dialog.allow_button.isHidden(), "nobody waits for consent"
    desk.click(dialog.copy_button)
    assert QGuiApplication.clipboard().text() == demo.PAYLOAD.text


def test_a_payload_that_was_sent_says_when(desk: Desk) -> None:
    desk.broken(demo.ranked_by_model(demo.a_set()))
    desk.click(strip(desk).payload_button)
    desk.client.answer(ReadPayload, replace(demo.PAYLOAD, sent_at_utc=demo.NOW))
    assert payload(desk).sent.text() == "2026-05-04 19:42:07Z"


def test_the_first_question_goes_out_only_after_the_payload_was_read(desk: Desk) -> None:
    desk.broken(waiting())
    assert strip(desk).ask_button.text() == "Read and allow…"
    desk.click(strip(desk).ask_button)
    assert desk.asked(AskAnalyst) == []
    dialog = payload(desk)
    assert not dialog.allow_button.isHidden()
    assert not dialog.allow_button.isEnabled(), "nothing has been shown yet"
    desk.client.answer(ReadPayload, demo.PAYLOAD)
    desk.click(dialog.allow_button)
    assert desk.asked(AskAnalyst) == [AskAnalyst("vega", demo.PAYLOAD.sha256)]


def test_a_payload_that_changes_while_it_is_read_is_read_anew_and_said(desk: Desk) -> None:
    desk.broken(waiting())
    desk.click(strip(desk).payload_button)
    desk.client.answer(ReadPayload, demo.PAYLOAD)
    desk.tell(demo.state(waiting(scored_count=1)))
    assert len(desk.asked(ReadPayload)) == 1, "what is sent is the same"
    desk.tell(demo.state(waiting(set_id="another")))
    assert len(desk.asked(ReadPayload)) == 2
    desk.client.answer(ReadPayload, replace(demo.PAYLOAD, text="{}", sha256="ff"))
    assert payload(desk).text.toPlainText() == "{}"
    assert payload(desk).changed_note.text() == "It changed while you were reading: this is the new text."


def test_consent_is_no_longer_offered_once_it_was_given(desk: Desk) -> None:
    desk.broken(waiting())
    desk.click(strip(desk).payload_button)
    desk.client.answer(ReadPayload, demo.PAYLOAD)
    desk.tell(demo.state(demo.a_set(analyst=WORKING)))
    assert payload(desk).allow_button.isHidden()


def test_a_payload_that_cannot_be_read_says_why_and_cannot_be_allowed(desk: Desk) -> None:
    desk.broken(waiting())
    desk.click(strip(desk).payload_button)
    desk.client.answer(ReadPayload, KnownError("Those suggestions are gone."))
    assert payload(desk).problem.text() == "Those suggestions are gone."
    assert not payload(desk).allow_button.isEnabled()


def test_settings_open_from_the_strip_even_without_suggestions(desk: Desk) -> None:
    desk.tell(demo.risk(**demo.CALM), demo.breaches(), demo.state())
    desk.click(strip(desk).settings_button)
    assert desk.asked(ReadAnalystSettings) == [ReadAnalystSettings()]
    assert not strip(desk).ask_button.isEnabled()
    assert not strip(desk).payload_button.isEnabled()
