"""Prompts and responses, where the configuration says that they are kept; each row compressed with zstd."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import zstandard
from sqlalchemy import Connection, delete, select

from monitor.store.dialect import chunks, signed, unsigned, upsert
from monitor.store.tables import contents

_texts = msgspec.msgpack.Decoder(tuple[str | None, str | None])


class Content(NamedTuple):
    """The texts of one interaction; `id_hash` is the unsigned 64-bit hash of its id, `start` its pane minute."""

    id_hash: int
    start: int
    prompt: str | None
    response: str | None


def put(c: Connection, application: str, rows: Sequence[Content]) -> None:
    """Insert or replace."""
    compress = zstandard.ZstdCompressor().compress
    stored = [
        {
            "application": application,
            "id_hash": signed(row.id_hash),
            "start": row.start,
            "texts": compress(msgspec.msgpack.encode((row.prompt, row.response))),
        }
        for row in rows
    ]
    upsert(c, contents, stored)


def get(c: Connection, application: str, id_hashes: Sequence[int]) -> dict[int, Content]:
    """Those of the interactions whose texts are kept, by hash."""
    decompress = zstandard.ZstdDecompressor().decompress
    found = {}
    for chunk in chunks([signed(id_hash) for id_hash in id_hashes]):
        statement = select(contents).where(contents.c.application == application, contents.c.id_hash.in_(chunk))
        for row in c.execute(statement):
            id_hash = unsigned(row.id_hash)
            found[id_hash] = Content(id_hash, row.start, *_texts.decode(decompress(row.texts)))
    return found


def delete_before(c: Connection, start: int) -> None:
    """Forget the texts of minutes before `start`."""
    c.execute(delete(contents).where(contents.c.start < start))
