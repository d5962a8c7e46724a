from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from database.backup import make_backup
from database.errors import DatabaseReadOnly, NoSuchRow
from database.reader import JournalReader
from database.store import SqliteStorage
from models.enums import BreachState, BrokerName, Metric, OrderStatus, Regime
from models.hedge import Verdict
from models.ids import new_uuid
from models.order import Order
from models.records import AuditKind
from models.risk import AITradeSuggestion, RiskBreach
from models.suggestion_records import DueMark, Horizon, ScoredSuggestion, SuggestionFate, SuggestionSetRecord
from tests.database.builders import ACCOUNT, NOW, PUT, an_audit, an_entry, an_execution, an_order, open_paper
from tests.database.suggestion_builders import (
    NEAR,
    PAYLOAD_HASH,
    a_candidate,
    a_mark,
    a_suggestion_set,
    a_verified,
    legs_of,
)

LATER = NOW + timedelta(days=400)


@pytest.fixture
def raw(storage: SqliteStorage) -> Iterator[sqlite3.Connection]:
    """Another program's view of the file."""
    with closing(sqlite3.connect(storage.path, isolation_level=None)) as connection:
        yield connection


def saved(storage: SqliteStorage, *, breach_id: str | None = None) -> SuggestionSetRecord:
    made = a_suggestion_set(breach_id=breach_id)
    asyncio.run(storage.save_suggestions(made))
    return made


def a_breach(*suggestions: AITradeSuggestion) -> RiskBreach:
    return RiskBreach(
        id=new_uuid(),
        breach_type="SPX_DELTA_TOO_LOW",
        metric=Metric.SPX_DELTA,
        threshold=-300.0,
        actual_value=-410.5,
        regime=Regime.MEDIUM_VOL,
        detected_at=NOW,
        state=BreachState.POPULATED,
        suggestions=suggestions,
    )


def offered(made: SuggestionSetRecord) -> tuple[AITradeSuggestion, ...]:
    """What the desk tells the breach of a set."""
    return tuple(
        AITradeSuggestion(one.id, one.verified.candidate.legs, 160.25, 31.5, one.rationale)
        for one in made.suggestions
        if one.verified.verdict is Verdict.OFFERED
    )


def suggestions_of(storage: SqliteStorage) -> tuple[AITradeSuggestion, ...]:
    (breach,) = asyncio.run(storage.load([ACCOUNT])).open_breaches
    return breach.suggestions


def test_a_set_is_read_back_as_it_was_after_a_restart(storage: SqliteStorage) -> None:
    made = saved(storage, breach_id=new_uuid())
    storage.close()
    again = open_paper(storage.path)
    assert asyncio.run(again.load_suggestion_set(made.id)) == made
    assert asyncio.run(again.load_suggestions([made.breach_id or ""])) == (made,)
    again.close()


def test_a_set_that_is_known_is_left_as_it_was(storage: SqliteStorage) -> None:
    made = saved(storage)
    asyncio.run(storage.save_suggestions(replace(made, scored_count=1)))
    assert asyncio.run(storage.load_suggestion_set(made.id)) == made


def test_a_reader_of_signals_finds_what_each_suggestion_was(storage: SqliteStorage, raw: sqlite3.Connection) -> None:
    made = saved(storage, breach_id="b-1")
    found = raw.execute(
        "SELECT s.id, s.breach_id, s.kind, s.account_id, s.verdict, s.solver_position, s.is_from_model, s.limit_price,"
        " s.cost_usd, s.fees, s.projected_delta_change, s.projected_theta_cost, m.regime, m.vix, m.trigger_metrics,"
        " m.scored_count, json_extract(m.quotes_json, '$[0].bid')"
        " FROM signals s JOIN suggestion_sets m ON m.id = s.set_id ORDER BY s.position"
    ).fetchall()
    wing = ("WING", ACCOUNT, "OFFERED", 0, 0, "12.50", 2500.0, "2.60", 160.25, 31.5)
    assert found[0] == (
        made.suggestions[0].id, "b-1", *wing, "MEDIUM_VOL", 17.4, '["spx_delta"]', 24_310, "12.40",
    )  # fmt: skip
    assert [row[4] for row in found] == ["OFFERED", "OFFERED", "BREAKS_LIMIT"]


