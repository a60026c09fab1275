"""The topics of a deployment: made, corrected and described. Whatever is done here is safe to do again."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from kafka import TopicPartition, errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, OffsetSpec
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from records.errors import StreamError
from streams.broker import ALERTS, DEAD_LETTER, FEEDBACK, FINDINGS, INTERACTIONS, LARGEST_BATCH, Broker
from streams.places import Place

PARTITIONS = 4
"""Of new topics of interactions and feedback, where nobody says how many."""

_DAY = 86_400_000  # ms
_MIB = 1 << 20
_IN = {
    "message.timestamp.type": "LogAppendTime",  # the accept time, which event times are judged against
    "max.message.bytes": LARGEST_BATCH,
    "retention.ms": 7 * _DAY,
}
_TOLD = {  # the latest of each finding and alert for those who begin to read, every change of the last week
    "cleanup.policy": "compact,delete",
    "min.compaction.lag.ms": 7 * _DAY,
    "max.message.bytes": 2 * _MIB,
    "retention.ms": 90 * _DAY,
}
_DEAD = {"max.message.bytes": 16 * _MIB, "retention.ms": 7 * _DAY}  # the largest batch that came in, and its headers
TOPICS: dict[str, dict[str, Any]] = {INTERACTIONS: _IN, FEEDBACK: _IN, FINDINGS: _TOLD, ALERTS: _TOLD, DEAD_LETTER: _DEAD}
"""What each is created with."""
SPREAD = (INTERACTIONS, FEEDBACK)
"""Those that workers share by partition."""


@dataclass(frozen=True, slots=True)
class Described:
    """`id` is the UUID as text: another one means that the topic was created anew, and offsets begin at 0 again."""

    id: str
    partitions: int


def describe(broker: Broker, within: float = 10.0) -> dict[str, Described]:
    """Those of our topics that are there. Raises StreamError where the broker does not say so within `within` seconds."""
    with _admin(broker, within) as admin:
        return _described(admin)


class Extent(NamedTuple):
    """Offsets of a partition: of the oldest record that it has, and of the next one that will be written."""

    first: int
    end: int


def extents(broker: Broker, within: float = 10.0) -> dict[Place, Extent]:
    """Of all partitions of interactions and feedback. Raises StreamError, as `describe` does."""
    with _admin(broker, within) as admin:
        there = _described(admin)
        places = [Place(name, number) for name in SPREAD if name in there for number in range(there[name].partitions)]
        first, end = (_offsets(admin, places, spec) for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST))
    return {place: Extent(first[place], end[place]) for place in places}


def offsets_since(broker: Broker, places: Iterable[Place], at: int, within: float = 10.0) -> dict[Place, int]:
    """Of the first record that Kafka accepted at `at` (microseconds) or later, -1 where there is none. Raises StreamError."""
    with _admin(broker, within) as admin:
        return _offsets(admin, list(places), -(-at // 1000))


def _offsets(admin: KafkaAdminClient, places: list[Place], spec: int) -> dict[Place, int]:
    found = admin.list_partition_offsets({TopicPartition(*place): spec for place in places})
    return {place: found[TopicPartition(*place)].offset for place in places}


def create(
    broker: Broker,
    partitions: int | None = None,
    replication: int = 1,
    *,
    add_partitions: bool = False,
    within: float = 10.0,
) -> list[str]:
    """Makes what is missing and corrects what would harm; says what was done, and nothing where all was well.

    `partitions`: of interactions and feedback alike; None: as many as they have. Raises StreamError, before anything is
    changed, for a topic with more than that, or with fewer unless `add_partitions`.
    """
    with _admin(broker, within) as admin:
        there = _described(admin)
        wanted = _wanted(there, partitions, add_partitions)
        done = _make(admin, {name: wanted.get(name, 1) for name in TOPICS if name not in there}, replication)
        done += _add(admin, {name: n for name, n in wanted.items() if name in there and there[name].partitions < n})
        done += _correct(admin, [name for name in TOPICS if name in there])
        _wait(admin, wanted, within)
        return done


def _wait(admin: KafkaAdminClient, wanted: dict[str, int], within: float) -> None:
    """Until brokers know what their controller has made, a moment later."""
    deadline = time.monotonic() + within
    try:
        admin.wait_for_topics(list(TOPICS), timeout_ms=within * 1000)
    except errors.KafkaTimeoutError:
        raise StreamError(f"the topics are made, but have partitions without a leader after {within:g} s") from None
    while any(_described(admin)[name].partitions < n for name, n in wanted.items()):
        if time.monotonic() > deadline:
            raise StreamError(f"partitions were added, but {within:g} s later the brokers do not know them yet")
        time.sleep(0.05)


def _wanted(there: dict[str, Described], partitions: int | None, add: bool) -> dict[str, int]:
    """How many partitions interactions and feedback are to have."""
    have = {name: there[name].partitions for name in SPREAD if name in there}
    wanted = partitions or max(have.values(), default=PARTITIONS)
    for name, n in have.items():
        if n > wanted:
            raise StreamError(
                f"{name} has {n} partitions, and Kafka takes none away: ask for {n} (or more, with --add-partitions)"
            )
        if n < wanted and not add:
            raise StreamError(
                f"{name} has {n} partitions, not {wanted}: repeat with --add-partitions to have them added. "
                "Ids then move to other partitions, and a retry across the change may count twice"
            )
    return dict.fromkeys(SPREAD, wanted)


def _make(admin: KafkaAdminClient, missing: dict[str, int], replication: int) -> list[str]:
    if not missing:
        return []
    wanted = {
        name: {"num_partitions": n, "replication_factor": replication, "configs": {k: str(v) for k, v in TOPICS[name].items()}}
        for name, n in missing.items()
    }
    results = admin.create_topics(wanted, raise_errors=False)["topics"]
    made = []
    for result in results:
        if result["error_code"] != errors.TopicAlreadyExistsError.errno:  # somebody else does the same
            _check(result["name"], result["error_code"], result["error_message"])
            n = missing[result["name"]]
            made.append(f"{result['name']}: created with {n} partition{'s' if n > 1 else ''}")
    return made


def _add(admin: KafkaAdminClient, short: dict[str, int]) -> list[str]:
    if not short:
        return []
    for result in admin.create_partitions(short, raise_errors=False).results:
        _check(result.name, result.error_code, result.error_message)
    return [f"{name}: partitions added, now {n}" for name, n in short.items()]


def _correct(admin: KafkaAdminClient, names: list[str]) -> list[str]:
    """Time must be the broker's where ours is, and the largest record must pass; how long data stays is the operator's."""
    if not names:
        return []
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = admin.describe_configs(asked, config_filter="all")["topic"]
    done = []
    for name in names:
        have = {key: entry["value"] for key, entry in found[name].items()}
        wanted = TOPICS[name]
        change = {}
        if int(have["max.message.bytes"]) < wanted["max.message.bytes"]:
            change["max.message.bytes"] = str(wanted["max.message.bytes"])
        if have["message.timestamp.type"] != wanted.get("message.timestamp.type", have["message.timestamp.type"]):
            change["message.timestamp.type"] = wanted["message.timestamp.type"]
        if change:
            said = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, change)])["topic"][name]
            if said != "OK":
                raise StreamError(f"{name}: the broker refuses {', '.join(change)}: {said}")
            done += [f"{name}: {key} corrected from {have[key]} to {value}" for key, value in change.items()]
    return done


def _described(admin: KafkaAdminClient) -> dict[str, Described]:
    found = {}
    for topic in admin.describe_topics(list(TOPICS)):
        if topic["error_code"] != errors.UnknownTopicOrPartitionError.errno:
            _check(topic["name"], topic["error_code"], None)
            found[topic["name"]] = Described(str(topic["topic_id"]), len(topic["partitions"]))
    return found


def _check(topic: str, code: int, message: str | None) -> None:
    """Raises what a result of one topic says."""
    kind = errors.for_code(code)
    if kind is not errors.NoError:
        raise kind(f"{topic}: {message or kind.description}")


class _Connections(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python has no types
    """Knows why connections failed, and gives up where the broker does not know us: kafka-python tries on until the time
    is over, and then says that it is over."""

    def __init__(self, net: NetworkSelector, **settings: Any) -> None:
        super().__init__(net, **settings)
        self.failures: dict[str, Exception] = {}
        """host:port -> what the last attempt ended with."""

    def get_connection(self, node_id: Any, *args: Any, **options: Any) -> Any:
        """Raises what told us that trying again is of no use."""
        for failure in self.failures.values():
            if isinstance(failure, (errors.SaslAuthenticationFailedError, errors.UnsupportedSaslMechanismError)):
                raise failure
        connection = super().get_connection(node_id, *args, **options)
        connection.init_future.add_errback(lambda error: self._note(node_id, connection, error))
        return connection

    def _note(self, node_id: Any, connection: Any, error: Exception) -> None:
        greeted = connection.broker_version_data is not None
        if self.config["sasl_mechanism"] and greeted and error.args == ("socket disconnected",):
            # A broker that refuses a password says so and hangs up, and kafka-python drops what came with the hanging up.
            error = errors.SaslAuthenticationFailedError("the broker hung up at the login")
        node = self.cluster.broker_metadata(node_id)
        self.failures[f"{node.host}:{node.port}"] = error


@contextmanager
def _admin(broker: Broker, within: float) -> Iterator[KafkaAdminClient]:
    """A client that has reached the broker; errors of Kafka are a StreamError that says what to do."""
    made: list[tuple[_Connections, KafkaNetClient]] = []

    def client(**settings: Any) -> KafkaNetClient:
        net = NetworkSelector(**settings)
        connections = _Connections(net, **settings)
        made.append((connections, KafkaNetClient(net, connections)))
        return made[-1][1]

    timeouts = dict.fromkeys(("bootstrap_timeout_ms", "request_timeout_ms"), int(within * 1000))
    try:
        yield KafkaAdminClient(**broker.settings(), **timeouts, kafka_client=client)
    except errors.KafkaError as error:
        failures = {server: failure for connections, _ in made for server, failure in connections.failures.items()}
        raise StreamError(_told(broker, within, error, failures)) from None
    finally:
        for _, net_client in made:  # a constructor that fails leaves its thread and sockets behind
            net_client.close()


_AWAY = (errors.KafkaTimeoutError, errors.RequestTimedOutError, errors.KafkaConnectionError, errors.NodeNotReadyError)


def _told(broker: Broker, within: float, error: errors.KafkaError, failures: dict[str, Exception]) -> str:
    """What went wrong, and what to do."""
    who = broker.sasl.username if broker.sasl else "this client"
    match error:
        case errors.SaslAuthenticationFailedError():
            return f"{broker} does not know {who} by this password: check sasl.username, sasl.password and sasl.mechanism"
        case errors.AuthorizationError():
            rights = "Describe, Create, Alter, DescribeConfigs and AlterConfigs"
            return f"{broker} does not let {who} do this: allow {rights} on plumbline.*"
        case _ if isinstance(error, _AWAY):
            reasons = "; ".join(f"{server}: {_words(failure)}" for server, failure in failures.items())
            return f"no answer from {broker} within {within:g} s ({reasons or 'it is stuck'}); do tls and sasl fit its port?"
    return f"{broker} refuses: {_words(error)}"


def _words(error: Exception) -> str:
    return str(error.args[0]) if error.args else type(error).__name__
