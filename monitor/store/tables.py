"""All tables, for every database alike: text, 64-bit integers, doubles and bytes; no type of one dialect."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
RowNumber = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits everywhere: SQLite's own row number is called INTEGER."""


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _integer_key(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _double(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _later_text(name: str) -> Column[str]:
    """Of a later revision than its table: rows from before it are empty."""
    return Column(name, Text, nullable=False, server_default=text("''"))


def _later_integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def _serial() -> Column[int]:
    return Column("id", RowNumber, primary_key=True)


sequences = Table("sequences", metadata, _key("name"), _integer("value"))

positions = Table(
    "positions",
    metadata,
    _key("topic"),
    _integer_key("partition"),
    _integer("next_offset"),
    _bytes("watermarks"),
    _later_text("topic_id"),
    _later_integer("accepted_at"),
    _later_integer("checked_at"),
    _later_integer("behind"),
    _later_integer("moved_at"),
    _later_text("owner"),
)

panes = Table(
    "panes",
    metadata,
    _key("application"),
    _key("dimension"),
    _key("value"),
    _integer_key("step"),
    _integer_key("start"),
    _key("topic"),
    _integer_key("partition"),
    _integer("n"),
    _bytes("pane"),
    Index(None, "step", "start", "application"),
)

recent_ids = Table(
    "recent_ids",
    metadata,
    _serial(),
    _text("topic"),
    _integer("partition"),
    _text("application"),
    _integer("accepted_at"),
    _bytes("hashes"),
    _bytes("starts"),
    _bytes("codes"),
    _bytes("dimensions"),
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
    _key("application"),
    _key("dimension"),
    _key("value"),
    _integer("code"),
    _integer("first_seen"),
    UniqueConstraint("application", "dimension", "code"),
)

estimates = Table("estimates", metadata, _key("application"), _integer_key("day"), _bytes("body"))

words = Table("words", metadata, _key("application"), _key("word"), _integer("told_at"))

counters = Table(
    "counters",
    metadata,
    _key("application"),
    _integer("interactions"),
    _integer("duplicates"),
    _integer("late"),
    _integer("refused"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    _serial(),
    _integer("at"),
    _text("topic"),
    _integer("partition"),
    Column("offset", BigInteger),
    _integer("index"),
    _text("field"),
    _text("reason"),
    _text("text"),
    _bytes("line"),
    UniqueConstraint("topic", "partition", "offset", "index"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

joined_feedback = Table(
    "joined_feedback",
    metadata,
    _key("application"),
    _integer_key("id_hash"),
    _key("name"),
    _key("source"),
    _double("value"),
    _integer("start"),
    _bytes("codes"),
    Index(None, "start"),
)

waiting_feedback = Table(
    "waiting_feedback",
    metadata,
    _key("application"),
    _integer_key("id_hash"),
    _key("name"),
    _key("source"),
    Column("value_number", Double),
    Column("value_text", LargeBinary),
    _integer("at"),
    _later_integer("seq"),
    Index(None, "at"),
    Index(None, "application", "seq"),
)

contents = Table(
    "contents",
    metadata,
    _key("application"),
    _integer_key("id_hash"),
    _integer("start"),
    _bytes("texts"),
    Index(None, "start"),
)

reference_versions = Table(
    "reference_versions",
    metadata,
    _key("application"),
    _key("name"),
    _integer_key("version"),
    _integer("created_at"),
    _text("source"),
    _integer("n"),
    Column("since", BigInteger),
    Column("until", BigInteger),
)

reference_panes = Table(
    "reference_panes",
    metadata,
    _key("application"),
    _key("name"),
    _integer_key("version"),
    _key("dimension"),
    _key("value"),
    _bytes("pane"),
    ForeignKeyConstraint(
        ["application", "name", "version"],
        ["reference_versions.application", "reference_versions.name", "reference_versions.version"],
        ondelete="CASCADE",
    ),
)

comparisons = Table(
    "comparisons",
    metadata,
    _key("application"),
    _integer_key("index"),
    _text("dimension"),
    _text("value"),
    _text("signal"),
    _text("baseline"),
    UniqueConstraint("application", "dimension", "value", "signal", "baseline"),
)

courses = Table(
    "courses",
    metadata,
    _key("application"),
    _integer_key("start"),
    _integer("version"),
    _bytes("arrays"),
    Index(None, "start"),
)

calibrations = Table("calibrations", metadata, _key("application"), _integer_key("start"), _bytes("arrays"))

judged = Table("judged", metadata, _key("application"), _integer("through"))

closings = Table("closings", metadata, _key("application"), _integer("through"))

late_windows = Table(
    "late_windows",
    metadata,
    _serial(),
    _text("application"),
    _integer("start"),
    Index(None, "application"),
    sqlite_autoincrement=True,
)

findings = Table(
    "findings",
    metadata,
    _key("id"),
    _text("application"),
    _text("dimension"),
    _text("value"),
    _text("signal"),
    _text("baseline"),
    _integer("since"),
    Column("ended", BigInteger),
    _text("verdict"),
    _bytes("body"),
    Index(None, "since", "id"),
    Index(None, "application", "ended"),
    Index(None, "application", "since"),
)

alerts = Table(
    "alerts",
    metadata,
    _key("id"),
    _integer("number"),
    _text("application"),
    _text("severity"),
    _text("state"),
    _text("signal"),
    _integer("started_at"),
    Column("mark", Text),
    _bytes("body"),
    UniqueConstraint("number"),
    Index(None, "started_at", "id"),
    Index(None, "application", "state"),
)

alert_transitions = Table(
    "alert_transitions",
    metadata,
    _serial(),
    _text("alert"),
    _text("state"),
    _integer("at"),
    _bytes("body"),
    UniqueConstraint("alert", "at", "state"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    _serial(),
    _integer("at"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    _text("detail"),
    Index(None, "subject"),
    sqlite_autoincrement=True,
)

notifications = Table(
    "notifications",
    metadata,
    _key("id"),
    _text("alert"),
    _text("receiver"),
    _text("outcome"),
    _double("created_at"),
    _bytes("body"),
    Column("claimed_until", Double, nullable=False, server_default=text("0")),
    Index(None, "alert"),
    Index(None, "outcome"),
)

messages = Table(
    "messages",
    metadata,
    _serial(),
    _text("topic"),
    _text("key"),
    _bytes("value"),
    sqlite_autoincrement=True,
)

judgements = Table(
    "judgements",
    metadata,
    _key("application"),
    _key("judge"),
    _integer_key("id_hash"),
    _text("interaction_id"),
    _integer("start"),
    _text("stratum"),
    _integer("golden"),
    _text("state"),
    _integer("created_at"),
    _integer("claimed_until"),
    _integer("day"),
    _integer("reserved"),
    Column("texts", LargeBinary),
    Column("score", Double),
    Index(None, "application", "judge", "state", "created_at"),
    Index(None, "application", "judge", "golden"),
    Index(None, "created_at"),
)

judgement_counts = Table(
    "judgement_counts",
    metadata,
    _key("application"),
    _key("judge"),
    _integer_key("start"),
    _key("outcome"),
    _integer("n"),
)

judge_spending = Table(
    "judge_spending",
    metadata,
    _key("application"),
    _key("judge"),
    _integer_key("day"),
    _integer("calls"),
    _integer("reserved"),
    _integer("spent"),
)

judge_states = Table("judge_states", metadata, _key("application"), _key("judge"), _integer("paused_until"), _text("why"))

judge_cache = Table("judge_cache", metadata, _key("key"), _integer("at"), _double("score"), _text("label"), Index(None, "at"))

golden_runs = Table(
    "golden_runs",
    metadata,
    _key("application"),
    _key("judge"),
    _integer_key("at"),
    _text("definition"),
    _integer("done_at"),
    _bytes("body"),
)
