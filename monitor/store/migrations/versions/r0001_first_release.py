"""Everything of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_stream()
    _create_panes()
    _create_refused()
    _create_feedback()
    _create_references()
    _create_courses()
    _create_verdicts()
    _create_alerts()


def _create_stream() -> None:
    op.create_table(
        "positions",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("watermarks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_positions"),
    )
    op.create_table(
        "sequences",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sequences"),
    )


def _create_panes() -> None:
    op.create_table(
        "panes",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("pane", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", "dimension", "value", "step", "start", "topic", "partition", name="pk_panes"),
    )
    op.create_index("ix_panes_step_start_application", "panes", ["step", "start", "application"])
    op.create_table(
        "recent_ids",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("starts", sa.LargeBinary(), nullable=False),
        sa.Column("codes", sa.LargeBinary(), nullable=False),
        sa.Column("dimensions", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recent_ids"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_recent_ids_accepted_at", "recent_ids", ["accepted_at"])
    op.create_index("ix_recent_ids_application_accepted_at", "recent_ids", ["application", "accepted_at"])
    op.create_table(
        "slices",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("code", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("application", "dimension", "value", name="pk_slices"),
        sa.UniqueConstraint("application", "dimension", "code", name="uq_slices_application_dimension_code"),
    )
    op.create_table(
        "counters",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("interactions", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("application", name="pk_counters"),
    )


def _create_refused() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=True),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
        sa.UniqueConstraint("topic", "partition", "offset", "index", name="uq_dead_letters_topic_partition_offset_index"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dead_letters_at", "dead_letters", ["at"])
    op.create_table(
        "audit",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])


def _create_feedback() -> None:
    op.create_table(
        "joined_feedback",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("id_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("codes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", "id_hash", "name", "source", name="pk_joined_feedback"),
    )
    op.create_index("ix_joined_feedback_start", "joined_feedback", ["start"])
    op.create_table(
        "waiting_feedback",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("id_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("value_number", sa.Double(), nullable=True),
        sa.Column("value_text", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("application", "id_hash", "name", "source", name="pk_waiting_feedback"),
    )
    op.create_index("ix_waiting_feedback_at", "waiting_feedback", ["at"])
    op.create_table(
        "contents",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("id_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("texts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", "id_hash", name="pk_contents"),
    )
    op.create_index("ix_contents_start", "contents", ["start"])


def _create_references() -> None:
    op.create_table(
        "reference_versions",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("application", "name", "version", name="pk_reference_versions"),
    )
    op.create_table(
        "reference_panes",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("pane", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application", "name", "version"],
            ["reference_versions.application", "reference_versions.name", "reference_versions.version"],
            name="fk_reference_panes_reference_versions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("application", "name", "version", "dimension", "value", name="pk_reference_panes"),
    )


def _create_courses() -> None:
    op.create_table(
        "comparisons",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("baseline", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("application", "index", name="pk_comparisons"),
        sa.UniqueConstraint(
            "application",
            "dimension",
            "value",
            "signal",
            "baseline",
            name="uq_comparisons_application_dimension_value_signal_baseline",
        ),
    )
    op.create_table(
        "courses",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("arrays", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", "start", name="pk_courses"),
    )
    op.create_index("ix_courses_start", "courses", ["start"])
    op.create_table(
        "calibrations",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("arrays", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", "start", name="pk_calibrations"),
    )
    op.create_table(
        "judged",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("application", name="pk_judged"),
    )


def _create_verdicts() -> None:
    op.create_table(
        "findings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("baseline", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
    )
    op.create_index("ix_findings_application_ended", "findings", ["application", "ended"])
    op.create_index("ix_findings_application_since", "findings", ["application", "since"])
    op.create_index("ix_findings_since_id", "findings", ["since", "id"])
    op.create_table(
        "notifications",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("ix_notifications_alert", "notifications", ["alert"])
    op.create_index("ix_notifications_outcome", "notifications", ["outcome"])


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("number", name="uq_alerts_number"),
    )
    op.create_index("ix_alerts_application_state", "alerts", ["application", "state"])
    op.create_index("ix_alerts_started_at_id", "alerts", ["started_at", "id"])
    op.create_table(
        "alert_transitions",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_transitions"),
        sa.UniqueConstraint("alert", "at", "state", name="uq_alert_transitions_alert_at_state"),
        sqlite_autoincrement=True,
    )