def test_the_question_the_documentation_asks_is_answered(storage: SqliteStorage, raw: sqlite3.Connection) -> None:
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
    (question,) = (part.split("```")[0] for part in page.split("```sql\n")[1:] if "suggestion_marks" in part)
    asyncio.run(storage.save_mark(a_mark(saved(storage).suggestions[0].id)))
    assert raw.execute(question).fetchall() == [("WING", "1 hour", 120.0, -300.0, "fees are not known")]


@pytest.mark.parametrize("breach_first", [True, False])
def test_a_suggestion_told_to_its_breach_and_kept_with_its_set_is_one_row(
    storage: SqliteStorage, raw: sqlite3.Connection, breach_first: bool
) -> None:
    breach = a_breach()
    made = a_suggestion_set(breach_id=breach.id)
    told = replace(breach, suggestions=offered(made))
    steps = [storage.save_breach(told), storage.save_suggestions(made)]
    for step in steps if breach_first else reversed(steps):
        asyncio.run(step)
    asyncio.run(storage.save_breach(replace(told, state=BreachState.SHOWN)))
    assert raw.execute("SELECT count(*) FROM signals").fetchone() == (3,)
    assert asyncio.run(storage.load_suggestion_set(made.id)) == made
    assert suggestions_of(storage) == offered(made), "what is struck out is not offered"


def test_a_breach_shows_its_newest_set(storage: SqliteStorage) -> None:
    breach = a_breach()
    asyncio.run(storage.save_breach(breach))
    first = saved(storage, breach_id=breach.id)
    second = a_suggestion_set(breach_id=breach.id, made_at_utc=NOW + timedelta(minutes=5))
    asyncio.run(storage.save_suggestions(second))
    assert suggestions_of(storage) == offered(second)
    assert asyncio.run(storage.load_suggestions([breach.id, "another"])) == (second,)
    assert asyncio.run(storage.load_suggestion_set(first.id)) == first


def test_a_breach_whose_suggestions_no_set_holds_is_read_as_before(storage: SqliteStorage) -> None:
    told = offered(a_suggestion_set())
    asyncio.run(storage.save_breach(a_breach(*told)))
    assert suggestions_of(storage) == told


def ranked(made: SuggestionSetRecord, order: tuple[int, ...], words: str) -> SuggestionSetRecord:
    """A set as a model put it."""
    told = tuple(
        replace(made.suggestions[old], position=new, rationale=f"{words} {old}", is_from_model=True)
        for new, old in enumerate(order)
    )
    return replace(made, suggestions=told, model="a-model", payload_sha256=PAYLOAD_HASH)


def test_a_ranking_changes_order_and_words_and_leaves_the_first_ones_readable(
    storage: SqliteStorage, raw: sqlite3.Connection
) -> None:
    breach = a_breach()
    asyncio.run(storage.save_breach(breach))
    made = saved(storage, breach_id=breach.id)
    for order, words in (((1, 0, 2), "first thought"), ((1, 2, 0), "second thought")):
        told = ranked(made, order, words)
        asyncio.run(storage.rank_suggestions(made.id, "a-model", PAYLOAD_HASH, told.suggestions))
    assert asyncio.run(storage.load_suggestion_set(made.id)) == told
    assert [one.rationale for one in suggestions_of(storage)] == ["second thought 1", "second thought 0"]
    assert raw.execute("SELECT rationale FROM signals ORDER BY position").fetchone() == ("The desk's words 0.",)
    kept = raw.execute("SELECT ranking_no, rationale FROM suggestion_rankings ORDER BY ranking_no, position").fetchall()
    assert kept[:2] == [(1, "first thought 1"), (1, "first thought 0")]
    assert len(kept) == 6


