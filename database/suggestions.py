"""Suggestions: the set and the moment they belong to, the order and words a model gave, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select

from database.codec import from_text, to_text
from database.errors import NoSuchRow
from database.schema import signals
from database.suggestion_schema import (
    suggestion_details,
    suggestion_dues,
    suggestion_fates,
    suggestion_rankings,
    suggestion_sets,
)
from models.enums import Metric
from models.hedge import HedgeCandidate, Situation, Verdict, Verified
from models.order import Order
from models.risk import AITradeSuggestion
from models.suggestion_records import (
    Horizon,
    LegQuote,
    MarkedHolding,
    SuggestionFate,
    SuggestionRecord,
    SuggestionSetRecord,
)

#: What `signals.source` says of a suggestion made by the search; the analyst ranks and explains it.
SOURCE: Final = "AI"
_FOLLOWED: Final = (SuggestionFate.LOADED, SuggestionFate.ORDERED)


def save_suggestions(connection: Connection, made: SuggestionSetRecord, now: datetime) -> None:
    """Writes a set, its suggestions and their due times; a set or a suggestion that is known is left as it is."""
    known_set = select(suggestion_sets.c.id).where(suggestion_sets.c.id == made.id)
    if connection.execute(known_set).first() is not None:
        return
    connection.execute(insert(suggestion_sets).values(_set_row(made, now)))
    ids = [one.id for one in made.suggestions]
    kept = set(connection.execute(select(signals.c.id).where(signals.c.id.in_(ids))).scalars())
    fresh = [_signal_row(made, one) for one in made.suggestions if one.id not in kept]
    if fresh:
        connection.execute(insert(signals), fresh)
    details = suggestion_details.c.suggestion_id
    detailed = set(connection.execute(select(details).where(details.in_(ids))).scalars())
    new = [one for one in made.suggestions if one.id not in detailed]
    if new:
        connection.execute(insert(suggestion_details), [_detail_row(made, one) for one in new])
    for one in new:
        if one.verified.verdict is Verdict.OFFERED:
            _make_due(connection, one.id, made.made_at_utc, one.verified.candidate)


def rank_suggestions(
    connection: Connection,
    set_id: str,
    model: str,
    payload_sha256: str,
    told: Sequence[SuggestionRecord],
    now: datetime,
) -> None:
    """Keeps another order and other words of a set; raises NoSuchRow when it or one of its suggestions is not kept."""
    known = set(
        connection.execute(
            select(suggestion_details.c.suggestion_id).where(suggestion_details.c.set_id == set_id)
        ).scalars()
    )
    unknown = [one.id for one in told if one.id not in known]
    if unknown or not known:
        raise NoSuchRow(f"The suggestions {set_id} are not kept, so their ranking cannot be.", cure="Search again.")
    last = select(func.coalesce(func.max(suggestion_rankings.c.ranking_no), 0))
    number = int(connection.execute(last.where(suggestion_rankings.c.set_id == set_id)).scalar_one()) + 1
    rows = [
        {
            "set_id": set_id,
            "ranking_no": number,
            "suggestion_id": one.id,
            "position": one.position,
            "rationale": one.rationale,
            "is_from_model": int(one.is_from_model),
            "model": model,
            "payload_sha256": payload_sha256,
            "ranked_at": now,
        }
        for one in told
    ]
    if rows:
        connection.execute(insert(suggestion_rankings), rows)


def record_fate(connection: Connection, suggestion_id: str, fate: SuggestionFate, text: str, at_utc: datetime) -> None:
    """Keeps what happened to a suggestion, the same once; raises NoSuchRow for one that is not kept.

    One that is taken up is marked later, even if it was not on offer when it was made.
    """
    known = connection.execute(select(signals.c.id).where(signals.c.id == suggestion_id)).first()
    if known is None:
        raise NoSuchRow(
            "This suggestion is not kept in the database, so nothing can be traded or noted by it.",
            cure="Wait until its search is done, or search again.",
        )
    _add_fate(connection, suggestion_id, fate, text, at_utc)
    if fate in _FOLLOWED:
        query = (
            select(suggestion_details.c.verified_json, suggestion_sets.c.made_at)
            .join(suggestion_sets, suggestion_sets.c.id == suggestion_details.c.set_id)
            .where(suggestion_details.c.suggestion_id == suggestion_id)
        )
        row = connection.execute(query).one_or_none()
        if row is not None:
            _make_due(connection, suggestion_id, row.made_at, from_text(Verified, row.verified_json).candidate)


def note_ordered(connection: Connection, order: Order, at_utc: datetime) -> None:
    """Keeps that an order by a suggestion goes out, in the transaction of its intent; one not kept is passed over."""
    if order.ai_suggestion_id is None:
        return
    known = select(signals.c.id).where(signals.c.id == order.ai_suggestion_id)
    if connection.execute(known).first() is not None:
        _add_fate(connection, order.ai_suggestion_id, SuggestionFate.ORDERED, order.id, at_utc)


def load_set(connection: Connection, set_id: str) -> SuggestionSetRecord | None:
    """Returns a set as it was ranked last, None when it is not kept."""
    query = select(suggestion_sets).where(suggestion_sets.c.id == set_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _set_of(connection, row)


def load_newest(connection: Connection, breach_ids: Sequence[str]) -> tuple[SuggestionSetRecord, ...]:
    """Returns the newest set of each breach that has one, in the order of the ids."""
    found = newest_sets(connection, breach_ids)
    sets = (load_set(connection, found[breach_id]) for breach_id in breach_ids if breach_id in found)
    return tuple(one for one in sets if one is not None)


def newest_sets(connection: Connection, breach_ids: Iterable[str]) -> dict[str, str]:
    """Returns the id of the newest set of each breach."""
    sets = suggestion_sets.c
    query = select(sets.breach_id, sets.id).where(sets.breach_id.in_(list(breach_ids)))
    rows = connection.execute(query.order_by(sets.made_at, sets.recorded_at, sets.id))
    return {row.breach_id: row.id for row in rows}


def offered_in(connection: Connection, set_id: str) -> tuple[AITradeSuggestion, ...]:
    """Returns what a set offers, as it was ranked last, in the shape of 002 section 2.7."""
    query = select(signals.c.id, signals.c.payload_json, signals.c.rationale, suggestion_details.c.position).join(
        suggestion_details, suggestion_details.c.suggestion_id == signals.c.id
    )
    rows = connection.execute(
        query.where(
            suggestion_details.c.set_id == set_id, suggestion_details.c.verdict == Verdict.OFFERED.value
        ).order_by(suggestion_details.c.position)
    ).all()
    ranking = last_ranking(connection, set_id)
    placed = sorted(rows, key=lambda row: ranking[row.id].position if row.id in ranking else row.position)
    return tuple(_told(from_text(AITradeSuggestion, row.payload_json), ranking.get(row.id)) for row in placed)


def last_ranking(connection: Connection, set_id: str) -> dict[str, Row[Any]]:
    """Returns the rows of a set's newest ranking by suggestion; empty when no model ranked it."""
    rankings = suggestion_rankings.c
    newest = select(func.max(rankings.ranking_no)).where(rankings.set_id == set_id).scalar_subquery()
    query = select(suggestion_rankings).where(rankings.set_id == set_id, rankings.ranking_no == newest)
    return {row.suggestion_id: row for row in connection.execute(query)}


