"""`reference promote`: production's own panes as the next version of a reference, however wide the panes are that are left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.cli import run
from monitor.promoting import promote
from monitor.stages import keeping
from monitor.store import Store, alerts, audit, courses, panes, references
from records.errors import InputError
from records.pane import Pane, merge_all
from records.pane_codec import decode_pane, encode_pane
from records.window import DAY, HOUR, WINDOW
from streams.panes import PaneKey
from tests.detectors.panes import pane
from tests.store.make import alert

START = 1_763_424_000_000_000  # Tue 18 Nov 2025, 00:00 UTC
DAYS = 3
END = START + DAYS * DAY
SLICES = (("", ""), ("model", "atlas"))


def at(day: int, hour: int, minute: int = 0) -> int:
    return START + day * DAY + hour * HOUR + minute * WINDOW // 5


def made(start: int) -> Pane:
    """The traffic of one window: as many interactions as its place in the hour, of other lengths every window."""
    place = start // WINDOW % 12 + 1
    return pane(length=[start // WINDOW % 100 + i for i in range(place)], failed=[False] * (place - 1) + [True])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of panes, judged to their end, rolled up as the pipeline does."""
    path = tmp_path_factory.mktemp("promote") / "plumbline.db"
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    with store.begin() as c:
        for start in range(START, END, WINDOW):
            held = made(start)
            keys = [PaneKey("support", *where, start) for where in SLICES]
            panes.put(c, "rolled up", 0, WINDOW, dict.fromkeys(keys, encode_pane(held)), dict.fromkeys(keys, held.n))
            keeping.roll_up(c, "support", start + WINDOW)
        courses.set_judged(c, "support", END)
    store.close()
    return path


@pytest.fixture
def store(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.chdir(tmp_path)
    Path("plumbline.db").write_bytes(filled.read_bytes())
    store = Store("sqlite:///plumbline.db")
    yield store
    store.close()


def promoted(store: Store, since: int, until: int) -> dict[tuple[str, str], Pane]:
    with store.begin() as c:
        promote(c, "support", "usual", since, until, "test", END)
        found = references.get(c, "support", "usual")
    assert found is not None
    return {where: decode_pane(blob) for where, blob in found.panes.items()}


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (START, END), (at(0, 6, 10), at(2, 20, 5)), (at(1, 0), at(2, 0)), (at(0, 6, 10), at(0, 6, 15)),
        (at(0, 23, 50), at(1, 0, 10)), (at(1, 3), at(1, 9)), (at(0, 6, 8) + 1, at(0, 9, 14)),
    ],
)  # fmt: skip
def test_days_hours_and_windows_together_hold_what_the_windows_hold(since: int, until: int, store: Store) -> None:
    again = merge_all(made(start) for start in range(START, END, WINDOW) if since <= start and start + WINDOW <= until)
    found = promoted(store, since, until)
    assert set(found) == set(SLICES)
    for held in found.values():
        assert held.n == again.n
        for name in ("length", "failed"):
            assert [part.tolist() for part in held.cells(name)] == [part.tolist() for part in again.cells(name)]
        assert held.moments.tolist() == again.moments.tolist()


def test_words_and_single_interactions_stay_behind(store: Store) -> None:
    assert len(made(START).sample.ids) == 1
    assert all(held.sample.ids == () for held in promoted(store, START, END).values())


def test_where_the_windows_are_gone_whole_hours_are_taken(store: Store) -> None:
    with store.begin() as c:
        panes.delete_before(c, "support", WINDOW, at(2, 10, 30))
        kept = [promote(c, "support", "usual", *span, "test", END) for span in (
            (at(0, 6, 10), at(0, 20, 5)), (at(0, 6, 10), at(2, 10, 40)), (at(2, 10, 35), at(2, 12, 5)),
        )]  # fmt: skip
        with pytest.raises(InputError, match="no final window of support lies between 2025-11-18 06:10"):
            promote(c, "support", "usual", at(0, 6, 10), at(0, 6, 50), "test", END)
    assert [(made.since, made.until) for made in kept] == [
        (at(0, 7), at(0, 20)), (at(0, 7), at(2, 10)), (at(2, 10, 35), at(2, 12, 5)),
    ]  # fmt: skip
    assert [made.version for made in kept] == [1, 2, 3]


def test_an_application_that_began_within_an_hour_loses_nothing_of_it(store: Store) -> None:
    with store.begin() as c:
        for step in (WINDOW, HOUR, DAY):
            panes.delete_before(c, "support", step, at(2, 10, 30) // step * step)
        assert promote(c, "support", "usual", START, at(2, 12), "test", END).since == START
        assert promote(c, "support", "usual", at(2, 10, 35), at(2, 10, 45), "test", END).n == 8 + 9


@pytest.mark.parametrize(("since", "until"), [(END, END + DAY), (START - DAY, START), (at(1, 0), at(1, 0, 4))])
def test_a_time_without_a_final_window_is_refused(since: int, until: int, store: Store) -> None:
    with store.begin() as c, pytest.raises(InputError, match="the last one ends at 2025-11-21 00:00 UTC"):
        promote(c, "support", "usual", since, until, "test", END)


def test_only_final_windows_are_taken(store: Store) -> None:
    with store.begin() as c:
        courses.set_judged(c, "support", at(1, 7, 20))
        assert promote(c, "support", "usual", at(1, 7), END, "test", END).until == at(1, 7, 20)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["reference", "promote", "usual", "--application", *arguments]) == code, capsys.readouterr()
    heard = capsys.readouterr()
    return heard.out if code == 0 else heard.err


def test_the_command_tells_what_was_taken_and_audits_it(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    during, over = {"started_at": at(0, 7), "fired_at": at(0, 8)}, {"state": "resolved", "ended_at": at(0, 9)}
    with store.begin() as c:
        alerts.put(c, [alert("a", **during), alert("b", **during, mark="false_alarm"), alert("c", **during, **over),
                       alert("d", started_at=at(2, 1), fired_at=at(2, 2)), alert("e", started_at=at(0, 7))])  # fmt: skip
    first = said(capsys, "support", "--since", "2025-11-18", "--until", "2025-11-19")
    assert first == (
        "support: usual version 1 of 1\u202f872 interactions in 1 slices, 2025-11-18 00:00 UTC to 2025-11-19 00:00 UTC\n"
        "these alerts fired in that time, and what they found is part of it now: #1, #3\n"
    )
    second = said(capsys, "support", "--since", "2025-11-19T00:00:00Z", "--until", str(at(1, 1) / 1e6))
    assert second.splitlines()[1] == (
        "it takes the place of version 1 of 1\u202f872, production, 2025-11-18 00:00 UTC to 2025-11-19 00:00 UTC"
    )
    with store.read() as c:
        entries, _ = audit.query(c, "support/usual")
    assert [(entry.action, entry.detail.partition(":")[0]) for entry in entries] == [("promote", "version 2"),
                                                                                    ("promote", "version 1")]  # fmt: skip
    assert entries[0].actor.startswith("command line")


@pytest.mark.parametrize(
    ("application", "since", "until", "expected"),
    [
        ("support", "2025-11-19", "2025-11-18", "expected a time after --since"),
        ("support", "yesterday", "2025-11-18", "'yesterday': expected a time such as"),
        ("search", "2025-11-18", "2025-11-19", "nothing was counted of search yet"),
        ("support", "2024-01-01", "2024-01-02", "no final window of support"),
    ],
)
@pytest.mark.usefixtures("store")
def test_what_cannot_be_promoted_says_why(
    application: str, since: str, until: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in said(capsys, application, "--since", since, "--until", until, code=2)
