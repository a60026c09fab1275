"""A thread that writes what many callers hand in: one transaction for all that waits."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Row = TypeVar("Row")
Answer = TypeVar("Answer")


class Gatherer(Generic[Row, Answer]):
    """`write` is called in the thread `name` with all rows that wait; what it returns or raises, every caller gets.

    `weigh` gives the bytes of rows, of which at most `most` may wait; `written` is called when the callers were answered.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[list[Row]], Answer],
        weigh: Callable[[list[Row]], int],
        most: int,
        written: Callable[[], None] = lambda: None,
    ):
        self._write, self._weigh, self._most, self._written = write, weigh, most, written
        self._queue: SimpleQueue[tuple[list[Row], Future[Answer]] | None] = SimpleQueue()
        self._waiting, self._lock = 0, threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, rows: list[Row]) -> "Future[Answer] | None":
        """A future that is done when the rows are written; None where too much waits already."""
        size = self._weigh(rows)
        with self._lock:
            if self._waiting + size > self._most:
                return None
            self._waiting += size
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()  # a caller that gives up must not stop what others wait for
        self._queue.put((rows, future))
        return future

    def close(self) -> None:
        """Write what was handed in, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        stop = False
        while not stop:
            parts = [self._queue.get()]
            while True:
                try:
                    parts.append(self._queue.get_nowait())
                except Empty:
                    break
            stop = None in parts
            self._answer([part for part in parts if part is not None])

    def _answer(self, parts: "list[tuple[list[Row], Future[Answer]]]") -> None:
        if not parts:
            return
        rows = [row for mine, _ in parts for row in mine]
        try:
            answer = self._write(rows)
        except Exception as error:
            self._release(rows)
            for _, future in parts:
                future.set_exception(error)
            return
        self._release(rows)
        for _, future in parts:
            future.set_result(answer)
        self._written()

    def _release(self, rows: list[Row]) -> None:
        with self._lock:
            self._waiting -= self._weigh(rows)
