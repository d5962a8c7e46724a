"""What is shown is what is kept: sets, rankings and fates go through the keeper into a real file and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from database.store import SqliteStorage
from execution.core import DeskCore
from execution.hedging.finding import HedgeTask
from execution.hedging.keeping import SuggestionKeeper
from execution.hedging.sets import as_ai_suggestions, fresh_set, ranked_by_model, suggestions_of
from execution.risk.breaches import BreachMonitor
from execution.risk.limits import limit_rows
from execution.risk.watch import RiskWatch
from execution.suggestion_views import SearchPhase, SuggestionSet
from models.enums import BreachState, Metric, Regime
from models.errors import KnownError
from models.hedge import Verdict
from models.ids import new_uuid
from models.ranking import Opinion, RankingAnswer
from models.risk import RiskBreach
from models.suggestion_records import MarkedHolding, SuggestionFate
from tests.database.builders import open_paper
from tests.execution.builders import ACCOUNT, CONDOR, NOW, condor_positions, condor_quotes, core_at, feed, spxw
from tests.execution.hedging.rig import SITUATION, VEGA, verified, words
from tests.execution.recorder import RecordingPublisher


@dataclass
class Kept:
    """A keeper on a real file, and a breach that is open."""

    storage: SqliteStorage
    core: DeskCore
    keeper: SuggestionKeeper
    breach: RiskBreach

    def reloaded(self) -> RiskBreach:
        (breach,) = asyncio.run(self.storage.load([ACCOUNT])).open_breaches
        return breach


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    storage = open_paper(tmp_path / "desk" / "desk.db")
    core = core_at()
    core.set_positions(ACCOUNT, condor_positions(3), NOW)
    feed(core, condor_quotes())
    breaches = BreachMonitor(clear_margin=0.05, raise_after=timedelta(0))
    (breach,) = breaches.evaluate(limit_rows((VEGA,), {Metric.VEGA: -1500.0}), Regime.MEDIUM_VOL, NOW)
    asyncio.run(storage.save_breach(breach))
    unused = dict.fromkeys(("published", "analysis", "memory"), cast("Any", None))
    watch = RiskWatch(core=core, breaches=breaches, store=storage, publisher=RecordingPublisher(), **unused)
    keeper = SuggestionKeeper(core=core, store=storage, watch=watch, clock=core.clock)
    yield Kept(storage, core, keeper, breach)
    storage.close()


def a_set(breach: RiskBreach) -> SuggestionSet:
    """Two on offer and one that is not, of which the search found the last one first."""
    made = (verified("c01", Verdict.REFUSED, "Too near the close."), verified("c02"), verified("c03"))
    held = fresh_set(HedgeTask(breach.id), SITUATION, breach)
    ids = {one.candidate.id: new_uuid() for one in made}
    return replace(held, search=SearchPhase.READY, suggestions=suggestions_of(SITUATION, made, ids, words))


def test_a_set_comes_back_with_the_book_and_the_market_of_its_moment(kept: Kept) -> None:
    held = a_set(kept.breach)
    asyncio.run(kept.keeper.keep(held))
    record = asyncio.run(kept.storage.load_suggestion_set(held.set_id))
    assert record is not None
    assert [one.id for one in record.suggestions] == [one.id for one in held.suggestions]
    assert [one.verified for one in record.suggestions] == [one.verified for one in held.suggestions]
    assert [one.solver_position for one in record.suggestions] == [1, 2, 0]
    mids = [(Decimal(bid) + Decimal(ask)) / 2 for _, _, _, bid, ask in CONDOR]
    assert set(record.book) == {
        MarkedHolding(spxw(right, strike), Decimal(action.sign * 3), mid)
        for (right, strike, action, _, _), mid in zip(CONDOR, mids, strict=True)
    }
    assert [(one.bid, one.ask) for one in record.quotes] == [(Decimal(bid), Decimal(ask)) for *_, bid, ask in CONDOR]


def test_the_hash_of_a_book_tells_another_book_and_no_other_price(kept: Kept) -> None:
    sets = [a_set(kept.breach) for _ in range(3)]
    asyncio.run(kept.keeper.keep(sets[0]))
    feed(kept.core, condor_quotes(NOW + timedelta(seconds=1)))
    asyncio.run(kept.keeper.keep(sets[1]))
    kept.core.set_positions(ACCOUNT, condor_positions(4), NOW + timedelta(seconds=2))
    asyncio.run(kept.keeper.keep(sets[2]))
    records = [asyncio.run(kept.storage.load_suggestion_set(one.set_id)) for one in sets]
    first, same, other = (one.book_hash for one in records if one is not None)
    assert first == same != other


def test_the_breach_is_populated_with_what_is_offered_and_so_it_is_after_a_restart(kept: Kept) -> None:
    held = a_set(kept.breach)
    asyncio.run(kept.keeper.keep(held))
    breach = kept.reloaded()
    assert breach.state is BreachState.POPULATED
    assert breach.suggestions == as_ai_suggestions(held)
    assert len(breach.suggestions) == 2


def test_the_models_order_and_words_are_those_after_a_restart(kept: Kept) -> None:
    held = a_set(kept.breach)
    asyncio.run(kept.keeper.keep(held))
    opinions = (Opinion("c03", "Cheaper."), Opinion("c02", "Dearer."))
    answer = RankingAnswer(opinions, "", 0, None, "", "model-x", "0" * 64, None, None, None, 1.0)
    told = replace(held, suggestions=ranked_by_model(held, answer))
    asyncio.run(kept.keeper.keep_ranking(told, answer))
    record = asyncio.run(kept.storage.load_suggestion_set(held.set_id))
    assert record is not None
    assert (record.model, record.payload_sha256) == ("model-x", "0" * 64)
    assert [one.rationale for one in record.suggestions[:2]] == ["Cheaper.", "Dearer."]
    assert kept.reloaded().suggestions == as_ai_suggestions(told)


def test_what_is_not_kept_cannot_be_loaded_into_a_ticket(kept: Kept) -> None:
    """Else a journal row could point at a suggestion that nobody can find."""
    held = a_set(kept.breach)
    with pytest.raises(KnownError, match="not kept"):
        asyncio.run(kept.keeper.fate(held.suggestions[0].id, SuggestionFate.LOADED))
    asyncio.run(kept.keeper.keep(held))
    asyncio.run(kept.keeper.fate(held.suggestions[0].id, SuggestionFate.LOADED))
    assert len(asyncio.run(kept.storage.scored_suggestions())) == 2
