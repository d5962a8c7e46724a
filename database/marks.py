"""The book as it stood at each snapshot: every quarter of an hour for ten days, then the last of each UTC day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from database.schema import book_marks
from models.book_mark import BookMark, PositionMark
from models.ids import AccountId, ContractKey

#: How long every mark is kept; of older days only the last one is.
KEPT_WHOLE: Final = timedelta(days=10)
_FIGURES: Final = (
    "quantity",
    "multiplier",
    "price",
    "spot",
    "vol",
    "delta",
    "gamma",
    "theta_per_day",
    "vega_per_point",
)


def write_mark(connection: Connection, mark: BookMark) -> bool:
    """Writes the rows of a mark and thins old ones; False, nothing written, when that instant has its mark."""
    known = connection.execute(select(book_marks.c.at_utc).where(book_marks.c.at_utc == mark.at_utc).limit(1)).first()
    if known is not None or not mark.positions:
        return False
    connection.execute(
        insert(book_marks),
        [
            {
                "at_utc": mark.at_utc,
                "account_id": one.account_id,
                "contract_key": one.contract_key,
                "underlying": one.underlying,
                **{name: getattr(one, name) for name in _FIGURES},
            }
            for one in mark.positions
        ],
    )
    _thin(connection, mark.at_utc - KEPT_WHOLE)
    return True


def mark_times(connection: Connection, since_utc: datetime | None = None) -> tuple[datetime, ...]:
    """Returns when marks were taken, oldest first."""
    return _instants(connection, () if since_utc is None else (book_marks.c.at_utc >= since_utc,))


def load_mark(connection: Connection, at_utc: datetime) -> BookMark | None:
    """Returns the mark of that very instant, None when there is none."""
    query = select(book_marks).where(book_marks.c.at_utc == at_utc)
    rows = connection.execute(query.order_by(book_marks.c.account_id, book_marks.c.contract_key)).all()
    if not rows:
        return None
    positions: Sequence[PositionMark] = tuple(
        PositionMark(
            account_id=AccountId(row.account_id),
            contract_key=ContractKey(row.contract_key),
            underlying=row.underlying,
            **{name: getattr(row, name) for name in _FIGURES},
        )
        for row in rows
    )
    return BookMark(at_utc, tuple(positions))


def _instants(connection: Connection, within: Sequence[ColumnElement[bool]]) -> tuple[datetime, ...]:
    """The different instants among rows, oldest first.

    Each is sought from the one before by the index: a `DISTINCT` would read every position of every mark, which takes
    a tenth of a second of the only writer for a book of a thousand positions.
    """
    at = book_marks.c.at_utc
    found = select(func.min(at).label("at")).where(*within).cte("instants", recursive=True)
    later = select(func.min(at)).where(at > found.c.at, *within).correlate(found).scalar_subquery()
    found = found.union_all(select(later).where(found.c.at.is_not(None)))
    query = select(found.c.at).where(found.c.at.is_not(None)).order_by(found.c.at)
    return tuple(connection.execute(query).scalars())


def _thin(connection: Connection, before_utc: datetime) -> None:
    old = _instants(connection, (book_marks.c.at_utc < before_utc,))
    last_of_days = {at.astimezone(UTC).date(): at for at in old}
    for at in old:
        if last_of_days[at.astimezone(UTC).date()] != at:
            connection.execute(delete(book_marks).where(book_marks.c.at_utc == at))