def test_what_is_not_kept_can_neither_be_ranked_nor_loaded_nor_marked(storage: SqliteStorage) -> None:
    made, stranger = saved(storage), a_suggestion_set()
    with pytest.raises(NoSuchRow, match="Search again"):
        asyncio.run(storage.rank_suggestions(stranger.id, "m", PAYLOAD_HASH, stranger.suggestions))
    with pytest.raises(NoSuchRow, match="Search again"):
        asyncio.run(storage.rank_suggestions(made.id, "m", PAYLOAD_HASH, stranger.suggestions))
    with pytest.raises(NoSuchRow, match="nothing can be traded"):
        asyncio.run(storage.record_fate(stranger.suggestions[0].id, SuggestionFate.LOADED, "", NOW))
    with pytest.raises(NoSuchRow, match="to mark"):
        asyncio.run(storage.save_mark(a_mark(stranger.suggestions[0].id)))
    assert asyncio.run(storage.load_suggestion_set(stranger.id)) is None


def dues(storage: SqliteStorage) -> tuple[DueMark, ...]:
    return asyncio.run(storage.due_marks(LATER))


def test_what_is_on_offer_is_due_after_an_hour_a_day_and_at_its_first_expiry(storage: SqliteStorage) -> None:
    calendar = a_verified(a_candidate((*legs_of(PUT), *legs_of(NEAR))))
    made = a_suggestion_set(calendar)
    asyncio.run(storage.save_suggestions(made))
    (one,) = made.suggestions
    assert NEAR.expires_at_utc is not None
    due_at = (NOW + timedelta(hours=1), NOW + timedelta(days=1), NEAR.expires_at_utc)
    assert dues(storage) == tuple(
        DueMark(one.id, made.id, horizon, at) for horizon, at in zip(Horizon, due_at, strict=True)
    )
    assert asyncio.run(storage.due_marks(due_at[0] - timedelta(microseconds=1))) == ()
    assert len(asyncio.run(storage.due_marks(due_at[1]))) == 2


def test_doing_nothing_and_what_is_struck_out_are_never_due(storage: SqliteStorage) -> None:
    made = saved(storage)
    assert {one.suggestion_id for one in dues(storage)} == {one.id for one in made.suggestions[:2]}
    nothing = a_verified(a_candidate(limit_price=None), Verdict.DOES_NOT_CURE)
    idle = a_suggestion_set(nothing, made_at_utc=NOW)
    asyncio.run(storage.save_suggestions(idle))
    assert idle.id not in {one.set_id for one in dues(storage)}


def test_what_is_loaded_after_all_is_due_as_well(storage: SqliteStorage) -> None:
    made = saved(storage)
    struck_out = made.suggestions[2].id
    for _ in range(2):
        asyncio.run(storage.record_fate(struck_out, SuggestionFate.LOADED, "", NOW))
    assert [one.horizon for one in dues(storage) if one.suggestion_id == struck_out] == list(Horizon)
    asyncio.run(storage.record_fate(made.suggestions[0].id, SuggestionFate.SHOWN, "", NOW))
    assert len(dues(storage)) == 9


def test_a_mark_is_kept_once_and_nothing_is_due_any_more(storage: SqliteStorage) -> None:
    made = saved(storage)
    mark = a_mark(made.suggestions[0].id)
    assert asyncio.run(storage.save_mark(mark))
    assert not asyncio.run(storage.save_mark(replace(mark, hedge_usd=9_999.0)))
    assert (mark.suggestion_id, Horizon.HOUR) not in {(one.suggestion_id, one.horizon) for one in dues(storage)}
    assert len(dues(storage)) == 5
    assert scored(storage)[mark.suggestion_id].marks == (mark,)


