"""The Interactive Brokers adapter."""
