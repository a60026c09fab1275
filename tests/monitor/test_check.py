"""`plumbline check` as a command: what it says, and with what it leaves."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from monitor.cli import run
from tests.monitor.check_files import rows, write

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> str:
    assert run(["check", *arguments]) == code, capsys.readouterr()
    said = capsys.readouterr()
    return said.out if code < 2 else said.err


def report(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(check(capsys, *arguments, "--format", "json", code=code))
    return found


def test_files_of_one_source_are_clean_and_it_says_what_could_have_been_seen(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 600))
    write(Path("june.jsonl"), rows(2, 400))
    text = check(capsys, "june.jsonl", "--reference", "march.jsonl", code=0)
    assert text.startswith("june.jsonl against march.jsonl: no difference that matters\n")
    assert "Files of one source show a finding in 0.1 % of checks" in text
    assert "Smallest change that 8 of 10 such checks find: Jensen-Shannon distance 0.1" in text
    assert text.endswith("june.jsonl: 400 rows\nmarch.jsonl: 600 rows\n")


def test_a_change_is_told_with_how_much_how_sure_why_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 600))
    write(Path("june.jsonl"), [*rows(2, 300), *({**row, "id": f"call-{i}"} for i, row in enumerate(rows(3, 100, length=60)))])
    text = check(capsys, "june.jsonl", "--reference", "march.jsonl", code=1)
    first = text.split("\n\n")[1].splitlines()
    assert first[0] == "Output tokens rose from 39 to 42 (median, +7.7 %)"
    labels = [line.split()[0] for line in first[1:]]
    assert labels == ["how", "how", "why", "where", "see"]
    assert "Jensen-Shannon distance" in first[1] and "times the floor" in first[1]
    assert "needed; 400 values against 600" in first[2]
    assert " -> " in first[3]
    assert first[4].split() == ["where", "all", "rows"]


def test_the_largest_effect_over_its_floor_comes_first_and_findings_before_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 600))
    write(Path("june.jsonl"), rows(2, 400, length=40))
    found = report(capsys, "june.jsonl", "--reference", "march.jsonl", code=1)
    findings = [row for row in found["comparisons"] if row["verdict"] == "finding"]
    assert found["verdict"] == "findings" and found["false_alarms"] == 0.001
    assert found["comparisons"][: len(findings)] == findings
    floors = [row["times_floor"] for row in findings]
    assert floors == sorted(floors, reverse=True) and floors[-1] >= 1
    assert {"response.words", "output_tokens"} <= {row["signal"] for row in findings}
    assert not {"prompt.words", "duration", "model"} & {row["signal"] for row in findings}
    words = next(row for row in findings if row["signal"] == "response.words")
    assert (words["n"], words["reference_n"], words["slice"], words["comparison"]) == (400, 600, {}, "skew")
    assert {"js", "smd", "psi", "hellinger", "tv", "linf", "ks", "wasserstein"} <= words["effect"].keys()
    assert words["evidence"] > words["threshold"] and words["p"] < 1e-10
    assert words["reasons"]["before"] < words["reasons"]["after"]


def test_by_compares_each_slice_and_says_which_one_explains_it(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 1200))
    write(Path("june.jsonl"), [row for k, t in enumerate(["acme", "globex", "stark", "initech"])
                               for row in rows(k + 2, 300, length=60 if t == "acme" else 30, tenant=t)])  # fmt: skip
    found = report(capsys, "june.jsonl", "--reference", "march.jsonl", "--by", "tags.tenant,model", code=1)
    mine = [row for row in found["comparisons"] if row["signal"] == "response.words" and row["verdict"] == "finding"]
    assert mine[0]["slice"] == {"tags.tenant": "acme"}
    assert not any(row["slice"].get("tags.tenant", "acme") != "acme" for row in mine)
    everybody = next(row for row in mine if not row["slice"])
    assert everybody["explained_by"].keys() == {"tags.tenant=acme"} and everybody["explained_by"]["tags.tenant=acme"] > 0.7
    text = check(capsys, "june.jsonl", "--reference", "march.jsonl", "--by", "tags.tenant", code=1)
    assert "% of it gone without tags.tenant=acme" in text


def test_what_got_better_is_said_but_is_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 800, refused=0.2))
    write(Path("june.jsonl"), rows(2, 800, refused=0.02))
    only = ("--signals", "response.refusal")
    text = check(capsys, "june.jsonl", "--reference", "march.jsonl", *only, code=0)
    assert "Better than before, so no finding:\n  Response refusals fell from 2" in text
    text = check(capsys, "march.jsonl", "--reference", "june.jsonl", *only, code=1)
    assert "Response refusals rose from " in text


def test_a_sure_change_under_the_floor_is_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 6000, length=30))
    write(Path("june.jsonl"), rows(2, 6000, length=31))
    text = check(capsys, "june.jsonl", "--reference", "march.jsonl", "--signals", "output_tokens", code=0)
    assert "Sure, but too small to matter:\n  Output tokens" in text


def test_files_of_every_kind_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    items = [{"prompt": r["prompt"], "answer": r["response"], "tokens": r["output_tokens"]} for r in rows(1, 300)]
    write(Path("march.jsonl"), items)
    frame = pl.DataFrame([{**row, "answer": row["answer"] + " And so on."} for row in items])
    write(Path("june.jsonl"), frame.to_dicts())
    Path("june.jsonl.gz").write_bytes(gzip.compress(Path("june.jsonl").read_bytes()))
    frame.write_csv("june.csv")
    frame.write_parquet("june.parquet")
    names = ("--map", "response=answer", "--map", "output_tokens=tokens")
    told = []
    for name in ("june.jsonl", "june.jsonl.gz", "june.csv", "june.parquet"):
        found = report(capsys, name, "--reference", "march.jsonl", *names, code=1)
        told.append([(row["signal"], row["evidence"], row["effect"]) for row in found["comparisons"]])
    assert told[0] and all(other == told[0] for other in told)


def test_rejected_rows_are_counted_with_reasons_and_the_rest_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 100))
    write(Path("june.jsonl"), [*rows(2, 50), b"{", b'{"prompt": 1e999}', *rows(3, 50), b"[]"])
    text = check(capsys, "june.jsonl", "--reference", "march.jsonl", code=0)
    assert "june.jsonl: 100 rows, 3 rejected (" in text
    assert "  line 51: the line ends in the middle of a value" in text
    found = report(capsys, "june.jsonl", "--reference", "march.jsonl", code=0)
    assert found["current"]["rejected"] == 3 and sum(found["current"]["reasons"].values()) == 3


def test_exemplars_of_rows_without_ids_are_their_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), [{"response": "yes"}, {"response": "no way"}] * 30)
    write(Path("june.jsonl"), [b"{", *([{"response": "yes"}] * 60), {"response": "no way"}])
    found = report(capsys, "june.jsonl", "--reference", "march.jsonl", "--signals", "response.words", code=1)
    assert "row 62" not in found["comparisons"][0]["reasons"]["exemplars"]
    assert all(2 <= int(name.removeprefix("row ")) <= 61 for name in found["comparisons"][0]["reasons"]["exemplars"])


def test_what_only_one_file_has_is_said_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), [{k: v for k, v in row.items() if k != "duration"} for row in rows(1, 100)])
    write(Path("june.jsonl"), [{**row, "tags": {"user": f"u{i}"}} for i, row in enumerate(rows(2, 100))])
    text = check(capsys, "june.jsonl", "--reference", "march.jsonl", "--signals", "duration,response.words", code=0)
    assert "Not compared, march.jsonl has no values: duration" in text


def test_a_category_of_ever_new_values_is_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    for name, first in (("march.jsonl", 0), ("june.jsonl", 500)):
        write(Path(name), [{**row, "tags": {"user": f"u{first + i}"}} for i, row in enumerate(rows(first, 200))])
    text = check(capsys, "june.jsonl", "--reference", "march.jsonl", code=0)
    assert "Not compared, too many different values: tags.user" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl", "--reference", "march.jsonl"], "nowhere.jsonl does not exist"),
        (["march.jsonl", "--reference", "empty.jsonl"], "empty.jsonl holds no rows"),
        (["few.jsonl", "--reference", "march.jsonl"], "no field has 30 values in both march.jsonl and few.jsonl"),
        (["march.jsonl", "--reference", "march.jsonl", "--by", "tenant"], "tenant is no slice"),
        (["march.jsonl", "--reference", "march.jsonl", "--by", "tags.team"], "--by tags.team: the files have no value"),
        (["march.jsonl", "--reference", "march.jsonl", "--signals", "response.word"], "did you mean response.words?"),
        (["march.jsonl", "--reference", "march.jsonl", "--map", "answer"], "expected FIELD=NAME"),
        (["march.jsonl", "--reference", "march.jsonl", "--map", "response=reply"], "no line has reply"),
        (["march.jsonl", "--reference", "march.jsonl", "--false-alarm-rate", "0"], "is not in the range"),
        (["march.jsonl", "--reference", "march.jsonl", "--evaluate", "rouge"], "did you mean rouge_l, got rouge"),
        (["march.jsonl"], "Missing option '--reference'"),
    ],
)
def test_what_cannot_be_compared_is_bad_input(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 60))
    write(Path("few.jsonl"), rows(1, 20))
    Path("empty.jsonl").write_bytes(b"")
    assert said in check(capsys, *arguments, code=2)


def test_values_at_the_edges_neither_crash_nor_hide_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    odd = [{"response": "", "duration": -1.0}, {"response": "\x00" * 50, "duration": 1e308}, {"response": "x" * 100_000}]
    write(Path("march.jsonl"), [*rows(1, 300), *odd])
    write(Path("june.jsonl"), [*rows(2, 300, length=60), *odd])
    assert "response.words" in {
        row["signal"] for row in report(capsys, "june.jsonl", "--reference", "march.jsonl", code=1)["comparisons"][:8]
    }


def test_answers_are_scored_against_those_expected_by_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    known = [{**row, "reference_answer": row["response"]} for row in rows(1, 600)]  # every score is 1, then falls
    spoilt = [{**row, "response": " ".join(row["response"].split()[::2])} for row in known[:300]]
    write(Path("march.jsonl"), known)
    write(Path("june.jsonl"), spoilt)
    found = report(
        capsys, "june.jsonl", "--reference", "march.jsonl", "--evaluate", "chrf,rouge_2", "--evaluate", "bleu", code=1
    )
    scores = {row["signal"]: row["verdict"] for row in found["comparisons"] if row["signal"].startswith("scores.")}
    asked = {f"scores.{name}": "finding" for name in ("exact_match", "token_f1", "chrf", "rouge_2", "bleu")}
    assert {name: verdict for name, verdict in scores.items() if name in asked} == asked
    assert scores.keys() - asked.keys() == {"scores.numeric_match"}


def test_controls_in_names_and_values_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), [{"prompt": "a", "model": "old"}] * 100)
    write(Path("june.jsonl"), [{"prompt": "a", "model": "new\x1b[31m"}] * 100)
    assert "\x1b" not in check(capsys, "june.jsonl", "--reference", "march.jsonl", code=1)


def test_the_silent_update_of_a_real_model_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    path = DATA / "llmdrift_gpt35_gpt4.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    lines = gzip.decompress(path.read_bytes()).splitlines()
    march = [line for line in lines if b'"model": "gpt-3.5-turbo-0301"' in line]
    june = [line for line in lines if b'"model": "gpt-3.5-turbo-0613"' in line]
    write(Path("march.jsonl"), march)
    write(Path("june.jsonl"), june)
    found = report(capsys, "june.jsonl", "--reference", "march.jsonl", "--by", "tags.task", code=1)
    findings = {row["signal"] for row in found["comparisons"] if row["verdict"] == "finding"}
    assert {"model", "response.words", "response.list_markers"} <= findings
    assert not any(name.startswith("prompt.") for name in findings)
    write(Path("one.jsonl"), march[::2])
    write(Path("other.jsonl"), march[1::2])
    assert report(capsys, "one.jsonl", "--reference", "other.jsonl", code=0)["verdict"] == "clean"


def test_an_error_of_one_file_ends_the_reading_of_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("march.jsonl"), rows(1, 60))
    Path("bad.parquet").write_bytes(b"PAR1")
    assert "bad.parquet cannot be read" in check(capsys, "bad.parquet", "--reference", "march.jsonl", code=2)
