"""How suggestions have paid: what is due, what was marked, and what the scoreboard is made of."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select

from database.errors import NoSuchRow
from database.journal_query import SuggestionOrigin
from database.schema import executions, orders, signals
from database.suggestion_schema import (
    suggestion_details,
    suggestion_dues,
    suggestion_fates,
    suggestion_marks,
    suggestion_rankings,
    suggestion_sets,
)
from database.suggestions import last_ranking
from models.enums import OrderStatus
from models.suggestion_records import DueMark, Horizon, ScoredSuggestion, SuggestionFate, SuggestionMark

#: An order that ended so without a fill has not followed the suggestion.
_CAME_TO_NOTHING = (OrderStatus.REJECTED.value, OrderStatus.CANCELLED.value)


def due_marks(connection: Connection, until_utc: datetime) -> tuple[DueMark, ...]:
    """Returns what is due by then and not marked, oldest first."""
    dues, marks = suggestion_dues.c, suggestion_marks.c
    query = (
        select(dues.suggestion_id, dues.horizon, dues.due_at, suggestion_details.c.set_id)
        .join(suggestion_details, suggestion_details.c.suggestion_id == dues.suggestion_id)
        .outerjoin(suggestion_marks, and_(marks.suggestion_id == dues.suggestion_id, marks.horizon == dues.horizon))
        .where(dues.due_at <= until_utc, marks.suggestion_id.is_(None))
        .order_by(dues.due_at, suggestion_details.c.set_id, suggestion_details.c.position)
    )
    return tuple(
        DueMark(row.suggestion_id, row.set_id, Horizon(row.horizon), row.due_at) for row in connection.execute(query)
    )


def save_mark(connection: Connection, mark: SuggestionMark) -> bool:
    """Keeps a mark; False if that suggestion and horizon has one. Raises NoSuchRow for a suggestion not kept."""
    known = select(suggestion_details.c.suggestion_id).where(suggestion_details.c.suggestion_id == mark.suggestion_id)
    if connection.execute(known).first() is None:
        raise NoSuchRow(f"There is no suggestion {mark.suggestion_id} to mark.", cure="Nothing needs to be done.")
    marks = suggestion_marks.c
    same = select(marks.due_at).where(marks.suggestion_id == mark.suggestion_id, marks.horizon == mark.horizon.value)
    if connection.execute(same).first() is not None:
        return False
    connection.execute(
        insert(suggestion_marks).values(
            suggestion_id=mark.suggestion_id,
            horizon=mark.horizon.value,
            due_at=mark.due_utc,
            marked_at=mark.marked_at_utc,
            hedge_usd=mark.hedge_usd,
            nothing_usd=mark.nothing_usd,
            solver_first_usd=mark.solver_first_usd,
            note=mark.note,
        )
    )
    return True


def load_origin(connection: Connection, suggestion_id: str) -> SuggestionOrigin | None:
    """Returns where a suggestion comes from and how it has paid; None when it is not kept."""
    query = (
        select(signals, suggestion_sets.c.model, suggestion_sets.c.trigger_metrics, suggestion_sets.c.is_premortem)
        .outerjoin(suggestion_sets, suggestion_sets.c.id == signals.c.set_id)
        .where(signals.c.id == suggestion_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    ranked = None if row.set_id is None else last_ranking(connection, row.set_id).get(suggestion_id)
    marks = select(suggestion_marks).where(suggestion_marks.c.suggestion_id == suggestion_id)
    return SuggestionOrigin(
        id=row.id,
        breach_id=row.breach_id,
        made_at_utc=row.created_at,
        metrics=() if row.trigger_metrics is None else tuple(json.loads(row.trigger_metrics)),
        is_premortem=bool(row.is_premortem),
        kind=row.kind,
        position=row.position if ranked is None else ranked.position,
        solver_position=row.solver_position,
        rationale=row.rationale if ranked is None else ranked.rationale,
        is_from_model=bool(row.is_from_model if ranked is None else ranked.is_from_model),
        model=row.model if ranked is None else ranked.model,
        marks=tuple(_mark_of(one) for one in connection.execute(marks.order_by(suggestion_marks.c.due_at))),
    )


def load_scored(connection: Connection) -> tuple[ScoredSuggestion, ...]:
    """Returns every suggestion that was on offer or taken up, with its marks; newest set first, then as shown."""
    marks = _marks(connection)
    followed, dismissed = _followed(connection), _with_fate(connection, SuggestionFate.DISMISSED)
    found: list[ScoredSuggestion] = []
    seen: set[str] = set()
    for suggestion_id, set_id, made_at in _scorable(connection):
        found.append(
            ScoredSuggestion(
                suggestion_id=suggestion_id,
                made_at_utc=made_at,
                is_followed=suggestion_id in followed,
                is_dismissed=suggestion_id in dismissed,
                is_first=set_id not in seen,
                marks=tuple(marks.get(suggestion_id, ())),
            )
        )
        seen.add(set_id)
    return tuple(found)


def _scorable(connection: Connection) -> list[tuple[str, str, datetime]]:
    """Suggestions with due times, by set and by their place in its newest ranking."""
    details, rankings = suggestion_details.c, suggestion_rankings.c
    newest = (
        select(rankings.set_id, func.max(rankings.ranking_no).label("ranking_no")).group_by(rankings.set_id).subquery()
    )
    place = func.coalesce(rankings.position, details.position)
    query = (
        select(details.suggestion_id, details.set_id, suggestion_sets.c.made_at)
        .join(suggestion_sets, suggestion_sets.c.id == details.set_id)
        .outerjoin(newest, newest.c.set_id == details.set_id)
        .outerjoin(
            suggestion_rankings,
            and_(
                rankings.set_id == details.set_id,
                rankings.ranking_no == newest.c.ranking_no,
                rankings.suggestion_id == details.suggestion_id,
            ),
        )
        .where(details.suggestion_id.in_(select(suggestion_dues.c.suggestion_id)))
        .order_by(suggestion_sets.c.made_at.desc(), details.set_id, place, details.position)
    )
    return [(row.suggestion_id, row.set_id, row.made_at) for row in connection.execute(query)]


def _marks(connection: Connection) -> dict[str, list[SuggestionMark]]:
    found: dict[str, list[SuggestionMark]] = {}
    for row in connection.execute(select(suggestion_marks).order_by(suggestion_marks.c.due_at)):
        found.setdefault(row.suggestion_id, []).append(_mark_of(row))
    return found


def _mark_of(row: Row[Any]) -> SuggestionMark:
    return SuggestionMark(
        suggestion_id=row.suggestion_id,
        horizon=Horizon(row.horizon),
        due_utc=row.due_at,
        marked_at_utc=row.marked_at,
        hedge_usd=row.hedge_usd,
        nothing_usd=row.nothing_usd,
        solver_first_usd=row.solver_first_usd,
        note=row.note,
    )


def _with_fate(connection: Connection, fate: SuggestionFate) -> set[str]:
    fates = suggestion_fates.c
    return set(connection.execute(select(fates.suggestion_id).where(fates.fate == fate.value)).scalars())


def _followed(connection: Connection) -> set[str]:
    """Suggestions of which an order went out that was filled or still may be; loading one is not following it."""
    fates = suggestion_fates.c
    filled = select(executions.c.seq).where(executions.c.order_id == orders.c.id).exists()
    query = (
        select(fates.suggestion_id)
        .join(orders, orders.c.id == fates.text)
        .where(fates.fate == SuggestionFate.ORDERED.value, orders.c.status.not_in(_CAME_TO_NOTHING) | filled)
    )
    return set(connection.execute(query).scalars())
