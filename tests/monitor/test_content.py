"""What of prompts and responses reaches the store, through the real pipeline, read from the bytes of its files."""

import json
from pathlib import Path

import polars as pl
import pytest
import zstandard
from sqlalchemy import text

from monitor.config import Config, ConfigSource
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import Store, contents
from monitor.store.tables import metadata
from records.hashing import hash_column
from records.window import WINDOW
from streams.embedded import LogRecord
from streams.recent import interaction_hash

START = 1_767_225_600_000_000
CARD, EMAIL, KEY = "4111 1111 1111 1111", "mary.miller@mail.example.com", "AKIAIOSFODNN7EXAMPLE"
SECRETS = (CARD, EMAIL, KEY)
PROMPT = f"my card {CARD} was charged twice, write to {EMAIL}"
RESPONSE = f"a refund for card {CARD} is on its way; the key {KEY} was in your mail"
HELD = {
    "digest": None,
    "redacted": (
        "my card [card] was charged twice, write to [email]",
        "a refund for card [card] is on its way; the key [key] was in your mail",
    ),
    "full": (PROMPT, RESPONSE),
}


def interaction(number: int, minutes: float) -> bytes:
    row = {"id": f"interaction-{number}", "application": "support", "timestamp": START / 1e6 + 60 * minutes, "model": "m"}
    return json.dumps({**row, "prompt": PROMPT if number else None, "response": RESPONSE}).encode()


def stored(folder: Path, store: Store) -> bytes:
    """All bytes of the database: its files as they lie there, and every compressed value unpacked."""
    files = [path.read_bytes() for path in sorted(folder.iterdir())]
    with store.read() as c:
        values = [value for table in metadata.tables for row in c.execute(text(f"SELECT * FROM {table}")) for value in row]
    packed = [value for value in values if isinstance(value, bytes) and value.startswith(zstandard.FRAME_HEADER)]
    assert packed
    return b"".join([*files, *(zstandard.ZstdDecompressor().decompress(value) for value in packed)])


@pytest.mark.parametrize("content", list(HELD))
def test_what_is_personal_reaches_the_database_only_where_content_is_full(tmp_path: Path, content: str) -> None:
    store = Store(f"sqlite:///{tmp_path / 'plumbline.db'}")
    store.upgrade()
    pipeline = Pipeline(store, ConfigSource(Config.model_validate({"content": content})), Metrics())
    accepted_at = START + 2 * WINDOW
    values = [b"\n".join(interaction(n, 0.1 * n) for n in range(20)), interaction(20, 9), b"{no interaction"]
    pipeline.ingest([LogRecord(o + 1, "interactions", value, accepted_at) for o, value in enumerate(values)], accepted_at)
    pipeline.tick(START + 10 * WINDOW)
    held = stored(tmp_path, store)
    for secret in SECRETS:
        assert (secret.encode() in held) == (content == "full"), secret
    assert b"interaction-7" in held
    hashed = interaction_hash("support", hash_column(pl.Series(["interaction-0", "interaction-7", "interaction-20"]))).tolist()
    with store.read() as c:
        found = contents.get(c, "support", hashed)
    texts = HELD[content]
    expected = [] if texts is None else [(None, texts[1]), texts, texts]
    assert [(found[h].prompt, found[h].response) for h in hashed if h in found] == expected
    store.close()
