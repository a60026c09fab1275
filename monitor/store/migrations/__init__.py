"""Alembic's environment; each file of `versions` is one revision."""
