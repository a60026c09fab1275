"""Files of interactions: JSON lines, CSV and Parquet to the columns that a stream has, chunk by chunk."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, cast

import msgspec
import polars as pl

from monitor.files_mapping import Mapped, check_targets
from monitor.files_tables import table_lines
from records.codec import Refusal, decode_records, split_body
from records.errors import InputError
from records.interaction import INTERACTION_SCHEMA

CHUNK = 4 << 20
"""Bytes of JSON lines that are decoded at once."""

TABLES = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
LINES = (".jsonl", ".ndjson")
CONTENT = tuple(name for name in INTERACTION_SCHEMA if name not in ("id", "timestamp", "application"))
"""The fields of which a file must hold at least one, or there is nothing to compare."""

Progress = Callable[[float], None]
"""Is told the share of the file that was read, 0 to 1."""


def read_interactions(
    path: str | Path, mapping: Mapping[str, str] = {}, progress: Progress | None = None
) -> Iterator[tuple[pl.DataFrame, list[Refusal]]]:
    """Chunks of the file as INTERACTION_SCHEMA, each with the refusals among its lines; `index` counts lines from 1.

    `mapping` renames: {"response": "answer"} reads `response` from the field or column `answer`, and dotted paths
    reach into objects on either side. Id, timestamp and application may be absent and are null then.
    Raises InputError where the file cannot be read, holds nothing, or holds no field that can be compared.
    """
    rows, accepted, usable = 0, 0, False
    others: set[str] = set()
    for first, originals, lines in _chunks(Path(path), mapping, progress):
        decoded = decode_records(lines, [0] * len(lines), strict=False)
        frame = decoded.frame
        rows += len(frame) + len(decoded.refused)
        accepted += len(frame)
        usable = usable or any(frame[name].null_count() < len(frame) for name in CONTENT)
        others.update(decoded.unknown)
        yield frame, [_numbered(refusal, first, originals) for refusal in decoded.refused]
    if not rows:
        raise InputError(f"{path} holds no rows")
    if accepted and not usable:
        raise InputError(_nothing_usable(path, sorted(others)))


def read_lines(path: str | Path, mapping: Mapping[str, str] = {}, progress: Progress | None = None) -> Iterator[list[bytes]]:
    """Chunks of the file as lines of JSON with the mapping applied, otherwise as they are, bad ones included."""
    for _, _, lines in _chunks(Path(path), mapping, progress):
        kept = [stripped for line in lines if (stripped := line.strip())]
        if kept:
            yield kept


def _numbered(refusal: Refusal, first: int, originals: list[bytes]) -> Refusal:
    """With the line's number in the file and the bytes that stand there."""
    number = first + refusal.record
    line = originals[refusal.record].rstrip(b"\r\n")
    return msgspec.structs.replace(refusal, record=0, index=number, line=line, text=f"line {number}: {refusal.text}")


def _nothing_usable(path: str | Path, others: list[str]) -> str:
    found = f"; it has {', '.join(others[:10])}" if others else ""
    name = others[0] if others else "answer"
    return f"{path} has no field that can be compared, such as prompt or response{found}; name one with --map response={name}"


def _chunks(
    path: Path, mapping: Mapping[str, str], progress: Progress | None
) -> Iterator[tuple[int, list[bytes], list[bytes]]]:
    """The number of a chunk's first line, its lines as they stand in the file, and with the mapping applied."""
    check_targets(mapping)
    kind = path.suffix.lower() if path.suffix.lower() != ".gz" else Path(path.stem).suffix.lower() + ".gz"
    if kind not in (*TABLES, *LINES, *(f"{suffix}.gz" for suffix in LINES), ".json", ".json.gz"):
        known = ", ".join((*LINES, ".json", *TABLES))
        raise InputError(f"{path}: the ending {path.suffix!r} is not known; expected {known}, or JSON lines with .gz")
    try:
        if kind in TABLES:
            yield from ((first, lines, lines) for first, lines in table_lines(path, TABLES[kind], mapping, progress))
        else:
            yield from _mapped_chunks(path, kind, mapping, progress)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _mapped_chunks(
    path: Path, kind: str, mapping: Mapping[str, str], progress: Progress | None
) -> Iterator[tuple[int, list[bytes], list[bytes]]]:
    mapped = Mapped(mapping)
    for first, lines in _line_chunks(path, kind, progress):
        yield first, lines, [mapped.line(line) for line in lines] if mapping else lines
    if missing := mapped.never_found():
        raise InputError(f"{path}: no line has {', '.join(missing)}, which --map names; check the spelling")


def _line_chunks(path: Path, kind: str, progress: Progress | None) -> Iterator[tuple[int, list[bytes]]]:
    size = max(1, path.stat().st_size)
    number = 1
    with path.open("rb") as raw, _unpacked(raw, kind) as file:
        if kind in (".json", ".json.gz"):
            yield number, split_body(file.read())
            return
        while lines := file.readlines(CHUNK):
            yield number, lines
            number += len(lines)
            if progress:
                progress(min(1.0, raw.tell() / size))


def _unpacked(raw: IO[bytes], kind: str) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if kind.endswith(".gz") else raw
