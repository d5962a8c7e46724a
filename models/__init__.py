"""Values of the domain: enums, ids, clock, contracts, orders, accounts, risk. No I/O, nothing of ours imported."""
