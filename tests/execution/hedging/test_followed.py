"""A suggestion followed on a whole desk: the journal points at it, and it is marked on the paper market."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from database.store import SqliteStorage
from execution.hedging.scoring import SuggestionScorer, scoreboard
from execution.sessions import ExchangeSessions
from models.contract import underlying_contract
from models.enums import Action, OrderStatus
from models.order import OrderLeg
from models.suggestion_records import Horizon, MarkedHolding, SuggestionFate
from tests.database.suggestion_builders import a_candidate, a_suggestion_set, a_verified
from tests.execution.desk_runner import Running, running, sent, stock_draft

pytestmark = pytest.mark.anyio
SPY = underlying_contract("SPY")
QQQ = underlying_contract("QQQ")


async def test_the_journal_row_of_a_followed_suggestion_points_at_it(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        storage = storage_of(desk)
        made = a_suggestion_set(a_verified(a_candidate((OrderLeg(SPY, Action.BUY, 100),))))
        await storage.save_suggestions(made)
        (one,) = made.suggestions
        await storage.record_fate(one.id, SuggestionFate.LOADED, "", made.made_at_utc)
        assert not scoreboard(await storage.scored_suggestions()).accepted_count
        draft = replace(stock_draft("SPY", 100), ai_suggestion_id=one.id, ai_rationale=one.rationale)
        assert (await sent(desk, draft)).accepted
        await desk.status(draft.order_id, OrderStatus.FILLED)
        await desk.until(lambda: bool(desk.rows("SELECT id FROM trade_journal")), "the journal row")
        assert desk.rows(
            "SELECT t.underlying, t.ai_rationale, s.kind, s.verdict, f.text"
            " FROM trade_journal t JOIN signals s ON s.id = t.ai_suggestion_id"
            " JOIN suggestion_fates f ON f.suggestion_id = s.id AND f.fate = 'ORDERED'"
        ) == [("SPY", one.rationale, "WING", "OFFERED", draft.order_id)]
        assert scoreboard(await storage.scored_suggestions()).accepted_count == 1


async def test_on_the_paper_market_a_mark_is_made_of_its_quotes(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        storage, core = storage_of(desk), desk.composed.desk._core
        book = (MarkedHolding(QQQ, Decimal(-50), Decimal("400.00")),)
        legs = (OrderLeg(SPY, Action.BUY, 100),)
        made_at = core.clock.now_utc() - timedelta(minutes=61)
        bought = a_verified(a_candidate(legs, limit_price="500.00"), fees="1.00")
        await storage.save_suggestions(a_suggestion_set(bought, made_at_utc=made_at, book=book))
        await marker(desk).mark_due()
        (one,) = await storage.scored_suggestions()
        (mark,) = one.marks
        assert mark.horizon is Horizon.HOUR
        spy, qqq = core.quote(SPY.key), core.quote(QQQ.key)
        assert spy is not None
        assert spy.mid is not None
        assert qqq is not None
        assert qqq.mid is not None
        assert mark.hedge_usd == pytest.approx(100 * float(spy.mid - 500) - 1.0, abs=200.0)
        assert mark.nothing_usd == pytest.approx(-50 * float(qqq.mid - 400), abs=200.0)


def storage_of(desk: Running) -> SqliteStorage:
    storage = desk.composed.desk._parts.storage
    assert isinstance(storage, SqliteStorage)
    return storage


def marker(desk: Running) -> SuggestionScorer:
    return SuggestionScorer(
        core=desk.composed.desk._core,
        store=storage_of(desk),
        sessions=ExchangeSessions(),
        publisher=desk.publisher,
        keeps_hours=False,
    )
