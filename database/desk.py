"""What the desk itself remembers: positions as last reconciled, breaches and their suggestions, the kill switch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from database.codec import from_text, to_text
from database.schema import desk_state, positions, risk_breaches, signals
from database.suggestions import SOURCE, newest_sets, offered_in
from models.contract import Contract
from models.enums import BreachState, BrokerName, Metric, Regime, TradingState
from models.ids import AccountId
from models.position import UnifiedPosition
from models.risk import AITradeSuggestion, RiskBreach

_TRADING_STATE: Final = "trading_state"
_SETTING: Final = "setting:"


def save_positions(
    connection: Connection, account_id: AccountId, held: Sequence[UnifiedPosition], at_utc: datetime
) -> None:
    """Replaces the positions of an account."""
    connection.execute(delete(positions).where(positions.c.account_id == account_id))
    rows = [
        {
            "account_id": account_id,
            "contract_key": position.contract.key,
            "broker": position.broker.value,
            "contract_json": to_text(position.contract),
            "quantity": position.quantity,
            "average_price": position.average_price,
            "previous_close": position.previous_close,
            "at_utc": position.at_utc,
            "reconciled_at": at_utc,
        }
        for position in held
    ]
    if rows:
        connection.execute(insert(positions), rows)


def load_positions(connection: Connection, accounts: Sequence[AccountId]) -> tuple[UnifiedPosition, ...]:
    """Returns the positions last reconciled."""
    query = (
        select(positions)
        .where(positions.c.account_id.in_(accounts))
        .order_by(positions.c.account_id, positions.c.contract_key)
    )
    return tuple(
        UnifiedPosition(
            broker=BrokerName(row.broker),
            account_id=AccountId(row.account_id),
            contract=from_text(Contract, row.contract_json),
            quantity=row.quantity,
            average_price=row.average_price,
            previous_close=row.previous_close,
            at_utc=row.at_utc,
        )
        for row in connection.execute(query)
    )


def save_breach(connection: Connection, breach: RiskBreach, now: datetime) -> None:
    """Inserts or updates a breach by id; its suggestions are kept for good as they were first made."""
    values: dict[str, Any] = {
        "id": breach.id,
        "breach_type": breach.breach_type,
        "metric": breach.metric.value,
        "threshold": breach.threshold,
        "actual_value": breach.actual_value,
        "regime": breach.regime.value,
        "detected_at": breach.detected_at,
        "state": breach.state.value,
        "archived_at": breach.archived_at,
        "updated_at": now,
    }
    statement = upsert(risk_breaches).values(values)
    changed = {name: statement.excluded[name] for name in values if name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))
    known = set(connection.execute(select(signals.c.id).where(signals.c.breach_id == breach.id)).scalars())
    rows = [
        {
            "id": suggestion.id,
            "created_at": now,
            "source": SOURCE,
            "breach_id": breach.id,
            "position": position,
            "rationale": suggestion.rationale,
            "projected_delta_change": suggestion.projected_delta_change,
            "projected_theta_cost": suggestion.projected_theta_cost,
            "payload_json": to_text(suggestion),
        }
        for position, suggestion in enumerate(breach.suggestions)
        if suggestion.id not in known
    ]
    if rows:
        connection.execute(insert(signals), rows)


def load_breaches(
    connection: Connection, *, open_only: bool, since_utc: datetime | None = None, limit: int = 1000
) -> tuple[RiskBreach, ...]:
    """Returns breaches, newest first, with their suggestions."""
    query = select(risk_breaches).order_by(risk_breaches.c.detected_at.desc(), risk_breaches.c.id).limit(limit)
    if open_only:
        query = query.where(risk_breaches.c.state != BreachState.ARCHIVED.value)
    if since_utc is not None:
        query = query.where(risk_breaches.c.detected_at >= since_utc)
    rows = connection.execute(query).all()
    suggestions = _suggestions_of(connection, [row.id for row in rows])
    return tuple(
        RiskBreach(
            id=row.id,
            breach_type=row.breach_type,
            metric=Metric(row.metric),
            threshold=row.threshold,
            actual_value=row.actual_value,
            regime=Regime(row.regime),
            detected_at=row.detected_at,
            state=BreachState(row.state),
            archived_at=row.archived_at,
            suggestions=tuple(suggestions.get(row.id, ())),
        )
        for row in rows
    )


def _suggestions_of(connection: Connection, breach_ids: Sequence[str]) -> dict[str, list[AITradeSuggestion]]:
    """What each breach offers: its newest set as it was ranked last; of a breach without sets, all that was made."""
    found: dict[str, list[AITradeSuggestion]] = {}
    made = select(signals.c.breach_id, signals.c.payload_json).where(signals.c.breach_id.in_(breach_ids))
    for row in connection.execute(made.order_by(signals.c.breach_id, signals.c.position)):
        found.setdefault(row.breach_id, []).append(from_text(AITradeSuggestion, row.payload_json))
    for breach_id, set_id in newest_sets(connection, breach_ids).items():
        found[breach_id] = list(offered_in(connection, set_id))
    return found


def save_trading_state(connection: Connection, state: TradingState, reason: str, at_utc: datetime) -> None:
    """Persists the kill switch."""
    connection.execute(insert(desk_state).values(key=_TRADING_STATE, value=state.value, reason=reason, at_utc=at_utc))


def load_trading_state(connection: Connection) -> tuple[TradingState, str]:
    """Returns the kill switch and why it is so; ACTIVE in a new database."""
    query = select(desk_state).where(desk_state.c.key == _TRADING_STATE).order_by(desk_state.c.seq.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return (TradingState.ACTIVE, "") if row is None else (TradingState(row.value), row.reason)


def save_setting(connection: Connection, name: str, value: str, at_utc: datetime) -> None:
    """Remembers a fact; earlier values stay as rows. Nothing is written when it is what it was."""
    if load_settings(connection).get(name) != value:
        connection.execute(insert(desk_state).values(key=_SETTING + name, value=value, reason="", at_utc=at_utc))


def load_settings(connection: Connection) -> dict[str, str]:
    """Returns the newest value of every remembered fact by name."""
    query = select(desk_state.c.key, desk_state.c.value).order_by(desk_state.c.seq)
    rows = connection.execute(query.where(desk_state.c.key.startswith(_SETTING, autoescape=True)))
    return {row.key.removeprefix(_SETTING): row.value for row in rows}
