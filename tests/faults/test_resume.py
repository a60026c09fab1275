"""A pipeline closed after any batch and opened again goes on as if nothing had happened: windows, findings, alerts, panes."""

from pathlib import Path

import pytest

from monitor.stages.keeping import keep
from records.window import MINUTE, WINDOW
from streams.embedded import LogRecord
from tests.monitor.streaming import (
    ACCEPTED,
    APPLICATION,
    START,
    Change,
    differing,
    feed,
    left,
    opened,
    pipeline,
    record,
    records,
    windows,
)
from tests.monitor.test_judging_rewind import GENEROUS, stream


def halves(stream_of: list[LogRecord]) -> list[LogRecord]:
    """Every record cut in two, so that a window is open at every second border of a batch."""
    out: list[LogRecord] = []
    for r in stream_of:
        lines = r.value.split(b"\n")
        for part in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
            out.append(r._replace(offset=len(out) + 1, value=b"\n".join(part)))
    return out


@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.faults), 13])
def test_opening_the_pipeline_anew_after_every_batch_changes_nothing(tmp_path: Path, size: int) -> None:
    batches = halves(stream())
    with opened(tmp_path / "straight.db") as store:
        feed(pipeline(store, GENEROUS), batches, size)
        straight = left(store)
    with opened(tmp_path / "resumed.db") as store:
        for i in range(0, len(batches), size):
            pipeline(store, GENEROUS).ingest(batches[i : i + size], ACCEPTED)
        resumed = left(store)
    assert any(alert.fired_at for alert in straight.alerts)
    assert differing(straight, resumed) == []


def test_a_restart_before_the_first_window_closes_forgets_nothing(tmp_path: Path) -> None:
    first, second = windows(1)[0][:30], windows(1)[0][30:]
    with opened(tmp_path / "a.db") as store:
        pipeline(store).ingest([record(1, first)], ACCEPTED)
        feed(pipeline(store), [record(2, second), *records(windows(2, first=1), 3)])
        assert {start: panes["n"] for (step, key), panes in left(store).panes.items() if not key.dimension
                for start in [(key.start - START) // WINDOW] if step == WINDOW} == {0: 60, 1: 60, 2: 60}  # fmt: skip
        assert sorted(left(store).windows) == [START, START + WINDOW]


def test_late_data_that_waits_to_be_judged_still_is_after_a_restart(tmp_path: Path) -> None:
    batches = windows(60, Change(40, 50))
    late, rest = batches[45][:30], batches[45][30:]
    stream_of = records([*batches[:45], rest, *batches[46:50], late, *batches[50:]])
    left_by = {}
    for name in ("straight", "resumed"):
        with opened(tmp_path / f"{name}.db") as store:
            pipe = pipeline(store, GENEROUS)
            for i, r in enumerate(stream_of):
                if name == "resumed" and i == 51:
                    pipe = pipeline(store, GENEROUS)
                pipe.ingest([r], ACCEPTED)
            left_by[name] = left(store)
    assert differing(left_by["straight"], left_by["resumed"]) == []


def test_a_live_stream_that_is_silent_since_before_a_restart_is_found_silent(tmp_path: Path) -> None:
    batches = windows(40)
    with opened(tmp_path / "a.db") as store:
        for i, rows in enumerate(batches):
            pipeline(store).ingest([record(i + 1, rows, START + (i + 1) * WINDOW)], START + (i + 1) * WINDOW)
        pipeline(store).tick(START + 43 * WINDOW + 3 * MINUTE)
        assert [f.verdict for f in left(store).findings.values()] == ["no_data"]


def test_a_transaction_that_breaks_leaves_nothing_and_the_batch_can_be_taken_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = records(windows(40))
    with opened(tmp_path / "straight.db") as store:
        feed(pipeline(store), batches)
        straight = left(store)
    with opened(tmp_path / "broken.db") as store:
        feed(pipeline(store), batches[:30], 5)

        def torn(*given: object) -> None:
            keep(*given)  # type: ignore[arg-type]
            raise OSError("disk full")

        monkeypatch.setattr("monitor.stages.keeping.keep", torn)
        before = left(store)
        with pytest.raises(OSError, match="disk full"):
            pipeline(store).ingest(batches[30:], ACCEPTED)
        assert differing(before, left(store)) == []
        monkeypatch.undo()
        feed(pipeline(store), batches[25:], 5)  # what was taken in already is passed over
        assert differing(straight, left(store)) == []
    assert straight.counters[APPLICATION].interactions == 2400
