"""Brokers behind `execution.brokers.port`."""
