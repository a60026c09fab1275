"""Threads that make the calls of one judge. They are daemons: a judge that does not answer keeps no process from ending."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from monitor import logs
from monitor.evaluator.client import Asked, Client
from monitor.evaluator.desk import Task

Heard = Callable[[Task, Asked], None]
_log = logging.getLogger(__name__)


class Callers:
    """`heard` is told how each call ended, in the thread that made it."""

    def __init__(self, client: Client, most: int, heard: Heard):
        self._client, self._most, self._heard = client, most, heard
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def call(self, task: Task) -> None:
        """Make a call, as soon as a thread is free; there are as many as calls may be made at once."""
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._work, name="judge", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put(task)

    def close(self) -> None:
        """The threads end after what they do now; the last one closes the connections."""
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                asked = self._client.ask(task.texts)
            except Exception as error:  # one judgement is missing, and nothing else
                logs.event(_log, logging.ERROR, "judgement_failed", caught=error)
                asked = Asked("failed", task.reserved, 0.0)
            self._heard(task, asked)
