"""The embedded paper broker: its market, matching, margin, settlement and own durable store."""
