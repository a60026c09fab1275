"""Runs the migrations over the connection, and in the transaction, that `monitor.store.migrate` hands in."""

from alembic import context

from monitor.store.columns import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