def _told(suggestion: AITradeSuggestion, ranked: Row[Any] | None) -> AITradeSuggestion:
    if ranked is None or ranked.rationale == suggestion.rationale:
        return suggestion
    return AITradeSuggestion(
        id=suggestion.id,
        legs=suggestion.legs,
        projected_delta_change=suggestion.projected_delta_change,
        projected_theta_cost=suggestion.projected_theta_cost,
        rationale=ranked.rationale,
    )


def _add_fate(connection: Connection, suggestion_id: str, fate: SuggestionFate, text: str, at_utc: datetime) -> None:
    fates = suggestion_fates.c
    same = select(fates.seq).where(fates.suggestion_id == suggestion_id, fates.fate == fate.value, fates.text == text)
    if fate is SuggestionFate.ORDERED and connection.execute(same).first() is not None:
        return
    connection.execute(
        insert(suggestion_fates).values(suggestion_id=suggestion_id, fate=fate.value, text=text, at_utc=at_utc)
    )


def _make_due(connection: Connection, suggestion_id: str, made_at: datetime, candidate: HedgeCandidate) -> None:
    """Writes the due times that are not there yet."""
    if not candidate.legs:
        return
    ends = [one for one in (leg.contract.expires_at_utc for leg in candidate.legs) if one is not None]
    due = {horizon: made_at + horizon.after for horizon in Horizon if horizon.after is not None}
    if ends:
        due[Horizon.EXPIRY] = min(ends)
    query = select(suggestion_dues.c.horizon).where(suggestion_dues.c.suggestion_id == suggestion_id)
    known = set(connection.execute(query).scalars())
    rows = [
        {"suggestion_id": suggestion_id, "horizon": horizon.value, "due_at": at}
        for horizon, at in due.items()
        if horizon.value not in known
    ]
    if rows:
        connection.execute(insert(suggestion_dues), rows)


