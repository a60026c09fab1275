"""What several workers on one database need: whose a partition is, what closes once, claims, messages to Kafka."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _extend_positions()
    _extend_stream()
    _create_closings()
    _create_messages()


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))


def _word(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''"))


def _extend_positions() -> None:
    for name in ("topic_id", "owner"):
        op.add_column("positions", _word(name))
    for name in ("accepted_at", "checked_at", "behind", "moved_at"):
        op.add_column("positions", _number(name))


def _extend_stream() -> None:
    op.create_index("ix_recent_ids_topic_partition_accepted_at", "recent_ids", ["topic", "partition", "accepted_at"])
    for name, bound in (("low", -(2**63)), ("high", 2**63 - 1)):
        every = sa.text(str(bound))
        op.add_column("recent_ids", sa.Column(name, sa.BigInteger(), nullable=False, server_default=every))
    op.add_column("waiting_feedback", _number("seq"))
    op.create_index("ix_waiting_feedback_application_seq", "waiting_feedback", ["application", "seq"])
    # all that waits already came before what is numbered from here on
    op.execute("UPDATE waiting_feedback SET seq = 1")
    op.execute("INSERT INTO sequences (name, value) SELECT DISTINCT 'waiting/' || application, 1 FROM waiting_feedback")


def _create_closings() -> None:
    op.create_table(
        "closings",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("application", name="pk_closings"),
    )
    op.create_table(
        "late_windows",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_late_windows"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_late_windows_application", "late_windows", ["application"])
    op.execute("INSERT INTO closings (application, through) SELECT application, through FROM judged")
    changed = "SELECT application, changed FROM judged WHERE changed IS NOT NULL"
    op.execute(f"INSERT INTO late_windows (application, start) {changed}")
    op.drop_column("judged", "changed")


def _create_messages() -> None:
    op.add_column("notifications", sa.Column("claimed_until", sa.Double(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "messages",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sqlite_autoincrement=True,
    )
