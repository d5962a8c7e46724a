"""The parts of the option chain panel: columns, table model, view, expiry strip and strategy templates."""
