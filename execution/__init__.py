"""The engine: order lifecycle, risk gate, reconciliation, snapshots, and the brokers behind one port."""
