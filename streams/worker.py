"""A worker on Kafka: Faust delivers batches, a thread of its own takes them in; about one transaction a second.

Whatever was not committed when a process dies, loses its partitions or finds the database gone is fetched again from the
stored positions. Memory is bounded: while a transaction runs, one more is gathered, and then fetching stops.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from tempfile import gettempdir
from typing import Any, TypeVar, cast

import faust
from faust.types import TP

from records.errors import PlumblineError, StreamError
from streams.broker import FEEDBACK, INTERACTIONS, Broker
from streams.embedded import LogRecord
from streams.places import Consumer, Moved, Place
from streams.worker_transport import Batch, BatchConsumer, BatchSchema, install

GROUP = "plumbline-worker"
QUIET = 10.0
"""Seconds after which a broker that does not answer is told of; it answers every fetch within 1.5 s."""
T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How often what was gathered is taken in (seconds), or earlier when it is so much (records, bytes); how often topics
    are looked at, for one that was created anew (seconds)."""

    every: float = 1.0
    records: int = 24_000
    size: int = 24 << 20
    topics: float = 10.0


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group by its name, and the topics that it takes in."""

    name: str = GROUP
    topics: tuple[str, ...] = (INTERACTIONS, FEEDBACK)


class Worker:
    """Runs in a thread of its own, with its own event loop, until `stop`.

    `topic_ids` asks the broker for the ids of the topics, and may raise StreamError; `failed` is told what ended it.
    """

    def __init__(
        self,
        broker: Broker,
        consumer: Consumer,
        topic_ids: Callable[[], Mapping[str, str]],
        failed: Callable[[BaseException], None],
        limits: Limits | None = None,
        group: Group | None = None,
    ):
        self._broker, self._consumer, self._topic_ids, self._failed = broker, consumer, topic_ids, failed
        self._limits, self._group = limits or Limits(), group or Group()
        self._counting = ThreadPoolExecutor(1, "counting")
        self._stop = threading.Event()
        self._assigned, self._heard = False, 0
        self._thread = threading.Thread(target=self._main, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to consume."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Finish the transaction at hand and leave the group."""
        self._stop.set()
        self._thread.join(within)
        self._counting.shutdown(wait=False, cancel_futures=True)

    def problem(self) -> str | None:
        """Why nothing is consumed; None while partitions are assigned (or nobody needs us) and Kafka answers."""
        if not self._assigned:
            return "Kafka has not assigned partitions yet; can it be reached, and was `plumbline topics create` run?"
        quiet = (_now() - self._heard) / 1e6
        return f"nothing was fetched for {quiet:.0f} s; see that Kafka can be reached" if quiet > QUIET else None

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            self._failed(error)

    async def _live(self) -> None:
        """Faust's app, and a new one where everything has to be assigned anew."""
        while not self._stop.is_set():
            life = _Life(self._broker, self._consumer, self._topic_ids, self._counting, self._limits, self._group)
            try:
                await life.app.start()
                await self._watch(life)
            finally:
                self._assigned = False
                await life.end()

    async def _watch(self, life: "_Life") -> None:
        """Until it is to stop or begin anew. Raises what ended it."""
        while not self._stop.is_set() and not life.anew.is_set():
            if life.pump.done():
                life.pump.result()
                return
            if life.app.crashed or life.app.should_stop:
                raise StreamError("the consumer ended; its log has the reason") from life.app.crash_reason
            life.driver.check()
            self._assigned = life.assigned
            self._heard = max((sight.at for sight in life.driver.sights().values()), default=_now())
            await asyncio.sleep(0.1)


