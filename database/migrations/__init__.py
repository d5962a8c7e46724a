"""How the schema came to be, one Alembic revision per step."""