def scored(storage: SqliteStorage) -> dict[str, ScoredSuggestion]:
    return {one.suggestion_id: one for one in asyncio.run(storage.scored_suggestions())}


async def send(storage: SqliteStorage, suggestion_id: str) -> Order:
    order = replace(an_order(), ai_suggestion_id=suggestion_id)
    await storage.commit_intent(order, BrokerName.PAPER, an_audit(AuditKind.INTENT, order.id))
    return order


def end(storage: SqliteStorage, order: Order, status: OrderStatus) -> None:
    asyncio.run(storage.save_order(order.to(status), BrokerName.PAPER, []))


def test_a_suggestion_is_followed_when_its_order_went_out_and_not_when_it_was_only_loaded(
    storage: SqliteStorage,
) -> None:
    first, second, _ = saved(storage).suggestions
    asyncio.run(storage.record_fate(first.id, SuggestionFate.LOADED, "", NOW))
    assert not scored(storage)[first.id].is_followed
    order = asyncio.run(send(storage, first.id))
    assert scored(storage)[first.id].is_followed
    assert not scored(storage)[second.id].is_followed
    end(storage, order, OrderStatus.REJECTED)
    assert not scored(storage)[first.id].is_followed, "the broker refused it"


def test_an_order_cancelled_after_a_part_of_it_was_filled_has_followed(storage: SqliteStorage) -> None:
    one = saved(storage).suggestions[0]
    order = asyncio.run(send(storage, one.id))
    end(storage, order, OrderStatus.CANCELLED)
    assert not scored(storage)[one.id].is_followed
    asyncio.run(storage.record_executions([an_execution(order_id=order.id)], []))
    assert scored(storage)[one.id].is_followed


def test_an_order_by_a_suggestion_nobody_kept_goes_out_all_the_same(storage: SqliteStorage) -> None:
    order = asyncio.run(send(storage, new_uuid()))
    assert order.id in {one.order.id for one in asyncio.run(storage.load([ACCOUNT])).orders}
    assert scored(storage) == {}


def test_an_order_that_is_told_twice_is_one_fate(storage: SqliteStorage, raw: sqlite3.Connection) -> None:
    one = saved(storage).suggestions[0]
    order = asyncio.run(send(storage, one.id))
    asyncio.run(storage.record_fate(one.id, SuggestionFate.ORDERED, order.id, NOW))
    assert raw.execute("SELECT fate, text FROM suggestion_fates").fetchall() == [("ORDERED", order.id)]


def test_the_scoreboard_gets_them_newest_first_with_the_first_shown_and_those_dismissed(
    storage: SqliteStorage,
) -> None:
    old = saved(storage)
    new = a_suggestion_set(made_at_utc=NOW + timedelta(hours=2))
    asyncio.run(storage.save_suggestions(new))
    told = ranked(old, (1, 0, 2), "better")
    asyncio.run(storage.rank_suggestions(old.id, "a-model", PAYLOAD_HASH, told.suggestions))
    asyncio.run(storage.record_fate(new.suggestions[1].id, SuggestionFate.DISMISSED, "too dear", NOW))
    found = asyncio.run(storage.scored_suggestions())
    assert [one.suggestion_id for one in found] == [
        new.suggestions[0].id,
        new.suggestions[1].id,
        old.suggestions[1].id,
        old.suggestions[0].id,
    ]
    assert [one.is_first for one in found] == [True, False, True, False]
    assert [one.is_dismissed for one in found] == [False, True, False, False]


