"""Everything the engine tells passes one door, where secrets are taken out."""

from __future__ import annotations

from datetime import UTC, datetime

from execution.clean_publisher import CleanPublisher
from execution.connection_views import LoginNeed, LoginState
from execution.redaction import Redactor
from execution.views import LogLine, Severity
from tests.execution.recorder import RecordingPublisher
from tests.execution.secrets_rig import SECRETS, leaks, needles
from tests.ui.demo_data import desk


def test_no_secret_passes_in_a_log_line_a_problem_or_a_reason() -> None:
    redactor, heard = Redactor(), RecordingPublisher()
    publisher = CleanPublisher(heard, redactor.clean)
    at = datetime(2026, 11, 20, tzinfo=UTC)
    for secret in SECRETS:
        redactor.learn(secret)
        publisher.notice(LogLine(at, Severity.ERROR, "broker", f"refused: {secret}", toast=True))
        publisher.state(desk(problem=f"refused {secret}", trading_state_reason=secret))
        publisher.state(LoginState(LoginNeed.SECRETS, "main", f"no {secret}"))
        shown = [*heard.notices, *heard.states.values()]
        assert not leaks(" ".join(str(each) for each in shown), needles(SECRETS))
    assert isinstance(heard.notices[0], LogLine)
    assert heard.notices[0].text == "refused: •••"
