"""All tables."""

from sqlalchemy import BigInteger, Column, Double, ForeignKeyConstraint, Index, LargeBinary, Table, Text, UniqueConstraint, text

from monitor.store import judge_tables
from monitor.store.columns import (
    blob,
    double,
    integer,
    integer_key,
    key,
    later_integer,
    later_string,
    metadata,
    serial,
    string,
)

judgements, judgement_counts = judge_tables.judgements, judge_tables.judgement_counts
judge_spending, judge_states = judge_tables.judge_spending, judge_tables.judge_states
judge_cache, golden_runs = judge_tables.judge_cache, judge_tables.golden_runs

sequences = Table("sequences", metadata, key("name"), integer("value"))

positions = Table(
    "positions",
    metadata,
    key("topic"),
    integer_key("partition"),
    integer("next_offset"),
    blob("watermarks"),
    later_string("topic_id"),
    later_integer("accepted_at"),
    later_integer("checked_at"),
    later_integer("behind"),
    later_integer("moved_at"),
    later_string("owner"),
)

panes = Table(
    "panes",
    metadata,
    key("application"),
    key("dimension"),
    key("value"),
    integer_key("step"),
    integer_key("start"),
    key("topic"),
    integer_key("partition"),
    integer("n"),
    blob("pane"),
    Index(None, "step", "start", "application"),
)

recent_ids = Table(
    "recent_ids",
    metadata,
    serial(),
    string("topic"),
    integer("partition"),
    string("application"),
    integer("accepted_at"),
    blob("hashes"),
    blob("starts"),
    blob("codes"),
    blob("dimensions"),
    Column("low", BigInteger, nullable=False, server_default=text(str(-(2**63)))),
    Column("high", BigInteger, nullable=False, server_default=text(str(2**63 - 1))),
    Index(None, "accepted_at"),
    Index(None, "application", "accepted_at"),
    Index(None, "topic", "partition", "accepted_at"),
    sqlite_autoincrement=True,
)

slices = Table(
    "slices",
    metadata,
    key("application"),
    key("dimension"),
    key("value"),
    integer("code"),
    integer("first_seen"),
    UniqueConstraint("application", "dimension", "code"),
)

estimates = Table("estimates", metadata, key("application"), integer_key("day"), blob("body"))

words = Table("words", metadata, key("application"), key("word"), integer("told_at"))

counters = Table(
    "counters",
    metadata,
    key("application"),
    integer("interactions"),
    integer("duplicates"),
    integer("late"),
    integer("refused"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    serial(),
    integer("at"),
    string("topic"),
    integer("partition"),
    Column("offset", BigInteger),
    integer("index"),
    string("field"),
    string("reason"),
    string("text"),
    blob("line"),
    UniqueConstraint("topic", "partition", "offset", "index"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

joined_feedback = Table(
    "joined_feedback",
    metadata,
    key("application"),
    integer_key("id_hash"),
    key("name"),
    key("source"),
    double("value"),
    integer("start"),
    blob("codes"),
    Index(None, "start"),
)

waiting_feedback = Table(
    "waiting_feedback",
    metadata,
    key("application"),
    integer_key("id_hash"),
    key("name"),
    key("source"),
    Column("value_number", Double),
    Column("value_text", LargeBinary),
    integer("at"),
    later_integer("seq"),
    Index(None, "at"),
    Index(None, "application", "seq"),
)

run_parts = Table(
    "run_parts",
    metadata,
    serial(),
    string("application"),
    integer("start"),
    integer("accepted_at"),
    blob("body"),
    Index(None, "application", "start"),
    Index(None, "accepted_at"),
    sqlite_autoincrement=True,
)

open_runs = Table("open_runs", metadata, key("application"), integer("oldest"), integer("accepted_at"), blob("body"))

contents = Table(
    "contents",
    metadata,
    key("application"),
    integer_key("id_hash"),
    integer("start"),
    blob("texts"),
    Index(None, "start"),
)

reference_versions = Table(
    "reference_versions",
    metadata,
    key("application"),
    key("name"),
    integer_key("version"),
    integer("created_at"),
    string("source"),
    integer("n"),
    Column("since", BigInteger),
    Column("until", BigInteger),
)

reference_panes = Table(
    "reference_panes",
    metadata,
    key("application"),
    key("name"),
    integer_key("version"),
    key("dimension"),
    key("value"),
    blob("pane"),
    ForeignKeyConstraint(
        ["application", "name", "version"],
        ["reference_versions.application", "reference_versions.name", "reference_versions.version"],
        ondelete="CASCADE",
    ),
)

comparisons = Table(
    "comparisons",
    metadata,
    key("application"),
    integer_key("index"),
    string("dimension"),
    string("value"),
    string("signal"),
    string("baseline"),
    UniqueConstraint("application", "dimension", "value", "signal", "baseline"),
)

courses = Table(
    "courses",
    metadata,
    key("application"),
    integer_key("start"),
    integer("version"),
    blob("arrays"),
    Index(None, "start"),
)

calibrations = Table("calibrations", metadata, key("application"), integer_key("start"), blob("arrays"))

judged = Table("judged", metadata, key("application"), integer("through"))

closings = Table("closings", metadata, key("application"), integer("through"))

late_windows = Table(
    "late_windows",
    metadata,
    serial(),
    string("application"),
    integer("start"),
    Index(None, "application"),
    sqlite_autoincrement=True,
)

findings = Table(
    "findings",
    metadata,
    key("id"),
    string("application"),
    string("dimension"),
    string("value"),
    string("signal"),
    string("baseline"),
    integer("since"),
    Column("ended", BigInteger),
    string("verdict"),
    blob("body"),
    Index(None, "since", "id"),
    Index(None, "application", "ended"),
    Index(None, "application", "since"),
)

alerts = Table(
    "alerts",
    metadata,
    key("id"),
    integer("number"),
    string("application"),
    string("severity"),
    string("state"),
    string("signal"),
    integer("started_at"),
    Column("mark", Text),
    blob("body"),
    UniqueConstraint("number"),
    Index(None, "started_at", "id"),
    Index(None, "application", "state"),
)

alert_transitions = Table(
    "alert_transitions",
    metadata,
    serial(),
    string("alert"),
    string("state"),
    integer("at"),
    blob("body"),
    UniqueConstraint("alert", "at", "state"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    serial(),
    integer("at"),
    string("actor"),
    string("action"),
    string("subject"),
    string("detail"),
    Index(None, "subject"),
    sqlite_autoincrement=True,
)

notifications = Table(
    "notifications",
    metadata,
    key("id"),
    string("alert"),
    string("receiver"),
    string("outcome"),
    double("created_at"),
    blob("body"),
    Column("claimed_until", Double, nullable=False, server_default=text("0")),
    Index(None, "alert"),
    Index(None, "outcome"),
)

messages = Table(
    "messages",
    metadata,
    serial(),
    string("topic"),
    string("key"),
    blob("value"),
    sqlite_autoincrement=True,
)
