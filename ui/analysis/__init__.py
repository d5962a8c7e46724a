"""The pages of the risk analysis panel: breach map, stress ladder, expiries, margin horizon, P&L explain."""
