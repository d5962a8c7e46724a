"""The settings page of the brokers."""