class _Life:
    """One app of Faust, and what was gathered of it. All but the work of the consumer runs on the event loop."""

    def __init__(
        self,
        broker: Broker,
        consumer: Consumer,
        topic_ids: Callable[[], Mapping[str, str]],
        counting: ThreadPoolExecutor,
        limits: Limits,
        group: Group,
    ):
        self._consumer, self._topic_ids, self._counting, self._limits = consumer, topic_ids, counting, limits
        self.app = _app(broker, group.name)
        install(self.app, self._begin)
        topic = self.app.topic(*group.topics, schema=BatchSchema())
        self.app.agent(topic, name="taking-in")(self._take)
        self.app.on_rebalance_complete.connect(self._rebalanced)
        self.assigned, self.anew = False, asyncio.Event()
        self._ids: Mapping[str, str] = {}
        self._expected: dict[Place, int] = {}
        self._missed: dict[Place, int] = {}
        self._gathered: dict[Place, list[LogRecord]] = {}
        self._records = self._size = 0
        self._full, self._room = asyncio.Event(), asyncio.Event()
        self.pump = asyncio.create_task(self._pump())

    @property
    def driver(self) -> BatchConsumer:
        return cast(BatchConsumer, self.app.consumer)

    async def end(self) -> None:
        """Leave the group; what is gathered is fetched again by whoever comes next."""
        self.pump.cancel()
        await asyncio.gather(self.pump, return_exceptions=True)
        await self.app.stop()

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        """In the one thread that takes in, after what it does now."""
        return await asyncio.get_running_loop().run_in_executor(self._counting, work, *arguments)

    # -- assignment --------------------------------------------------------------------------------------------------

    async def _begin(self, tps: set[TP]) -> dict[TP, int]:
        """What was gathered before counts no more: every partition goes on from its stored position."""
        self._drop()
        places = {Place(tp.topic, tp.partition): tp for tp in tps}
        self._ids = await _aside(self._topic_ids)
        starts = await self._run(self._consumer.assigned, list(places), self._ids, _now())
        for tp, first in (await self.driver.earliest(tps)).items():
            place = Place(tp.topic, tp.partition)
            if starts[place] < first:
                await self._lose(place, starts, first)
        self._expected = starts
        self.assigned = INTERACTIONS in self._ids
        return {places[place]: offset for place, offset in starts.items()}

    async def _rebalanced(self, *_: Any, **__: Any) -> None:
        """Faust seeks, and so begins, only where there is something to seek: a worker too many is ready all the same."""
        if not self.driver.assignment():
            await self._begin(set())

    async def _lose(self, place: Place, starts: dict[Place, int], first: int) -> None:
        """A new partition whose beginning is gone lost nothing that anybody counted on, but is told alike."""
        await self._run(self._consumer.lost, place, first, _now())
        starts[place] = first

    def _drop(self) -> None:
        self._gathered, self._records, self._size = {}, 0, 0
        self._room.set()

    # -- gathering ---------------------------------------------------------------------------------------------------

    async def _take(self, stream: Any) -> None:
        async for event in stream.noack().events():
            await self._gather(Place(event.message.topic, event.message.partition), event.value)

    async def _gather(self, place: Place, batch: Batch) -> None:
        while self._records >= self._limits.records or self._size >= self._limits.size:
            self._room.clear()
            await self._room.wait()
        if batch.epoch != self.driver.epoch or await self._gap(place, batch):
            return
        kind = place.kind
        records = [LogRecord(r.offset, kind, r.value or b"", r.timestamp * 1000) for r in batch.records]
        self._gathered.setdefault(place, []).extend(records)
        self._expected[place] = records[-1].offset + 1
        self._records += len(records)
        self._size += sum([len(record.value) for record in records])
        if self._records >= self._limits.records or self._size >= self._limits.size:
            self._full.set()

    async def _gap(self, place: Place, batch: Batch) -> bool:
        """Whether records are missing that may still be had, or that Kafka deleted before they were fetched.

        For the latter everything begins anew, from what was committed. The former are read again, once: what is missing then
        is what the aborted transaction of a producer took up. The end of a transaction takes up one offset.
        """
        expected, first = self._expected.get(place, 0), batch.records[0].offset
        if first > expected and (await self.driver.earliest({TP(*place)}))[TP(*place)] > expected:
            self.anew.set()
        elif first > expected + 1 and self._missed.get(place) != expected:
            self._missed[place] = expected
            _log.warning("records_missed")
            await self.driver.sought()
        return self.anew.is_set() or batch.epoch != self.driver.epoch

    # -- taking in ---------------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        """Take in what was gathered, again and again; look at the partitions each time, and at the topics now and then."""
        looked = time.monotonic()
        while not self.anew.is_set():
            began = time.monotonic()
            gathered = self._gathered
            self._drop()
            self._full.clear()
            try:
                await self._count(gathered)
            except Moved:
                _log.warning("partitions_set_back")
                self.anew.set()
                return
            if time.monotonic() - looked > self._limits.topics and self.assigned:
                looked = time.monotonic()
                await self._look_at_topics()
            wait = self._limits.every - (time.monotonic() - began)
            if wait > 0 and not self._full.is_set():
                try:
                    await asyncio.wait_for(self._full.wait(), wait)
                except TimeoutError:
                    continue

    async def _count(self, gathered: Mapping[Place, list[LogRecord]]) -> None:
        """What was gathered, if anything; and how the partitions stand then."""
        if gathered:
            await self._run(self._consumer.ingest, gathered, _now())
            for place, records in gathered.items():
                self.driver.taken(TP(*place), records[-1].offset + 1)
        if self.assigned:
            await self._run(self._consumer.look, self.driver.sights(), _now())

    async def _look_at_topics(self) -> None:
        """Where a topic was created anew, everything is assigned anew: positions of the old one mean nothing."""
        try:
            ids = await _aside(self._topic_ids)
        except PlumblineError:
            return  # the broker is away; fetching waits for it too
        if any(self._ids.get(topic, id_) != id_ for topic, id_ in ids.items()):
            self.anew.set()


def _aside(work: Callable[[], T]) -> "asyncio.Future[T]":
    """In a thread that the end of the process does not wait for, as it would for an executor's."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="topics", daemon=True).start()
    return asyncio.wrap_future(future)


def _app(broker: Broker, group: str) -> faust.App:
    context = broker.ssl_context()
    options: dict[str, Any] = {}
    if broker.sasl is not None:
        options["broker_credentials"] = faust.SASLCredentials(
            username=broker.sasl.username, password=broker.sasl.password, mechanism=broker.sasl.mechanism, ssl_context=context
        )
    elif context is not None:
        options["broker_credentials"] = faust.SSLCredentials(context)
    return faust.App(
        group, broker=";".join(f"kafka://{server}" for server in broker.servers), value_serializer="raw", store="memory://",
        web_enabled=False, topic_allow_declare=False, topic_disable_leader=True, stream_wait_empty=False,
        stream_buffer_maxsize=16, consumer_auto_offset_reset="earliest", consumer_max_fetch_size=4 << 20,
        consumer_metadata_max_age_ms=10_000, broker_session_timeout=15, broker_heartbeat_interval=3,
        broker_request_timeout=40, broker_rebalance_timeout=30, broker_max_poll_records=None,
        agent_supervisor="mode.CrashingSupervisor", datadir=f"{gettempdir()}/{group}", **options,
    )  # fmt: skip


def _now() -> int:
    return time.time_ns() // 1000
