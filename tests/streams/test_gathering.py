"""Many callers, one writer: what was handed in is written once and in order, and everybody hears how it went."""

import threading

import pytest

from streams.gathering import Gatherer


class Held:
    """Writes that wait until they are let go; what each of them took."""

    def __init__(self) -> None:
        self.begun, self.go, self.taken = threading.Semaphore(0), threading.Semaphore(0), list[list[int]]()

    def write(self, rows: list[int]) -> int:
        self.begun.release()
        self.go.acquire()
        self.taken.append(rows)
        if 13 in rows:
            raise ValueError("thirteen")
        return rows[-1]


def test_what_waits_is_written_together_and_its_room_is_free_again() -> None:
    held = Held()
    gatherer: Gatherer[int, int] = Gatherer("test", held.write, sum, 10)
    first = gatherer.submit([1])
    held.begun.acquire()
    second, third = gatherer.submit([2, 3]), gatherer.submit([4])
    assert gatherer.submit([1]) is None, "ten wait already"
    held.go.release(3)
    gatherer.close()
    assert held.taken == [[1], [2, 3, 4]]
    assert [future.result(0) for future in (first, second, third) if future] == [1, 4, 4]


def test_an_error_is_told_to_everybody_it_hit_and_ends_nothing() -> None:
    held, answered = Held(), threading.Semaphore(0)
    gatherer = Gatherer("test", held.write, len, 10, answered.release)
    failed = gatherer.submit([13])
    held.go.release(2)
    assert failed is not None
    with pytest.raises(ValueError, match="thirteen"):
        failed.result()
    after = gatherer.submit([14])
    gatherer.close()
    assert after is not None
    assert after.result(0) == 14
    assert answered.acquire(blocking=False)
    assert not answered.acquire(blocking=False), "who failed is not told of as written"
