from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.ibkr.advice import Trouble, advice_of
from execution.brokers.ibkr.probe import ProbeReport, probe
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName, IbTimeouts
from models.enums import MarketDataKind, Mode
from models.ids import AccountId
from tests.execution.brokers.ibkr.raw_tws import PATIENT, QUICK, Answer, Desk, RawTws, desk_at, library_name, play
from tests.execution.brokers.ibkr.wire_values import view
from tests.simulators.tws import order_replies, replies
from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.place_order import PlaceOrder
from tests.simulators.tws.requests import parse

SPX = replies.WireDetails(
    WireContract(con_id=416904, symbol="SPX", sec_type="IND", exchange="CBOE", currency="USD"), min_tick=Decimal("0.01")
)


def details(tws: RawTws, fields: list[str]) -> None:
    request = int(fields[2])
    tws.say(replies.contract_details(request, SPX, 176), replies.contract_details_end(request))


def what_if(tws: RawTws, fields: list[str]) -> None:
    answer = view(
        int(fields[1]), "PreSubmitted", what_if=True, init_margin_after=Decimal(1), maint_margin_after=Decimal(1)
    )
    tws.say(order_replies.open_order(answer, 176))


def read_only(tws: RawTws, fields: list[str]) -> None:
    tws.say(replies.error(int(fields[1]), 321, "Error validating request: API is in Read-Only mode.", 176))


def quote(kind: int) -> Answer:
    def answer(tws: RawTws, fields: list[str]) -> None:
        line = int(fields[2])
        tws.say(replies.market_data_type(line, kind), replies.tick_price(line, 4, Decimal("7200.75"), None))

    return answer


def no_data(code: int) -> Answer:
    return lambda tws, fields: tws.say(replies.error(int(fields[2]), code, "no data", 176))


def probed(
    tws: RawTws, look: Callable[[Desk], None] = lambda _: None, *, timeouts: IbTimeouts = PATIENT, **settings: Any
) -> ProbeReport:
    reports: list[ProbeReport] = []

    async def scenario() -> None:
        async with desk_at(tws, timeouts=timeouts, **settings) as desk:
            look(desk)
            reports.append(await probe(desk.settings, desk.clock))

    play(scenario())
    return reports[0]


def test_a_sound_paper_connection_is_reported_with_all_it_can_do() -> None:
    tws = RawTws(answers={"9": details, "3": what_if, "1": quote(1)})
    report = probed(tws)
    assert (report.is_ok, report.problems, report.accounts) == (True, (), (("DU1", Mode.PAPER),))
    assert (report.server_version, report.is_api_read_only, report.clock_ahead_s) == (176, False, 0.0)
    assert report.market_data is MarketDataKind.LIVE
    assert report.library.startswith(library_name().value)
    assert len(tws.asked(2)) == 1  # the line is given back


def test_nothing_is_sent_to_work() -> None:
    tws = RawTws(answers={"9": details, "3": what_if, "1": quote(1)})
    probed(tws)
    (sent,) = tws.asked(3)
    request = parse(sent, 176)
    assert isinstance(request, PlaceOrder)
    assert (request.order.what_if, request.order.account, request.order.limit_price) == (True, "DU1", Decimal(1))


def test_a_read_only_api_is_found_out_and_explained() -> None:
    report = probed(RawTws(answers={"9": details, "3": read_only, "1": quote(1)}))
    assert (report.is_ok, report.is_api_read_only) == (False, True)
    assert any("Read-Only API" in problem for problem in report.problems)


def test_in_monitor_mode_no_order_is_asked_at_all() -> None:
    tws = RawTws(answers={"9": details, "1": quote(1)})
    report = probed(tws, read_only=True)
    assert (report.is_ok, report.is_api_read_only, tws.asked(3)) == (True, None, [])


@pytest.mark.parametrize(
    ("kind", "seen"), [(2, MarketDataKind.FROZEN), (3, MarketDataKind.DELAYED), (4, MarketDataKind.DELAYED)]
)
def test_the_kind_of_quotes_is_told(kind: int, seen: MarketDataKind) -> None:
    report = probed(RawTws(answers={"9": details, "3": what_if, "1": quote(kind)}))
    assert (report.market_data, report.is_ok) == (seen, True)


def test_quotes_that_will_not_come_are_told_without_waiting() -> None:
    report = probed(RawTws(answers={"9": details, "3": what_if, "1": no_data(354)}))
    assert report.market_data is None
    assert any("SPX: no market-data subscription" in trouble for trouble in report.quote_troubles)


def test_a_tws_that_answers_little_is_reported_as_it_is() -> None:
    report = probed(RawTws(), timeouts=QUICK)
    assert (report.is_ok, report.is_api_read_only, report.market_data) == (True, None, None)
    assert any("did not answer" in problem for problem in report.problems)


def test_a_live_account_where_paper_is_expected_is_not_ok() -> None:
    report = probed(RawTws(accounts="U7", answers={"9": details, "3": what_if, "1": quote(1)}))
    assert (report.is_ok, report.accounts) == (False, (("U7", Mode.LIVE),))
    assert any("a live account, U7" in problem for problem in report.problems)


def test_accounts_that_the_login_does_not_have_are_named() -> None:
    answers = {"9": details, "3": what_if, "1": quote(1)}
    report = probed(RawTws(answers=answers), accounts=frozenset({AccountId("DU9")}))
    assert (report.is_ok, report.accounts) == (False, (("DU1", Mode.PAPER),))
    assert report.problems == ("DU9 is no account of this login, which has DU1. Correct it in the settings.",)
    watched = probed(RawTws(answers=answers), trading_accounts=frozenset({AccountId("U9")}))
    assert (watched.is_ok, len(watched.problems)) == (True, 1)


def test_only_accounts_that_are_shown_have_to_be_of_the_settings_kind() -> None:
    tws = RawTws(accounts="DU1,U7", answers={"9": details, "3": what_if, "1": quote(1)})
    assert probed(tws, accounts=frozenset({AccountId("DU1")})).is_ok


def test_a_clock_that_is_off_is_a_problem() -> None:
    report = probed(
        RawTws(answers={"9": details, "3": what_if, "1": quote(1)}),
        lambda desk: desk.clock.advance(timedelta(minutes=5)),
    )
    assert (report.is_ok, report.clock_ahead_s) == (False, -300.0)
    assert any("300 s" in problem for problem in report.problems)


def test_what_keeps_a_connection_from_coming_about_is_the_one_problem() -> None:
    report = probed(RawTws(is_mute=True), timeouts=QUICK)
    assert (report.is_ok, report.accounts, report.server_version) == (False, (), None)
    assert len(report.problems) == 1
    assert "Accept incoming connection" in report.problems[0]


def test_a_library_that_is_not_installed_is_the_one_problem() -> None:
    other = next(name for name in IbLibraryName if name is not library_name())

    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            report = await probe(IbkrSettings(port=desk.settings.port, library=other), desk.clock)
            assert not report.is_ok
            expected = advice_of(Trouble.LIBRARY_MISSING, IbkrSettings(library=other), detail="the other one is")
            assert report.problems == (str(expected),)

    play(scenario())
