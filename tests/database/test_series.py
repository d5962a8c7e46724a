from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from database.reader import JournalReader
from database.rebuild import rebuild_derived
from database.series import SnapshotSeries, thin_out
from database.snapshots import PACKED_COLUMNS
from database.store import SqliteStorage
from models.enums import Regime
from models.ids import AccountId
from tests.database.builders import a_snapshot

START = datetime(2026, 5, 4, 13, 30, tzinfo=UTC)
A, B = AccountId("A"), AccountId("B")


@pytest.fixture
def taken(storage: SqliteStorage) -> SqliteStorage:
    """Two accounts, 100 snapshots each over more than a day, written out of order."""

    async def take() -> None:
        for number in (*range(50, 100), *range(50)):
            at = START + timedelta(minutes=15 * number)
            await storage.write_snapshot(a_snapshot(at, A, str(1000 + number)), at)
            await storage.write_snapshot(a_snapshot(at, B, str(-number)), at)

    asyncio.run(take())
    return storage


def same(left: SnapshotSeries, right: SnapshotSeries) -> None:
    np.testing.assert_array_equal(left.at_s, right.at_s)
    for name in PACKED_COLUMNS:
        np.testing.assert_array_equal(left.columns[name], right.columns[name])


def test_a_series_holds_every_snapshot_in_time_order(taken: SqliteStorage, reader: JournalReader) -> None:
    series = reader.snapshot_series(A)
    assert (series.total, series.is_thinned) == (100, False)
    np.testing.assert_array_equal(series.at_s, START.timestamp() + 900.0 * np.arange(100))
    np.testing.assert_array_equal(series.columns["net_liquidation"], 1000.0 + np.arange(100))
    assert np.isnan(series.columns["cash_balance"]).all()
    assert set(series.columns["regime"]) == {float(list(Regime).index(Regime.MEDIUM_VOL))}
    np.testing.assert_allclose(series.columns["delta_theta_ratio"], 340.0 / -120.5)
    assert reader.accounts_with_snapshots() == ("A", "B")


def test_a_time_range_takes_its_start_and_leaves_its_end(taken: SqliteStorage, reader: JournalReader) -> None:
    series = reader.snapshot_series(
        B, from_utc=START + timedelta(minutes=150), to_utc=START + timedelta(hours=20, minutes=15)
    )
    np.testing.assert_array_equal(series.columns["net_liquidation"], -np.arange(10.0, 81.0))
    assert reader.snapshot_series(AccountId("nobody")).total == 0
    assert reader.snapshot_series(A, from_utc=START + timedelta(days=9)).at_s.size == 0


def test_the_packed_copy_equals_one_made_anew_from_the_snapshots(taken: SqliteStorage, reader: JournalReader) -> None:
    before = [reader.snapshot_series(account) for account in (A, B)]
    taken._writer.write_now("rebuilding", rebuild_derived)
    for old, account in zip(before, (A, B), strict=True):
        same(old, reader.snapshot_series(account))


def test_a_thinned_series_is_short_and_keeps_the_extremes(taken: SqliteStorage, reader: JournalReader) -> None:
    series = reader.snapshot_series(A, max_points=20)
    assert (series.total, series.is_thinned) == (100, True)
    assert series.at_s.size <= 20
    assert series.columns["net_liquidation"].min() == 1000.0
    assert series.columns["net_liquidation"].max() == 1099.0
    assert np.all(np.diff(series.at_s) > 0)


def test_a_snapshot_is_read_back_by_id(storage: SqliteStorage, reader: JournalReader) -> None:
    snapshot = a_snapshot(net="123.45")
    asyncio.run(storage.write_snapshot(snapshot, None))
    row = reader.snapshot(snapshot.id)
    assert (row["captured_at"], row["net_liquidation"]) == (snapshot.captured_at, float(Decimal("123.45")))


values = arrays(
    np.float64,
    st.tuples(st.integers(1, 120), st.integers(1, 3)),
    elements=st.floats(-1e9, 1e9) | st.just(float("nan")),
)


@given(values, st.integers(2, 60))
def test_thinning_keeps_every_columns_lowest_and_highest_and_invents_nothing(
    table: np.ndarray[tuple[int, int], np.dtype[np.float64]], max_points: int
) -> None:
    at_s = np.arange(table.shape[0], dtype=np.float64)
    thin_at, thin = thin_out(at_s, table, max_points)
    assert thin.shape[0] == thin_at.size <= max_points
    assert set(thin_at) <= set(at_s)
    for index in range(table.shape[1]):
        given_column, column = table[:, index], thin[:, index]
        if np.isnan(given_column).all():
            assert np.isnan(column).all()
        else:
            assert np.nanmin(column) == np.nanmin(given_column)
            assert np.nanmax(column) == np.nanmax(given_column)
            assert set(column[~np.isnan(column)]) <= set(given_column[~np.isnan(given_column)])


def test_within_a_bucket_the_low_and_the_high_stand_in_the_order_they_came() -> None:
    rising, falling = np.arange(6.0), np.arange(6.0)[::-1]
    _, thin = thin_out(np.arange(6.0), np.stack((rising, falling), axis=1), 2)
    np.testing.assert_array_equal(thin, [[0.0, 5.0], [5.0, 0.0]])
