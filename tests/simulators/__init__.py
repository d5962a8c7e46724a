"""Wire-level simulators of the brokers."""
