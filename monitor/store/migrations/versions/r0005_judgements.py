"""What judges are asked, what became of it, what it cost, and how they score their golden sets."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "judgements",
        *_of_judge(),
        _key("id_hash"),
        _text("interaction_id"),
        _integer("start"),
        _text("stratum"),
        _integer("golden"),
        _text("state"),
        *(_integer(name) for name in ("created_at", "claimed_until", "day", "reserved")),
        sa.Column("texts", sa.LargeBinary()),
        sa.Column("score", sa.Double()),
        sa.PrimaryKeyConstraint("application", "judge", "id_hash", name="pk_judgements"),
    )
    op.create_index("ix_judgements_queue", "judgements", ["application", "judge", "state", "created_at", "id_hash"])
    for columns in (["application", "judge", "golden"], ["created_at"]):
        op.create_index(f"ix_judgements_{'_'.join(columns)}", "judgements", columns)
    op.create_table(
        "judgement_counts",
        *_of_judge(),
        _key("start"),
        _text("outcome"),
        _integer("n"),
        sa.PrimaryKeyConstraint("application", "judge", "start", "outcome", name="pk_judgement_counts"),
    )
    op.create_table(
        "judge_spending",
        *_of_judge(),
        _key("day"),
        *(_integer(name) for name in ("calls", "reserved", "spent")),
        sa.PrimaryKeyConstraint("application", "judge", "day", name="pk_judge_spending"),
    )
    op.create_table(
        "judge_states",
        *_of_judge(),
        _integer("paused_until"),
        _text("why"),
        sa.PrimaryKeyConstraint("application", "judge", name="pk_judge_states"),
    )
    op.create_table(
        "judge_cache",
        _text("key"),
        _integer("at"),
        sa.Column("score", sa.Double(), nullable=False),
        _text("label"),
        sa.PrimaryKeyConstraint("key", name="pk_judge_cache"),
    )
    op.create_index("ix_judge_cache_at", "judge_cache", ["at"])
    op.create_table(
        "golden_runs",
        *_of_judge(),
        _key("at"),
        _text("definition"),
        _integer("done_at"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", "judge", "at", name="pk_golden_runs"),
    )


def _of_judge() -> list[sa.Column[Any]]:
    return [_text("application"), _text("judge")]


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False)


def _integer(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)
