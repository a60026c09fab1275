"""The tables of judges: what they are asked, what became of it, what it cost, and how they score their golden sets."""

from sqlalchemy import Column, Double, Index, LargeBinary, Table

from monitor.store.columns import blob, double, integer, integer_key, key, metadata, string

judgements = Table(
    "judgements",
    metadata,
    key("application"),
    key("judge"),
    integer_key("id_hash"),
    string("interaction_id"),
    integer("start"),
    string("stratum"),
    integer("golden"),
    string("state"),
    integer("created_at"),
    integer("claimed_until"),
    integer("day"),
    integer("reserved"),
    Column("texts", LargeBinary),
    Column("score", Double),
    Index("ix_judgements_queue", "application", "judge", "state", "created_at", "id_hash"),
    Index(None, "application", "judge", "golden"),
    Index(None, "created_at"),
)

judgement_counts = Table(
    "judgement_counts",
    metadata,
    key("application"),
    key("judge"),
    integer_key("start"),
    key("outcome"),
    integer("n"),
)

judge_spending = Table(
    "judge_spending",
    metadata,
    key("application"),
    key("judge"),
    integer_key("day"),
    integer("calls"),
    integer("reserved"),
    integer("spent"),
)

judge_states = Table("judge_states", metadata, key("application"), key("judge"), integer("paused_until"), string("why"))

judge_cache = Table("judge_cache", metadata, key("key"), integer("at"), double("score"), string("label"), Index(None, "at"))

golden_runs = Table(
    "golden_runs",
    metadata,
    key("application"),
    key("judge"),
    integer_key("at"),
    string("definition"),
    integer("done_at"),
    blob("body"),
)