def test_a_journal_row_points_at_its_suggestion_and_its_detail_tells_where_it_came_from(
    storage: SqliteStorage, raw: sqlite3.Connection, reader: JournalReader
) -> None:
    made = saved(storage, breach_id="b-1")
    one = made.suggestions[0]
    told = ranked(made, (1, 0, 2), "better")
    asyncio.run(storage.rank_suggestions(made.id, "a-model", PAYLOAD_HASH, told.suggestions))
    asyncio.run(storage.save_mark(a_mark(one.id)))
    order = asyncio.run(send(storage, one.id))
    entry = replace(an_entry(order_id=order.id), ai_suggestion_id=one.id, ai_rationale="better 0")
    filled = order.to(OrderStatus.FILLED)
    asyncio.run(storage.write_journal(entry, filled, BrokerName.PAPER, an_audit(AuditKind.JOURNALED, order.id)))
    joined = raw.execute("SELECT s.kind FROM trade_journal t JOIN signals s ON s.id = t.ai_suggestion_id").fetchall()
    assert joined == [("WING",)]
    origin = reader.detail(entry.id).suggestion
    assert origin is not None
    assert (origin.id, origin.breach_id, origin.metrics, origin.kind) == (one.id, "b-1", ("spx_delta",), "WING")
    assert (origin.position, origin.solver_position, origin.rationale) == (1, 0, "better 0")
    assert (origin.is_from_model, origin.model, origin.made_at_utc) == (True, "a-model", NOW)
    assert origin.marks == (a_mark(one.id),)


def test_a_journal_row_without_a_suggestion_or_with_one_nobody_kept_has_no_origin(
    storage: SqliteStorage, reader: JournalReader
) -> None:
    for suggestion_id in (None, new_uuid()):
        entry = replace(an_entry(), ai_suggestion_id=suggestion_id)
        asyncio.run(storage.write_journal(entry, None, BrokerName.PAPER, an_audit(AuditKind.JOURNALED)))
        assert reader.detail(entry.id).suggestion is None


def test_a_second_desk_reads_suggestions_and_may_not_write_them(storage: SqliteStorage) -> None:
    made = saved(storage, breach_id="b-1")
    second = open_paper(storage.path)
    assert second.is_read_only
    assert asyncio.run(second.load_suggestions(["b-1"])) == (made,)
    assert len(asyncio.run(second.due_marks(LATER))) == 6
    for write in (
        second.save_suggestions(a_suggestion_set()),
        second.rank_suggestions(made.id, "m", PAYLOAD_HASH, made.suggestions),
        second.record_fate(made.suggestions[0].id, SuggestionFate.LOADED, "", NOW),
        second.save_mark(a_mark(made.suggestions[0].id)),
    ):
        with pytest.raises(DatabaseReadOnly):
            asyncio.run(write)
    second.close()


def test_a_set_that_cannot_be_written_whole_is_not_written_at_all(
    storage: SqliteStorage, raw: sqlite3.Connection
) -> None:
    """The second suggestion has an id the file refuses, after set and first row are in."""
    made = a_suggestion_set()
    broken = replace(made, suggestions=(made.suggestions[0], replace(made.suggestions[1], id="not a uuid")))
    with pytest.raises(Exception, match="saving suggestions"):
        asyncio.run(storage.save_suggestions(broken))
    for table in ("suggestion_sets", "signals", "suggestion_details", "suggestion_dues"):
        assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608 - names above


def test_a_backup_holds_the_suggestions_and_every_row_points_at_one_that_exists(
    storage: SqliteStorage, tmp_path: Path
) -> None:
    made = saved(storage)
    asyncio.run(storage.save_mark(a_mark(made.suggestions[0].id)))
    copy = make_backup(storage.path, NOW).path
    storage.close()
    restored = tmp_path / "restored" / "desk.db"
    restored.parent.mkdir(mode=0o700)
    restored.write_bytes(copy.read_bytes())
    restored.chmod(0o600)
    again = open_paper(restored)
    assert asyncio.run(again.load_suggestion_set(made.id)) == made
    assert asyncio.run(again.verify()).is_sound
    again.close()
    with closing(sqlite3.connect(restored)) as found:
        assert found.execute("PRAGMA foreign_key_check").fetchall() == []
