"""Faust's transport with one stream event per fetched batch of one partition, and positions that are not Kafka's.

Stock Faust spends some 100 us on every message; here a message is what a fetch brought of a partition. Where to go on after
an assignment is asked of `begin`; what was taken in is committed to Kafka too, but only as a hint for people and tools.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

import faust
from aiokafka.errors import KafkaError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode.threads import WorkerThread

from records.errors import PlumblineError
from streams.places import Place, Sight

AGAIN = 1.0
"""Seconds between attempts to seek."""
_log = logging.getLogger("streams.worker")
Begin = Callable[[set[TP]], Awaitable[dict[TP, int]]]
"""Where to go on in each partition of an assignment."""


class Batch(NamedTuple):
    """What one fetch brought of one partition. An `epoch` ends when partitions are read from elsewhere: what was fetched
    before does not follow what is read then."""

    epoch: int
    records: list[Any]


class BatchSchema(faust.Schema[Any, Any]):
    """Hands a message's value on as it is: a list of records."""

    def compile(self, app: Any, **options: Any) -> Any:
        """What makes an event of a message."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, None, message)

        return decode


class _Daemon(WorkerThread):
    """Does not keep a process from ending that cannot leave its group, since Kafka is away."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.daemon = True


class _Thread(driver.AIOKafkaConsumerThread):
    Worker = _Daemon

    def _create_worker_consumer(self, transport: Any) -> Any:
        """Does not read what a producer's transaction took back."""
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer


class BatchConsumer(driver.Consumer):
    """A consumer whose messages are batches."""

    begin: Begin

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.epoch = 0
        self._taken: dict[TP, int] = {}
        self._read: dict[TP, tuple[int, int]] = {}
        self._room, self._seeking = asyncio.Event(), asyncio.Lock()
        self._in_doubt = False
        """Whether a fetch was not handed on to its end: what it brought is to be read again."""

    # -- positions ---------------------------------------------------------------------------------------------------

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Every partition is read from where `begin` says. (To seek in Faust's callbacks has no effect.)"""
        async with self._seeking:  # whoever comes last has the assignment that is in force
            self.epoch += 1
            self._taken.clear()
            starts = await self.begin({ensure_TP(tp) for tp in self.assignment()})
            if starts:
                await self._thread.seek_wait({driver.ensure_aiokafka_TP(tp): offset for tp, offset in starts.items()})
            self._read = {tp: (offset, offset) for tp, offset in starts.items()}
            self.epoch += 1
            return starts

    async def sought(self) -> bool:
        """Read every partition from where `begin` says; not done while Kafka is away, after a while that spares it."""
        try:
            await self.perform_seek()
        except (PlumblineError, KafkaError, TimeoutError) as error:
            _log.warning("seek_waits: %s", type(error).__name__)
            await asyncio.sleep(AGAIN)
            return False
        return True

    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def taken(self, tp: TP, next_offset: int) -> None:
        """Everything before `next_offset` is committed where it counts."""
        self._taken[tp] = next_offset

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Any:
        return list(self._taken)

    def _new_offset(self, tp: TP) -> int | None:
        return self._taken.pop(tp, None)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Batches follow each other; there are no gaps to remember."""

    async def earliest(self, tps: set[TP]) -> dict[TP, int]:
        """The first offset that each partition still has."""
        found = await self._thread.earliest_offsets(*map(driver.ensure_aiokafka_TP, tps)) if tps else {}
        return {ensure_TP(tp): offset for tp, offset in found.items()}

    def sights(self) -> dict[Place, Sight]:
        """The end of each partition, and when the broker last told it: behind the last record where all are read, since the
        end of a producer's transaction takes up an offset too."""
        consumer, found = self._thread._ensure_consumer(), {}
        for tp in consumer.assignment():
            end, at = consumer.highwater(tp), consumer.last_poll_timestamp(tp)
            if end is not None and at is not None:
                read, last = self._read.get(ensure_TP(tp), (0, 0))
                found[Place(tp.topic, tp.partition)] = Sight(int(last if read >= end else end), int(at) * 1000)
        return found

    def _note_read(self, records: Mapping[TP, list[Any]]) -> None:
        """How far each partition is read, and the offset behind the last record that was in it."""
        held = self._thread._ensure_consumer()._subscription.subscription.assignment
        for tp, (_, last) in self._read.items():
            state = held.state_value(driver.ensure_aiokafka_TP(tp)) if held else None
            if state is not None and state.has_valid_position:
                self._read[tp] = (state.position, records[tp][-1].offset + 1 if tp in records else last)

    def check(self) -> None:
        """Raises what keeps the group from forming: Faust itself would wait for ever."""
        coordinator = self._thread._ensure_consumer()._coordinator
        if coordinator is not None:
            coordinator.check_errors()

    # -- fetching ----------------------------------------------------------------------------------------------------

    def on_buffer_drop(self, tp: TP) -> None:
        super().on_buffer_drop(tp)
        self._room.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        super().resume_partitions(tps)
        self._room.set()

    async def _wait_next_records(self, timeout: float) -> Any:
        """Where all buffers are full Faust sleeps for a second; this wakes up as soon as one has room."""
        if self.flow_active and not self._get_active_partitions():
            self._room.clear()
            if not self._get_active_partitions():
                try:
                    await asyncio.wait_for(self._room.wait(), 1.0)
                except TimeoutError:
                    return {}, set()
        return await super()._wait_next_records(timeout)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """One message for each partition that a fetch brought records of."""
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
        if self._in_doubt and not await self.sought():  # a seek meanwhile was before that fetch, or after it: nobody knows
            return
        epoch, self._in_doubt = self.epoch, True
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop or not self.flow_active or (records and self.epoch != epoch):
            return
        self._note_read(records)
        for tp, batch in records.items():
            if not self.flow_active or self.epoch != epoch:
                return
            if not (active is None or tp in active or tp in self._buffered_partitions):
                return
            yield tp, _message(tp, Batch(epoch, batch), generation)
        self._in_doubt = False


def _message(tp: TP, batch: Batch, generation: int) -> ConsumerMessage:
    last, value = batch.records[-1], cast(Any, batch)  # Faust hands a value on whatever it is
    return ConsumerMessage(
        last.topic, last.partition, last.offset, last.timestamp / 1000, last.timestamp_type, None, None, value, None, 0, 0, tp,
        generation_id=generation,
    )  # fmt: skip


def install(app: faust.App, begin: Begin) -> None:
    """Make an app consume in batches, from where `begin` says."""

    class Consumer(BatchConsumer):
        pass

    class Transport(driver.Transport):
        pass

    Consumer.begin = staticmethod(begin)
    Transport.Consumer = Consumer
    app.transport = Transport(app.conf.broker_consumer, app)
