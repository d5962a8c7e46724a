"""A whole desk imports a statement: by its command, beside its broker, and it goes on trading."""

from __future__ import annotations

from pathlib import Path

import pytest

from execution import commands
from execution.brokers.paper.broker import PaperBroker
from execution.statement_views import StatementProgress, StatementReport
from execution.views import DeskState, Phase
from models.enums import BrokerName
from models.errors import KnownError
from tests.execution.desk_runner import ACCOUNT, running
from tests.execution.statements.kit import ACTIVITY

pytestmark = pytest.mark.anyio


@pytest.fixture
def statement(tmp_path: Path) -> Path:
    """The sample, about the desk's own account."""
    file = tmp_path / "statement.xml"
    file.write_text(ACTIVITY.read_text().replace("DU5550001", ACCOUNT))
    return file


async def test_a_desk_imports_reports_reconciles_and_is_ready_again(
    tmp_path: Path, statement: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PaperBroker, "name", BrokerName.IBKR)
    async with running(tmp_path / "desk") as desk:
        report: StatementReport = await desk.ask(commands.ImportStatement(statement))
        assert sum(one.new for one in report.sections) == 17
        assert desk.publisher.states[StatementProgress].done == desk.publisher.states[StatementProgress].total > 0
        assert desk.rows("SELECT count(*) FROM trade_journal") == [(8,)]
        await desk.ask(commands.Reconcile())
        await desk.until(lambda: "Reconciled with the broker." in desk.lines(), "the reconcile")
        assert desk.publisher.states[DeskState].phase is Phase.READY
        again: StatementReport = await desk.ask(commands.ImportStatement(statement))
        assert not again.has_added
        assert desk.rows("SELECT count(*) FROM trade_journal") == [(8,)]


async def test_a_paper_desk_takes_no_real_statement(tmp_path: Path, statement: Path) -> None:
    async with running(tmp_path / "desk") as desk:
        with pytest.raises(KnownError, match="is a statement of IBKR; this desk works with PAPER"):
            await desk.ask(commands.ImportStatement(statement))
        assert await desk.ask(commands.StopStatementImport()) is None
        assert desk.rows("SELECT count(*) FROM executions") == [(0,)]
