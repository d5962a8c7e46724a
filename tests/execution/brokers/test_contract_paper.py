"""The paper broker keeps the contract of the port."""

from __future__ import annotations

from pathlib import Path

from tests.execution.brokers.contract import BrokerContract, BrokerHarness
from tests.execution.brokers.paper.desk import PaperDesk


class TestPaperBroker(BrokerContract):
    def harness(self, tmp_path: Path) -> BrokerHarness:
        return PaperDesk(tmp_path / "paper.db")
