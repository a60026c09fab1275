"""Waiting for what another thread or process does: no longer than it takes, and never for ever."""

import threading
import time
from collections.abc import Callable


def until(holds: Callable[[], object], within: float = 30.0) -> None:
    """Returns once it holds; fails where it does not within so many seconds."""
    deadline, never = time.monotonic() + within, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, f"did not come within {within} s"
        never.wait(0.02)
