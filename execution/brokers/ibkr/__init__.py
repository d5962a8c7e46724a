"""Interactive Brokers, through TWS or IB Gateway."""
