import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest

from monitor.files import read_interactions, read_lines
from records.codec import Refusal
from records.errors import InputError
from records.interaction import INTERACTION_SCHEMA


def read(path: Path, mapping: Mapping[str, str] = MappingProxyType({})) -> tuple[pl.DataFrame, list[Refusal]]:
    chunks = list(read_interactions(path, mapping))
    return pl.concat([frame for frame, _ in chunks]), [refusal for _, refused in chunks for refusal in refused]


def write(path: Path, *rows: dict[str, Any] | bytes) -> Path:
    data = b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


ROWS = [
    {"response": "yes", "model": "m", "input_tokens": 3, "duration": 0.5, "tags": {"tenant": "a"}, "scores": {"x": 1.0}},
    {"response": None, "model": "n", "input_tokens": None, "duration": 2.0, "tags": {"tenant": None}, "scores": {"x": None}},
    {"response": "né,\"\n", "model": "m", "input_tokens": 0, "duration": None, "tags": {"tenant": "b"}, "scores": {"x": 0.5}},
]  # fmt: skip


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """As a table has it, with columns tags.tenant and scores.x."""
    nested = {f"{name}.{key}": value for name in ("tags", "scores") for key, value in row[name].items()}
    return {name: value for name, value in row.items() if name not in ("tags", "scores")} | nested


@pytest.mark.parametrize("kind", ["jsonl", "ndjson", "jsonl.gz", "json", "csv", "parquet", "nested.parquet"])
def test_every_kind_of_file_gives_the_same_columns(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rows.{kind}"
    table = pl.DataFrame([flat(row) for row in ROWS])
    if kind == "csv":
        table.write_csv(path)
    elif kind == "parquet":
        table.write_parquet(path)
    elif kind == "nested.parquet":
        pl.DataFrame(ROWS).write_parquet(path)
    elif kind == "json":
        path.write_text(json.dumps(ROWS, indent=2))
    else:
        write(path, *ROWS)
    frame, refused = read(path)
    assert not refused
    assert frame.schema == INTERACTION_SCHEMA
    assert frame["id"].null_count() == frame["timestamp"].null_count() == 3
    for name in ("response", "model", "input_tokens", "duration"):
        assert frame[name].to_list() == [row[name] for row in ROWS]
    assert frame["tags"].to_list() == [[{"key": "tenant", "value": "a"}], [], [{"key": "tenant", "value": "b"}]]
    assert frame["scores"].to_list() == [[{"key": "x", "value": 1.0}], [], [{"key": "x", "value": 0.5}]]


def test_a_file_may_hold_scalars_where_a_stream_must_hold_texts(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {"id": 7, "timestamp": "1 May", "response": "a", "prompt_version": 3, "tags": {"turn": 1, "open": True, "spans": []}},
        {"id": "b", "timestamp": "2025-01-31T12:00:00", "response": "b", "input_tokens": "12", "cost_usd": "0.5"},
    )
    frame, refused = read(path)
    assert not refused
    assert frame["id"].to_list() == ["7", "b"]
    assert frame["timestamp"].to_list() == [None, 1738324800_000000]
    assert frame["prompt_version"].to_list() == ["3", None]
    assert frame["tags"].to_list()[0] == [{"key": "turn", "value": "1"}, {"key": "open", "value": "true"}]
    assert frame["input_tokens"].to_list() == [None, 12]
    assert frame["cost_usd"].to_list() == [None, 0.5]


def test_a_bad_line_is_refused_with_its_number_and_the_rest_is_kept(tmp_path: Path) -> None:
    huge = b'{"response": "' + b"x" * 10_000_000 + b'"}'
    path = write(tmp_path / "a.jsonl", {"response": "a"}, b"", huge, {"response": 1.5}, b"{", {"response": "b"})
    frame, refused = read(path)
    assert frame["response"].to_list() == ["a", "1.5", "b"]
    assert [(r.index, r.reason, len(r.line)) for r in refused] == [(3, "too_large", len(huge)), (5, "invalid_json", 1)]
    assert refused[0].text.startswith("line 3: the line has 10000016 bytes")


def test_numbers_of_lines_go_on_over_chunks(tmp_path: Path) -> None:
    good = json.dumps({"response": "x" * 1000}).encode()
    frame, refused = read(write(tmp_path / "a.jsonl", *([good] * 9000), b"{", *([good] * 10)))
    assert len(frame) == 9010
    assert [r.index for r in refused] == [9001]


def test_a_cell_that_is_no_number_refuses_its_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("response,duration\na,1\nb,fast\nc,\n")
    frame, refused = read(path)
    assert frame["response"].to_list() == ["a", "c"]
    assert [(r.index, r.field, r.reason) for r in refused] == [(2, "duration", "wrong_type")]


def test_types_of_parquet_are_read_as_what_they_mean(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"response": ["a"], "t": [1738324800_000000], "cost_usd": ["0.25"], "context": ["passage"]})
    frame.select(
        pl.col("response").cast(pl.Categorical),
        pl.col("t").cast(pl.Datetime("us")).alias("timestamp"),
        pl.col("cost_usd").cast(pl.Decimal(10, 2)),
        "context",
    ).write_parquet(path)
    row = read(path)[0].row(0, named=True)
    assert (row["response"], row["timestamp"], row["cost_usd"]) == ("a", 1738324800_000000, 0.25)
    assert row["context"] == ["passage"]


