"""Alembic's entry: runs the steps on the connection that `database.migrate` hands over, one transaction each."""

from __future__ import annotations

from alembic import context

options = context.config.attributes
context.configure(
    connection=options["connection"],
    transactional_ddl=True,
    transaction_per_migration=True,
    on_version_apply=options["on_version_apply"],
)
with context.begin_transaction():
    context.run_migrations()
