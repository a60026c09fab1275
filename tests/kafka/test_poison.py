"""Records that nobody can read, large ones, and wrong clocks: refused with their bytes, or counted; nothing stops."""

import random

from monitor.api.app import now_us
from monitor.store.counters import Counters
from records.window import DAY, HOUR
from streams.broker import INTERACTIONS
from streams.publisher import Message
from tests.kafka.deployment import Running


def padded(line: bytes, size: int) -> bytes:
    """An interaction of about so many bytes that do not compress to nothing."""
    return line[:-1] + b',"prompt":"%b"}' % random.Random(1).randbytes(size // 2).hex().encode()


def test_records_that_nobody_can_read_are_refused_and_what_is_behind_them_is_counted(running: Running) -> None:
    deep = b'{"id":"deep","timestamp":1,"application":"a","tags":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    made, before, letters = running.made, running.made.counted(), len(running.letters())
    made.send(b"\xff\xfe\x00 not JSON", b"", deep, b"[]", b"null\nnull", partition=0)
    made.publisher.send([Message(INTERACTIONS, None, b"tombstone", partition=0)])  # type: ignore[arg-type]
    made.send(b"\n".join(running.calls(3)), partition=0)
    made.counts(before + 3)
    assert [line for line, _ in running.letters()[letters:]] == [b"\xff\xfe\x00 not JSON", deep, b"[]", b"null", b"null"]
    assert made.counters().keys() == {"support"}
    assert running.worker.metrics()["plumbline_consumer_lag{interactions-0}"] == 0


def test_a_record_of_10_mb_is_counted_and_a_line_too_large_is_refused_with_its_bytes(running: Running) -> None:
    made, before, letters = running.made, running.made.counted(), len(running.letters())
    large = padded(running.calls(1)[0], 10_000_000)
    made.send(b"\n".join([padded(line, 10_000) for line in running.calls(1_000)]), partition=1)
    made.send(b"\n".join([*running.calls(1), large, *running.calls(1)]), *running.calls(1), partition=2)
    made.counts(before + 1_003)
    ((line, headers),) = running.letters()[letters:]
    assert line == large
    assert (headers["reason"], headers["partition"], headers["index"]) == ("too_large", "2", "1")
    assert running.worker.metrics()["plumbline_dead_letters_total{too_large}"] == 1


def test_clocks_that_jump_an_hour_are_judged_by_when_the_broker_accepted(running: Running) -> None:
    """Ahead: refused, and nobody else is late. Behind: counted where they belong. Long ago: refused."""
    made, now = running.made, now_us()
    before, letters, late = made.counted(), len(running.letters()), made.counters().get("support", Counters()).late
    made.send(b"\n".join(running.calls(10, at=now + HOUR)), partition=3)
    made.send(b"\n".join(running.calls(10, at=now)), b"\n".join(running.calls(10, at=now - HOUR)), partition=3)
    made.send(b"\n".join(running.calls(10, at=now - 100 * DAY)), partition=3)
    made.counts(before + 20)
    reasons = [headers["reason"] for _, headers in running.letters()[letters:]]
    assert reasons == ["future_timestamp"] * 10 + ["too_old"] * 10
    assert made.positions()[INTERACTIONS, 3].watermarks["support"] == now + 9_000
    assert made.counters()["support"].late - late == 10  # an hour before the first that was ever seen
