"""Order lifecycle: validation, risk gate, manager, reconciliation."""
