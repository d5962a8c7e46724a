"""Interactive Brokers keeps the contract of the port: the real client library against the simulated TWS."""

from __future__ import annotations

from pathlib import Path

from tests.execution.brokers.contract import BrokerContract, BrokerHarness
from tests.execution.brokers.ibkr.desk import IbkrDesk


class TestIbkrBroker(BrokerContract):
    def harness(self, tmp_path: Path) -> BrokerHarness:
        return IbkrDesk(tmp_path)
