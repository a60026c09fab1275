"""How far a long command is, on standard error: redrawn on a terminal, a line now and then elsewhere."""

import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

PATIENCE = 2.0
"""Seconds without a word where standard error is no terminal, and between two lines there."""
REDRAW = 0.1


class Progress:
    """`tell(text)` says it, but not too often; `done()` leaves a clean line. Threads may share one."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic):
        self._out = out or sys.stderr
        self._clock = clock
        self._live = self._out.isatty()
        self._next = clock() + (0.0 if self._live else PATIENCE)
        self._drawn = 0
        self._turn = threading.Lock()

    def tell(self, text: str) -> None:
        """Show a text in place of the last one."""
        with self._turn:
            now = self._clock()
            if now < self._next:
                return
            self._next = now + (REDRAW if self._live else PATIENCE)
            self._out.write(f"\r{text:<{self._drawn}}" if self._live else f"{text}\n")
            self._out.flush()
            self._drawn = len(text)

    def done(self) -> None:
        """Clear what is drawn."""
        if self._live and self._drawn:
            self._out.write("\r" + " " * self._drawn + "\r")
            self._out.flush()
            self._drawn = 0
