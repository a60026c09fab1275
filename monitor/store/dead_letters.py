"""Lines that were refused: their original bytes and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from monitor.store.dialect import insert_new
from monitor.store.paging import page
from monitor.store.tables import dead_letters as table

_UNIQUE = ("topic", "partition", "offset", "index")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Line `index` of the record at `offset` (None: refused before it had one) has no valid `field`.

    `at` is wall clock, microseconds since 1970 UTC; `reason` is a short name, `text` says it in words.
    """

    at: int
    topic: str
    partition: int
    offset: int | None
    index: int
    field: str
    reason: str
    text: str
    line: bytes


def put(c: Connection, rows: Sequence[DeadLetter]) -> None:
    """Keep lines; the same line of the same record is kept once."""
    insert_new(c, table, [_row(letter) for letter in rows], _UNIQUE)


def list_(c: Connection, limit: int, cursor: str | None = None) -> tuple[list[DeadLetter], str | None]:
    """The newest first, and the cursor of the next page."""
    rows, following = page(c, select(table), [table.c.id], limit, cursor)
    return [_read(row) for row in rows], following


def delete_before(c: Connection, at: int) -> None:
    """Forget what was refused before a time."""
    c.execute(delete(table).where(table.c.at < at))


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "at": letter.at,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "index": letter.index,
        "field": _plain(letter.field),
        "reason": _plain(letter.reason),
        "text": _plain(letter.text),
        "line": letter.line,
    }


def _read(row: Row[Any]) -> DeadLetter:
    return DeadLetter(**{name: value for name, value in row._mapping.items() if name != "id"})


def _plain(text: str) -> str:
    """Text that every database takes: what was refused may be no text at all."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")
