"""What every broker must do, written against the port: subclass `BrokerContract` and hand it a harness."""

from __future__ import annotations

from tests.execution.brokers.contract_faults import FaultContract
from tests.execution.brokers.contract_kit import BrokerHarness
from tests.execution.brokers.contract_orders import OrderContract

__all__ = ["BrokerContract", "BrokerHarness"]


class BrokerContract(OrderContract, FaultContract):
    """The whole suite."""