MAPPED = {"response": "answer", "tags.tenant": "meta.who.tenant", "scores.right": "ok", "prompt": "question"}
SOURCE = {"answer": "a", "meta": {"who": {"tenant": "t"}}, "ok": 0.5, "question": "q", "response": "old"}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_mapping_renames_and_reaches_into_objects(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    write(path, SOURCE) if kind == "jsonl" else pl.DataFrame([SOURCE]).write_parquet(path)
    row = read(path, MAPPED)[0].row(0, named=True)
    assert (row["response"], row["prompt"]) == ("a", "q")
    assert row["tags"] == [{"key": "tenant", "value": "t"}]
    assert row["scores"] == [{"key": "right", "value": 0.5}]


def test_a_mapping_adds_to_the_tags_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"a": "x", "b": "y", "tags": {"c": "z"}}, {"a": "x"}, {"a": 1, "tags": None})
    frame, _ = read(path, {"tags.a": "a", "tags.b": "b", "response": "a"})
    assert frame["response"].to_list() == ["x", "x", "1"]
    assert [[(t["key"], t["value"]) for t in tags] for tags in frame["tags"].to_list()] == [
        [("c", "z"), ("a", "x"), ("b", "y")], [("a", "x")], [("a", "1")],
    ]  # fmt: skip


def test_a_refused_line_keeps_the_bytes_that_stand_in_the_file(tmp_path: Path) -> None:
    bad = b'{"answer": "a", "duration": [] }'
    _, refused = read(write(tmp_path / "a.jsonl", {"answer": "a"}, bad), {"response": "answer"})
    assert [(r.index, r.field, r.line) for r in refused] == [(2, "duration", bad)]


def test_lines_for_replay_are_as_they_are_but_for_the_mapping(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b' {"id":  "a"}', b"", b"{")
    assert list(read_lines(path)) == [[b'{"id":  "a"}', b"{"]]
    path = write(tmp_path / "b.jsonl", b'{"key":  "a",  "model":"m"}', b"{")
    assert list(read_lines(path, {"id": "key"})) == [[b'{"model":"m","id":"a"}', b"{"]]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_progress_ends_at_the_whole_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    table = pl.DataFrame({"response": ["x" * 1000] * 9000})
    {"jsonl": table.write_ndjson, "csv": table.write_csv, "parquet": table.write_parquet}[kind](path)
    seen: list[float] = []
    for _ in read_interactions(path, {}, seen.append):
        pass
    assert len(seen) >= 2
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


ERRORS: dict[str, tuple[str, bytes, dict[str, str], str]] = {
    "nothing": ("a.jsonl", b"\n \n", {}, "holds no rows"),
    "another ending": ("a.xlsx", b"", {}, "expected .jsonl"),
    "no ending": ("a", b"", {}, "expected .jsonl"),
    "no gzip": ("a.jsonl.gz", b"{}", {}, "cannot be read"),
    "half a gzip": ("a.jsonl.gz", gzip.compress(b'{"response": "a"}')[:-9], {}, "cannot be read"),
    "no Parquet": ("a.parquet", b"PAR1", {}, "cannot be read"),
    "an empty CSV": ("a.csv", b"", {}, "cannot be read"),
    "no field to compare": ("a.jsonl", b'{"id": "a", "answer": "b"}', {}, "has answer; name one with --map response=answer"),
    "no column to compare": ("a.csv", b"answer\nb\n", {}, "has answer; name one with --map response=answer"),
    "an unknown target": ("a.jsonl", b"{}", {"reply": "a"}, "reply is no field; expected id"),
    "a target inside a text": ("a.jsonl", b"{}", {"response.a": "a"}, "response.a is no field"),
    "a tag without a name": ("a.jsonl", b"{}", {"tags.": "a"}, "tags. is no field"),
    "no source": ("a.jsonl", b"{}", {"response": ""}, "is missing"),
    "a source that no line has": ("a.jsonl", b'{"prompt": "a"}', {"response": "b"}, "no line has b, which --map names"),
    "a source that no column is": ("a.csv", b"a\nb\n", {"response": "b.c"}, "no column b.c, which --map names; it has a"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path: Path, name: str) -> None:
    file, data, mapping, words = ERRORS[name]
    (tmp_path / file).write_bytes(data)
    with pytest.raises(InputError) as error:
        read(tmp_path / file, mapping)
    assert words in str(error.value)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_missing_file_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=rf"none\.{kind} does not exist"):
        read(tmp_path / f"none.{kind}")
    with pytest.raises(InputError, match="cannot be read"):
        (tmp_path / f"folder.{kind}").mkdir()
        read(tmp_path / f"folder.{kind}")


def test_real_files_are_read_whole() -> None:
    data = Path(__file__).parents[3] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the real prompts and responses are not here (../shared/data)")
    for path in data.glob("*.jsonl.gz"):
        frame, refused = read(path)
        with gzip.open(path) as file:
            assert len(frame) == sum(1 for _ in file)
        assert not refused
