"""A connection test as the settings page shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from execution.brokers.ibkr.probe import ProbeReport
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.trial import installed_libraries, settings_of, view_of
from execution.connection_views import Finding, IbkrForm
from models.enums import MarketDataKind, Mode
from models.ids import AccountId
from tests.execution.brokers.ibkr.raw_tws import library_name

PAPER, LIVE = AccountId("DU1234567"), AccountId("U7654321")
SOUND = ProbeReport(
    is_ok=True,
    library="ib_insync 0.9.86",
    accounts=((PAPER, Mode.PAPER),),
    server_version=176,
    is_api_read_only=False,
    market_data=MarketDataKind.LIVE,
    clock_ahead_s=0.0,
)


def texts(report: ProbeReport, settings: IbkrSettings | None = None) -> list[str]:
    return [f"{line.finding.value} {line.text}" for line in view_of(settings or IbkrSettings(), report).lines]


def test_a_sound_connection_is_three_good_lines() -> None:
    assert texts(SOUND) == [
        "GOOD TWS answers: server version 176, through ib_insync 0.9.86.",
        "GOOD A what-if was answered: orders are allowed.",
        "GOOD SPX is quoted live.",
    ]


def test_what_tws_said_about_quotes_stands_instead_of_the_desks_guess() -> None:
    delayed = replace(SOUND, market_data=MarketDataKind.DELAYED)
    assert any("delayed or frozen" in text for text in texts(delayed))
    told = texts(replace(delayed, quote_troubles=("SPX: no subscription.",)))
    assert told[2:] == ["NOTE SPX: no subscription."]


def test_without_a_quote_or_a_word_why_both_reasons_are_named() -> None:
    assert "outside trading hours, or not subscribed" in texts(replace(SOUND, market_data=None))[-1]


def test_a_what_if_without_an_answer_is_told_as_not_known() -> None:
    assert any("takes orders is not known" in text for text in texts(replace(SOUND, is_api_read_only=None)))


def test_watch_only_is_told_as_the_settings_own_word() -> None:
    told = texts(replace(SOUND, is_api_read_only=None), IbkrSettings(read_only=True))
    assert told[1] == "NOTE The settings say to watch only: nothing can be sent."
    assert not any("not known" in text for text in told)


def test_a_live_account_that_is_not_marked_for_trading_is_said_to_be_watched_only() -> None:
    live = replace(SOUND, accounts=((LIVE, Mode.LIVE),))
    assert any(f"{LIVE} would be watched only" in text for text in texts(live, IbkrSettings(mode=Mode.LIVE)))
    marked = IbkrSettings(mode=Mode.LIVE, trading_accounts=frozenset({LIVE}))
    assert not any("watched only" in text for text in texts(live, marked))


@pytest.mark.parametrize(("is_ok", "finding"), [(True, Finding.NOTE), (False, Finding.BAD)])
def test_a_problem_is_bad_only_when_it_stands_in_the_way(is_ok: bool, finding: Finding) -> None:
    view = view_of(IbkrSettings(), replace(SOUND, is_ok=is_ok, problems=("Something.",)))
    assert (view.is_usable, view.lines[-1].finding, view.lines[-1].text) == (is_ok, finding, "Something.")


def test_a_connection_that_never_stood_tells_only_why() -> None:
    report = ProbeReport(is_ok=False, library="ib_insync", problems=("Nothing listens there.",))
    assert texts(report) == ["BAD Nothing listens there."]


def test_every_field_of_the_form_reaches_the_adapter() -> None:
    form = IbkrForm("tws.lan", 4001, 7, "ib_async", Mode.LIVE, True, ("U1",), ("U2",), False)
    settings = settings_of(form)
    assert (settings.host, settings.port, settings.client_id, settings.library.value) == (
        "tws.lan",
        4001,
        7,
        "ib_async",
    )
    assert (settings.mode, settings.read_only, settings.allow_delayed) == (Mode.LIVE, True, False)
    assert (settings.accounts, settings.trading_accounts) == (frozenset({"U1"}), frozenset({"U2"}))


def test_the_library_of_this_environment_is_the_one_that_can_be_chosen() -> None:
    assert installed_libraries() == (library_name().value,)
