"""Large databases for one run, seeded by the same builders as the tests."""

from __future__ import annotations

from pathlib import Path

from execution.views import DeskState, Phase
from models.enums import BrokerName, Mode, TradingState
from tests.database.builders import seed_journal, seed_snapshots


def journal_of(folder: Path, rows: int) -> Path:
    """Writes a journal of `rows` trades over ten years; returns its path."""
    path = folder / "journal.sqlite"
    seed_journal(path, rows)
    return path


def snapshots_of(folder: Path, *, accounts: int, years: int) -> tuple[Path, int]:
    """Writes the quarter-hour snapshots of some accounts; returns path and number of rows."""
    path = folder / "snapshots.sqlite"
    return path, seed_snapshots(path, accounts=accounts, years=years)


def ready_on(path: Path) -> DeskState:
    """Returns what the engine says when it is ready on this database: the panels open it then."""
    return DeskState(
        phase=Phase.READY,
        mode=Mode.PAPER,
        broker=BrokerName.PAPER,
        capabilities=frozenset(),
        market_label="benchmark",
        trading_state=TradingState.ACTIVE,
        trading_state_reason="",
        armed=False,
        problem="",
        database_path=str(path),
    )
