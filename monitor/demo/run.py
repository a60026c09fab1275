"""The demonstration: a whole service in one process, and the story's traffic sent into its stream.

The past goes in as fast as it is counted, the story's two days a window at a time, and then the clock has caught up.
"""

import os
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alerts.numbers import clock, count
from monitor.api.app import now_us
from monitor.api.intake import Topic
from monitor.config import ConfigSource, parse
from monitor.demo.story import DAY, HOUR, WINDOW, Story
from monitor.demo.telling import Say, Teller
from monitor.demo.traffic import APPLICATION, feedback, interactions
from monitor.running import obey_signals
from monitor.service import Service

CONFIG = """
store: {store}
listen: 127.0.0.1:{port}
applications:
  support:
    slices: [model, tags.tenant]
    allowed_lateness: 5m
    evaluations: []
"""
"""Ratings of a window come within the next one: it waits for them, so that verdicts need no second look. Passages are drawn
apart from the answers, so that what of an answer they support means nothing here."""
MOST_AHEAD = 20_000
"""Interactions of the past that may wait to be counted."""
PACE = 0.5
"""Seconds a window of the story takes at least."""
EVERY = 2.0
"""Seconds between two lines of progress while the past is sent."""


@dataclass(frozen=True, slots=True)
class Options:
    """`duration` in seconds (None: until it is stopped); `keep` a directory for the store (None: a temporary one);
    `fast`: no pace, and an end after the story. The lengths are the story's."""

    seed: int = 1
    port: int = 4000
    duration: float | None = None
    keep: Path | None = None
    fast: bool = False
    history_days: float = 2.0
    quiet_hours: float = 2.0
    incident_hours: float = 3.0
    pause_hours: float = 3.0

    def story(self, now: int) -> Story:
        """A story whose last pause ends at `now` (microseconds), so that nothing of it lies in the future."""
        told = self.quiet_hours + 3 * (self.incident_hours + self.pause_hours)
        start = now - round(self.history_days * DAY) - round(told * HOUR)
        return Story(self.seed, start, self.history_days, self.quiet_hours, self.incident_hours, self.pause_hours)


class Demo:
    """One run of the story that ends at `now` (microseconds): `service` is entered already; `say` takes lines for people."""

    def __init__(self, service: Service, options: Options, say: Say, now: int):
        self._service, self._options, self._say = service, options, say
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self.story = options.story(now)
        self.teller = Teller(service.store, APPLICATION, self.story.start, service.url, say)
        self.reached = self.story.start

    def stop(self) -> None:
        """Ends the run with the window at hand."""
        self._stopped.set()

    def run(self) -> None:
        """Tells the story, then goes on at the speed of the clock; returns when the time is over or it is stopped."""
        for part in (self._past, self._incidents, self._present):
            if not self._over():
                part()
        self._counted(0)
        self.teller.look()

    # -- parts of the run --------------------------------------------------------------------------------------------

    def _past(self) -> None:
        story = self.story
        self._say(f"a healthy past of {self._options.history_days:g} days is sent, as fast as it is counted")
        sent, told = 0, time.monotonic()
        for window in range(story.start, story.history_end, WINDOW):
            sent += self._send(window)
            if self._over() or not self._counted(MOST_AHEAD):
                return
            if time.monotonic() - told > EVERY:
                told = time.monotonic()
                self._say(f"{clock(window)}  past, {count(sent)} interactions sent")
        self._counted(0)
        self.teller.look()
        self._say(f"{clock(story.history_end)}  the past is over after {count(sent)} interactions; quiet time begins")

    def _incidents(self) -> None:
        for window in range(self.story.history_end, self.story.continues, WINDOW):
            began = time.monotonic()
            self._announce(window)
            self._send(window)
            if self._over() or not self._counted(MOST_AHEAD if self._options.fast else 0):
                return
            if not self._options.fast:
                self.teller.look()
                self._stopped.wait(max(0.0, PACE - (time.monotonic() - began)))

    def _announce(self, window: int) -> None:
        if (window - self.story.history_end) % HOUR:
            return
        incident = next((one for one in self.story.incidents if one.start <= window < one.end), None)
        self._say(f"{clock(window)}  {incident.description if incident else 'all is healthy'}")

    def _present(self) -> None:
        if self._options.fast:
            return
        self._say(f"{clock(self.story.continues)}  the story is told; traffic goes on at the speed of the clock")
        window = self.story.continues
        while not self._over():
            batch = interactions(self.story, window)
            at = 0
            while at < len(batch.lines) and not self._over():
                due = int((batch.arrivals <= now_us()).sum())
                if due > at:
                    self._offer("interactions", batch.lines[at:due])
                    at = due
                self.teller.look()
                self._stopped.wait(1.0)
            self._offer("feedback", feedback(self.story, window))
            window += WINDOW
            self.reached = window

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send(self, window: int) -> int:
        """A whole window at once; how many interactions it had."""
        lines = interactions(self.story, window).lines
        self._offer("interactions", lines)
        self._offer("feedback", feedback(self.story, window))
        self.reached = window + WINDOW
        return len(lines)

    def _offer(self, topic: Topic, lines: list[bytes]) -> None:
        if lines:
            self._service.intake.offer(topic, [b"\n".join(lines)], now_us()).result()

    def _counted(self, most: int) -> bool:
        """Waits until at most so many lines are uncounted; whether the service still counts."""
        while self._service.backlog.lines() > most and self._service.failure is None:
            time.sleep(0.01)
        return self._service.failure is None

    def _over(self) -> bool:
        duration = self._options.duration
        return self._stopped.is_set() or (duration is not None and time.monotonic() - self._began >= duration)


@contextmanager
def service(options: Options) -> Iterator[Service]:
    """The service of a demonstration, with a store in a directory of its own. Raises ConfigError where it cannot listen."""
    with tempfile.TemporaryDirectory(prefix="plumbline-demo-") as directory:
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
        path = (options.keep or Path(directory)).resolve() / "plumbline.db"
        text = CONFIG.format(store=f"sqlite:///{path}", port=options.port)
        with Service(ConfigSource(parse(text, "the demonstration", {}))) as running:
            yield running


def run(options: Options, say: Say) -> int:
    """The whole demonstration: 0, or 1 where a part of the service failed."""
    with service(options) as running:
        say(f"plumbline is at {running.url}")
        open_page(running.url)
        demo = Demo(running, options, say, now_us())
        obey_signals(running)
        feeder = threading.Thread(target=_feed, args=(demo, running), name="demo", daemon=True)
        feeder.start()
        code = running.run()
        demo.stop()
        feeder.join()
        for line in demo.teller.summary(demo.story, demo.reached):
            say(line)
    return code


def _feed(demo: Demo, running: Service) -> None:
    """Runs the demonstration, then the service is over too; whatever goes wrong here ends it as a failure."""
    try:
        demo.run()
    except BaseException as error:
        running.fail(error)
    else:
        running.stop()


def open_page(url: str) -> None:
    """In a browser of this desktop, where there is one and somebody watches."""
    desktop = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.stdout.isatty() and desktop:
        webbrowser.open(url)