def _set_row(made: SuggestionSetRecord, now: datetime) -> dict[str, Any]:
    situation = made.situation
    return {
        "id": made.id,
        "breach_id": made.breach_id,
        "made_at": made.made_at_utc,
        "is_premortem": int(situation.is_premortem),
        "regime": situation.regime.value,
        "spx_price": situation.spx_price,
        "vix": situation.vix,
        "trigger_metrics": to_text(situation.trigger_metrics),
        "situation_json": to_text(situation),
        "book_hash": made.book_hash,
        "book_json": to_text(made.book),
        "quotes_json": to_text(made.quotes),
        "scored_count": made.scored_count,
        "model": made.model,
        "payload_sha256": made.payload_sha256,
        "recorded_at": now,
    }


def _signal_row(made: SuggestionSetRecord, one: SuggestionRecord) -> dict[str, Any]:
    verified, candidate = one.verified, one.verified.candidate
    delta = _delta_change(candidate)
    short = AITradeSuggestion(one.id, candidate.legs, delta, -candidate.theta_change_per_day, one.rationale)
    return {
        "id": one.id,
        "created_at": made.made_at_utc,
        "source": SOURCE,
        "breach_id": made.breach_id,
        "position": one.position,
        "rationale": one.rationale,
        "projected_delta_change": delta,
        "projected_theta_cost": -candidate.theta_change_per_day,
        "payload_json": to_text(short),
        "set_id": made.id,
        "candidate_id": candidate.id,
        "kind": candidate.kind.value,
        "account_id": candidate.account_id,
        "verdict": verified.verdict.value,
        "reason": verified.reason,
        "solver_position": one.solver_position,
        "is_from_model": int(one.is_from_model),
        "limit_price": candidate.limit_price,
        "cost_usd": candidate.cost_usd,
        "fees": verified.fees,
        "initial_margin_change": verified.initial_margin_change,
        "maintenance_margin_change": verified.maintenance_margin_change,
    }


def _detail_row(made: SuggestionSetRecord, one: SuggestionRecord) -> dict[str, Any]:
    return {
        "suggestion_id": one.id,
        "set_id": made.id,
        "position": one.position,
        "solver_position": one.solver_position,
        "is_from_model": int(one.is_from_model),
        "verdict": one.verified.verdict.value,
        "verified_json": to_text(one.verified),
    }


def _delta_change(candidate: HedgeCandidate) -> float:
    """The change of SPX delta; 0.0 where it is not known, because the documented column must hold a number."""
    for effect in candidate.effects:
        if effect.metric is Metric.SPX_DELTA and effect.before is not None and effect.after is not None:
            return effect.after - effect.before
    return 0.0


def _set_of(connection: Connection, row: Row[Any]) -> SuggestionSetRecord:
    ranking = last_ranking(connection, row.id)
    newest = next(iter(ranking.values()), None)
    query = (
        select(suggestion_details, signals.c.rationale)
        .join(signals, signals.c.id == suggestion_details.c.suggestion_id)
        .where(suggestion_details.c.set_id == row.id)
        .order_by(suggestion_details.c.position)
    )
    suggestions = [_record(one, ranking.get(one.suggestion_id)) for one in connection.execute(query)]
    suggestions.sort(key=lambda one: one.position)
    return SuggestionSetRecord(
        id=row.id,
        breach_id=row.breach_id,
        made_at_utc=row.made_at,
        situation=from_text(Situation, row.situation_json),
        book_hash=row.book_hash,
        book=from_text(tuple[MarkedHolding, ...], row.book_json),
        scored_count=row.scored_count,
        payload_sha256=row.payload_sha256 if newest is None else newest.payload_sha256,
        model=row.model if newest is None else newest.model,
        suggestions=tuple(suggestions),
        quotes=from_text(tuple[LegQuote, ...], row.quotes_json),
    )


def _record(row: Row[Any], ranked: Row[Any] | None) -> SuggestionRecord:
    shown = row if ranked is None else ranked
    return SuggestionRecord(
        id=row.suggestion_id,
        position=shown.position,
        solver_position=row.solver_position,
        verified=from_text(Verified, row.verified_json),
        rationale=shown.rationale,
        is_from_model=bool(shown.is_from_model),
    )
