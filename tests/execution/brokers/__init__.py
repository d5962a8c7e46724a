"""Tests of the brokers; the shared contract suite's assertions are rewritten so that a failure shows its values."""

import pytest

pytest.register_assert_rewrite(
    "tests.execution.brokers.contract_kit",
    "tests.execution.brokers.contract_orders",
    "tests.execution.brokers.contract_faults",
)
