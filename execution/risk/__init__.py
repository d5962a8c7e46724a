"""The live book, its Greeks against limits, scenarios, breaches and the regime."""
