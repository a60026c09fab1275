"""Runs of conversations: what was counted of them since windows closed last, and those that are not over."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "run_parts",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run_parts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_parts_application_start", "run_parts", ["application", "start"])
    op.create_index("ix_run_parts_accepted_at", "run_parts", ["accepted_at"])
    op.create_table(
        "open_runs",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", name="pk_open_runs"),
    )
