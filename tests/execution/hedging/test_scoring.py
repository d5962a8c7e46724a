from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.hedging.scoring import solver_first
from models.contract import option_contract
from models.enums import Action, FeedState, MarketDataKind, Right
from models.hedge import Verdict
from models.ids import ContractKey
from models.order import OrderLeg
from models.suggestion_records import Horizon, MarkedHolding, SuggestionFate
from tests.database.builders import open_paper
from tests.database.suggestion_builders import a_candidate, a_suggestion_set, a_verified, legs_of
from tests.execution.hedging.scoring_rig import (
    BOOK,
    BOOK_USD,
    CLOSE,
    FAR,
    HELD,
    MADE,
    MORNING,
    PUT,
    SPY,
    TODAY,
    WING,
    Rig,
    buying,
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty, closed database: migrating one for each test would take most of the time."""
    made = tmp_path_factory.mktemp("empty") / "desk.db"
    open_paper(made).close()
    return made.read_bytes()


@pytest.fixture
def path(tmp_path: Path, empty: bytes) -> Path:
    made = tmp_path / "desk.db"
    made.write_bytes(empty)
    made.chmod(0o600)
    return made


@pytest.fixture
def rig(path: Path) -> Iterator[Rig]:
    made = Rig(path)
    yield made
    made.storage.close()


def test_after_an_hour_the_legs_and_the_book_are_held_against_their_old_prices(rig: Rig) -> None:
    rig.made()
    assert rig.at(MADE + timedelta(minutes=59, seconds=59)) == ()
    (mark,) = rig.at(MADE + timedelta(hours=1))
    assert mark.horizon is Horizon.HOUR
    assert mark.hedge_usd == pytest.approx(2 * 100 * (20.0 - 18.0) - 2.60)
    assert mark.nothing_usd == pytest.approx(BOOK_USD)
    assert mark.solver_first_usd == mark.hedge_usd
    assert (mark.due_utc, mark.marked_at_utc, mark.note) == (MADE + timedelta(hours=1), rig.clock.now_utc(), "")


def test_quotes_are_wanted_for_the_marking_only_and_what_is_expired_by_its_underlying(rig: Rig) -> None:
    rig.made(buying(PUT), buying(TODAY, "12.00"))
    rig.at(MADE + timedelta(minutes=30))
    assert rig.wanted == []
    rig.at(CLOSE)
    asked = {PUT.key, HELD.key, SPY.key, ContractKey("SPX")}
    assert rig.wanted == [asked, frozenset()]


def test_the_searches_own_first_choice_is_what_it_would_have_traded_not_what_it_found_first(rig: Rig) -> None:
    struck_out = a_verified(a_candidate(legs_of(FAR)), Verdict.REFUSED)
    made = a_suggestion_set(buying(PUT), buying(WING, "4.00"), struck_out, solver_positions=(2, 1, 0), book=BOOK)
    first = solver_first(made)
    assert first is made.suggestions[1]
    asyncio.run(rig.storage.save_suggestions(replace(made, made_at_utc=MADE)))
    of_put, of_wing = rig.at(MADE + timedelta(hours=1))
    assert of_put.solver_first_usd == of_wing.hedge_usd == pytest.approx(2 * 100 * 1.0 - 2.60)


def test_a_credit_is_a_gain_until_it_has_to_be_bought_back(rig: Rig) -> None:
    spread = (OrderLeg(PUT, Action.SELL, 2), OrderLeg(WING, Action.BUY, 2))
    rig.made(a_verified(a_candidate(spread, limit_price="-16.00"), fees=None))
    (mark,) = rig.at(MADE + timedelta(hours=1))
    assert mark.hedge_usd == pytest.approx(2 * 100 * (16.0 - 15.0))
    assert mark.note == "fees are not known"


def test_shares_with_an_option_are_priced_per_share(rig: Rig) -> None:
    call = option_contract("SPY", date(2026, 6, 19), Right.CALL, Decimal(730))
    rig.price({call: "6.00"})
    covered = (OrderLeg(SPY, Action.BUY, 100), OrderLeg(call, Action.SELL, 1))
    rig.made(a_verified(a_candidate(covered, limit_price="713.00"), fees="0"))
    (mark,) = rig.at(MADE + timedelta(hours=1))
    assert mark.hedge_usd == pytest.approx(100 * (720.5 - 6.0 - 713.0))


def test_a_mark_is_made_once_whatever_the_prices_do_later(rig: Rig) -> None:
    rig.made()
    first = rig.at(MADE + timedelta(hours=1))
    rig.price({PUT: "99.00"})
    assert rig.at(MADE + timedelta(hours=2)) == first


def test_a_desk_that_starts_again_marks_what_came_due_meanwhile_and_says_how_late(rig: Rig) -> None:
    rig.made()
    rig.restart()
    (mark,) = rig.at(MADE + timedelta(hours=1, minutes=40))
    assert mark.hedge_usd is not None
    assert mark.note == "40 min late"


@pytest.mark.parametrize(
    ("horizon", "late", "said"),
    [
        (Horizon.HOUR, timedelta(hours=1, seconds=1), "not known: 60 min late"),
        (Horizon.HOUR, timedelta(hours=3), "not known: 3 h late"),
        (Horizon.DAY, timedelta(days=1, seconds=1), "not known: 24 h late"),
        (Horizon.DAY, timedelta(days=9), "not known: 9 days late"),
    ],
)
def test_what_would_be_marked_too_late_is_recorded_as_not_known(
    rig: Rig, horizon: Horizon, late: timedelta, said: str
) -> None:
    rig.made()
    assert horizon.after is not None
    marks = {mark.horizon: mark for mark in rig.at(MADE + horizon.after + late)}
    mark = marks[horizon]
    assert (mark.hedge_usd, mark.nothing_usd, mark.solver_first_usd) == (None, None, None)
    assert mark.note == said


def test_a_day_mark_just_in_time_is_taken(rig: Rig) -> None:
    rig.made()
    marks = {mark.horizon: mark for mark in rig.at(MADE + timedelta(days=2))}
    assert marks[Horizon.DAY].hedge_usd is not None
    assert marks[Horizon.DAY].note == "24 h late"


def test_what_is_due_at_night_is_marked_by_the_next_sessions_quotes(rig: Rig) -> None:
    evening = datetime(2026, 5, 4, 19, 30, tzinfo=UTC)
    rig.made(at=evening)
    opening = datetime(2026, 5, 5, 13, 30, tzinfo=UTC)
    assert rig.at(evening + timedelta(hours=1)) == ()
    assert rig.at(opening) == (), "the first quotes of a session are wide"
    (mark,) = rig.at(opening + timedelta(minutes=5))
    assert mark.horizon is Horizon.HOUR
    assert mark.hedge_usd is not None
    assert mark.note == "the exchange was closed when it was due"


def test_a_day_after_friday_is_monday(rig: Rig) -> None:
    friday = datetime(2026, 5, 8, 15, 0, tzinfo=UTC)
    rig.made(at=friday)
    rig.at(friday + timedelta(hours=1))
    assert len(rig.at(friday + timedelta(days=1))) == 1
    marks = rig.at(datetime(2026, 5, 11, 14, 0, tzinfo=UTC))
    assert [mark.note for mark in marks] == ["", "the exchange was closed when it was due; 25 min late"]


def test_a_market_without_hours_is_marked_on_saturday(path: Path) -> None:
    rig = Rig(path, keeps_hours=False)
    friday = datetime(2026, 5, 8, 15, 0, tzinfo=UTC)
    rig.made(at=friday)
    rig.at(friday + timedelta(hours=1))
    assert [mark.horizon for mark in rig.at(friday + timedelta(days=1))] == [Horizon.HOUR, Horizon.DAY]
    rig.storage.close()


def test_at_expiry_the_leg_is_worth_what_it_settles_at(rig: Rig) -> None:
    rig.made(buying(TODAY, "12.00"))
    rig.spx("7181.50")
    marks = {mark.horizon: mark for mark in rig.at(CLOSE)}
    assert marks[Horizon.EXPIRY].hedge_usd == pytest.approx(2 * 100 * (18.50 - 12.0) - 2.60)
    assert marks[Horizon.EXPIRY].note == ""


def test_a_calendar_is_marked_when_its_near_leg_ends_with_the_far_one_at_its_mid(rig: Rig) -> None:
    legs = (OrderLeg(TODAY, Action.SELL, 1), OrderLeg(FAR, Action.BUY, 1))
    rig.made(a_verified(a_candidate(legs, limit_price="20.00"), fees="2.00"))
    rig.spx("7195.00")
    marks = {mark.horizon: mark for mark in rig.at(CLOSE)}
    assert marks[Horizon.EXPIRY].hedge_usd == pytest.approx(100 * (31.0 - 5.0 - 20.0) - 2.0)


def test_what_expired_yesterday_is_worth_intrinsic_at_the_close_that_quotes_carry(rig: Rig) -> None:
    made = rig.made(buying(TODAY, "12.00"))
    rig.restart()
    rig.spx("7300.00", previous_close="7190.00")
    marks = {mark.horizon: mark for mark in rig.at(MADE + timedelta(days=1))}
    assert marks[Horizon.DAY].suggestion_id == made.suggestions[0].id
    assert marks[Horizon.DAY].hedge_usd == marks[Horizon.EXPIRY].hedge_usd == pytest.approx(2 * 100 * -2.0 - 2.60)
    assert marks[Horizon.EXPIRY].note == "19 h late"
    assert marks[Horizon.HOUR].note == "not known: 23 h late"


def test_what_expired_while_nobody_looked_for_two_sessions_is_not_known(rig: Rig) -> None:
    rig.made(buying(TODAY, "12.00"))
    marks = {mark.horizon: mark for mark in rig.at(MADE + timedelta(days=2))}
    assert marks[Horizon.EXPIRY].hedge_usd is None
    assert marks[Horizon.EXPIRY].note == "not known: 43 h late"


def test_the_mornings_settlement_is_taken_from_the_index_after_the_opening_and_says_so(rig: Rig) -> None:
    rig.made(buying(MORNING, "90.00"))
    opening = datetime(2026, 5, 15, 13, 30, tzinfo=UTC)
    rig.spx("7210.00")
    assert Horizon.EXPIRY not in {mark.horizon for mark in rig.at(opening)}
    marks = {mark.horizon: mark for mark in rig.at(opening + timedelta(minutes=6))}
    assert marks[Horizon.EXPIRY].hedge_usd == pytest.approx(2 * 100 * (110.0 - 90.0) - 2.60)
    assert "not by its official value" in marks[Horizon.EXPIRY].note


def test_without_a_price_it_is_tried_again_and_then_kept_as_not_known(rig: Rig) -> None:
    rig.made()
    del rig.prices[PUT.key]
    assert rig.at(MADE + timedelta(hours=1)) == ()
    assert rig.at(MADE + timedelta(hours=1, minutes=1)) == ()
    (mark,) = rig.at(MADE + timedelta(hours=1, minutes=2))
    assert mark.hedge_usd is None
    assert mark.nothing_usd == pytest.approx(BOOK_USD)
    assert mark.note == f"no price of {PUT.label}"


def test_a_price_that_comes_at_the_second_try_is_taken(rig: Rig) -> None:
    rig.made()
    del rig.prices[PUT.key]
    rig.at(MADE + timedelta(hours=1))
    rig.price({PUT: "20.00"})
    (mark,) = rig.at(MADE + timedelta(hours=1, minutes=1))
    assert mark.hedge_usd is not None


@pytest.mark.parametrize("kind", [MarketDataKind.DELAYED, MarketDataKind.FROZEN])
def test_quotes_that_are_not_live_are_no_prices(rig: Rig, kind: MarketDataKind) -> None:
    rig.made()
    rig.kind = kind
    (mark,) = rig.at(MADE + timedelta(hours=1), times=3)
    assert mark.hedge_usd is None


def test_an_old_quote_is_no_price(rig: Rig) -> None:
    rig.made()
    rig.core.subscriptions.want("book", [PUT])
    rig.prices.clear()
    (mark,) = rig.at(MADE + timedelta(hours=1), times=3)
    assert mark.hedge_usd is None


def test_a_book_with_one_dark_row_of_many_is_told_without_it_and_one_half_dark_is_not_told(rig: Rig) -> None:
    dark = MarkedHolding(FAR, Decimal(1), None)
    rig.made(book=(*BOOK, *(replace(BOOK[1]) for _ in range(8)), dark))
    rig.made(book=(BOOK[0], dark))
    mostly, half = sorted(rig.at(MADE + timedelta(hours=1), times=3), key=lambda mark: mark.nothing_usd is None)
    assert mostly.nothing_usd == pytest.approx(BOOK_USD + 8 * 250.0)
    assert mostly.note == "book without 1 of 11 positions that had no price"
    assert half.nothing_usd is None
    assert half.note == "1 of 2 positions had no price"


def test_what_was_struck_out_and_loaded_later_is_marked_as_well(rig: Rig) -> None:
    made = rig.made(a_verified(a_candidate(legs_of(PUT), limit_price="18.00"), Verdict.BREAKS_LIMIT))
    asyncio.run(rig.storage.record_fate(made.suggestions[0].id, SuggestionFate.LOADED, "", MADE))
    (mark,) = rig.at(MADE + timedelta(hours=1), times=3)
    assert mark.hedge_usd == pytest.approx(397.40)
    assert mark.solver_first_usd is None, "the search had nothing on offer"


@pytest.mark.parametrize("spoil", ["feed", "read_only"])
def test_nothing_is_marked_without_a_live_feed_or_by_a_desk_that_only_looks_on(rig: Rig, spoil: str) -> None:
    rig.made()
    if spoil == "feed":
        rig.core.feed = FeedState.STALE
    else:
        rig.core.is_read_only = True
    assert rig.at(MADE + timedelta(hours=1)) == ()
    assert rig.wanted == []


def test_two_desks_on_one_file_mark_once(rig: Rig) -> None:
    rig.made()
    other = Rig(rig.path, is_read_only=True)
    assert other.storage.is_read_only
    assert other.at(MADE + timedelta(hours=1)) == ()
    assert len(rig.at(MADE + timedelta(hours=1))) == 1
    assert len(other.marks()) == 1
    other.storage.close()


def test_a_set_that_cannot_be_read_keeps_no_other_from_being_marked(rig: Rig) -> None:
    broken, sound = rig.made(), rig.made(at=MADE + timedelta(seconds=1))
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as raw:
        raw.execute("DROP TRIGGER suggestion_sets_no_update")
        raw.execute("""UPDATE suggestion_sets SET situation_json = '{"of": "tomorrow"}' WHERE id = ?""", (broken.id,))
    (mark,) = rig.at(MADE + timedelta(hours=1, minutes=1), times=2)
    assert mark.suggestion_id == sound.suggestions[0].id
    assert len(rig.warnings()) == 1
    assert "a fault of the desk" in rig.warnings()[0]


def test_a_database_that_is_held_is_told_once_and_the_marks_come_when_it_is_free(rig: Rig) -> None:
    rig.made()
    rig.impatient()
    rig.clock.set(MADE + timedelta(hours=1))
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            asyncio.run(rig.scorer.mark_due())
        other.execute("ROLLBACK")
    assert rig.marks() == ()
    assert len(rig.warnings()) == 1
    assert "is held by another program" in rig.warnings()[0]
    assert len(rig.at(MADE + timedelta(hours=1))) == 1


def test_the_task_goes_on_until_it_is_cancelled(rig: Rig) -> None:
    rig.made()
    rig.clock.set(MADE + timedelta(hours=1))

    async def live() -> None:
        task = asyncio.create_task(rig.scorer.run())
        for _ in range(500):
            (one,) = await rig.storage.scored_suggestions()
            if one.marks:
                break
            await asyncio.sleep(0.01)
        assert one.marks
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(live())
