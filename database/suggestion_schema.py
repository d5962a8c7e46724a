"""The tables of suggestions as SQLAlchemy Core sees them; rows of `signals` lie beside them in `database.schema`."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.types import REAL

from database.schema import metadata
from database.types import UtcText

#: The moment in which a set of suggestions was made.
suggestion_sets = Table(
    "suggestion_sets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("breach_id", Text),
    Column("made_at", UtcText, nullable=False),
    Column("is_premortem", Integer, nullable=False),
    Column("regime", Text, nullable=False),
    Column("spx_price", REAL, nullable=False),
    Column("vix", REAL),
    Column("trigger_metrics", Text, nullable=False),
    Column("situation_json", Text, nullable=False),
    Column("book_hash", Text, nullable=False),
    Column("book_json", Text, nullable=False),
    Column("quotes_json", Text, nullable=False),
    Column("scored_count", Integer, nullable=False),
    Column("model", Text),
    Column("payload_sha256", Text),
    Column("recorded_at", UtcText, nullable=False),
)

#: Beside each row of `signals` that belongs to a set: the candidate as it was verified.
suggestion_details = Table(
    "suggestion_details",
    metadata,
    Column("suggestion_id", Text, ForeignKey("signals.id"), primary_key=True),
    Column("set_id", Text, ForeignKey("suggestion_sets.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("solver_position", Integer, nullable=False),
    Column("is_from_model", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("verified_json", Text, nullable=False),
)

#: The order and the words a model gave; each answer is a ranking of its own, the newest of a set holds.
suggestion_rankings = Table(
    "suggestion_rankings",
    metadata,
    Column("set_id", Text, ForeignKey("suggestion_sets.id"), nullable=False),
    Column("ranking_no", Integer, nullable=False),
    Column("suggestion_id", Text, ForeignKey("suggestion_details.suggestion_id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("rationale", Text, nullable=False),
    Column("is_from_model", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("payload_sha256", Text, nullable=False),
    Column("ranked_at", UtcText, nullable=False),
    PrimaryKeyConstraint("set_id", "ranking_no", "suggestion_id"),
)

#: What happened to suggestions; `text` is the user's reason, or the id of the order.
suggestion_fates = Table(
    "suggestion_fates",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("suggestion_id", Text, ForeignKey("signals.id"), nullable=False),
    Column("fate", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at_utc", UtcText, nullable=False),
)

#: When suggestions are to be held against doing nothing.
suggestion_dues = Table(
    "suggestion_dues",
    metadata,
    Column("suggestion_id", Text, ForeignKey("suggestion_details.suggestion_id"), nullable=False),
    Column("horizon", Text, nullable=False),
    Column("due_at", UtcText, nullable=False),
    PrimaryKeyConstraint("suggestion_id", "horizon"),
)

#: How they have paid; a figure that could not be known is NULL and `note` says why.
suggestion_marks = Table(
    "suggestion_marks",
    metadata,
    Column("suggestion_id", Text, ForeignKey("suggestion_details.suggestion_id"), nullable=False),
    Column("horizon", Text, nullable=False),
    Column("due_at", UtcText, nullable=False),
    Column("marked_at", UtcText, nullable=False),
    Column("hedge_usd", REAL),
    Column("nothing_usd", REAL),
    Column("solver_first_usd", REAL),
    Column("note", Text, nullable=False),
    PrimaryKeyConstraint("suggestion_id", "horizon"),
)
