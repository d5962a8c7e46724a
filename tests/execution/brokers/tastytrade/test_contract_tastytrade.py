"""Tastytrade keeps the contract of the port: the real SDK against the simulated Tastytrade."""

from __future__ import annotations

from pathlib import Path

from tests.execution.brokers.contract import BrokerContract, BrokerHarness
from tests.execution.brokers.tastytrade.desk import TastyDesk


class TestTastytradeBroker(BrokerContract):
    def harness(self, tmp_path: Path) -> BrokerHarness:
        return TastyDesk(tmp_path)
