"""plumbline topics: make what a deployment needs in Kafka, show how far it has been counted, and set that."""

import logging
from typing import TYPE_CHECKING

import click

from monitor.cli.options import CONFIG
from records.errors import ConfigError, StreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.config import Config
    from monitor.seeking import Move
    from monitor.store.positions import Position
    from streams.broker import Broker
    from streams.places import Place
    from streams.topics import Extent

KINDS = ("interactions", "feedback")


@click.group()
def command() -> None:
    """Make the topics in Kafka, and see and set how far they have been counted.

    \b
    Example:
      plumbline topics create -c plumbline.yaml
    """


@command.command()
@CONFIG
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    help="Of plumbline.interactions and plumbline.feedback; as many workers can share the work. Default: as many as they "
    "have, 4 where they are new.",
)
@click.option(
    "--replication-factor",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Copies of new topics; 3 in a cluster of three brokers or more.",
)
@click.option("--add-partitions", is_flag=True, help="Add partitions to topics that have fewer than --partitions.")
def create(config: str | None, partitions: int | None, replication_factor: int, add_partitions: bool) -> None:
    """Make the topics that are missing, and correct what would harm; safe to repeat.

    Topics with another number of partitions than asked for are left as they are, and the command leaves with 2. When
    partitions are added, ids move to other partitions: a retry across the change may count twice.

    \b
    Example:
      plumbline topics create -c plumbline.yaml --partitions 8
    """
    from monitor.config import load
    from streams import topics

    broker = _broker(load(config), config)
    done = topics.create(broker, partitions, replication_factor, add_partitions=add_partitions)
    click.echo("\n".join(done) or f"{broker}: nothing to do, all topics are as they should be")


@command.command()
@CONFIG
@click.option("--application", help="Show the event time of this application; without it the least of all.")
def positions(config: str | None, application: str | None) -> None:
    """Show how far each partition has been counted, how much waits, and who counts it.

    `next` is the offset that is counted next and `end` that of the next record that will be written: of the broker, or `-`
    where it does not answer. `behind` and `seen` are what the owner told when it last looked.

    \b
    Example:
      plumbline topics positions -c plumbline.yaml
    """
    from monitor.cli.store import opened
    from monitor.cli.table import table
    from monitor.config import load
    from monitor.store import positions as stored
    from streams.places import Place
    from streams.topics import SPREAD, extents

    found = load(config)
    broker = _broker(found, config)
    with opened(found) as store, store.read() as c:
        held = {Place(*key): position for key, position in stored.all_(c).items() if key[0] in SPREAD}
    there: dict[Place, Extent] = {}
    try:
        there = extents(broker, within=5.0)
    except StreamError as error:
        click.echo(f"plumbline: {error}", err=True)
    rows = [_row(place, held.get(place), there.get(place), application) for place in sorted({*held, *there})]
    click.echo(table(("topic", "partition", "next", "end", "behind", "event time", "owner", "seen"), rows))


def _row(place: "Place", held: "Position | None", there: "Extent | None", application: str | None) -> tuple[str, ...]:
    end = str(there.end) if there else "-"
    if held is None:
        return (place.topic, str(place.number), "0", end, end, "-", "-", "never")
    times = [at for name, at in held.watermarks.items() if application in (None, name)]
    seen = _second(held.checked_at) if held.checked_at else "never"
    reached = _second(min(times)) if times else "-"
    return (place.topic, str(place.number), str(held.next_offset), end, str(held.behind), reached, held.owner or "-", seen)


def _second(at: int) -> str:
    from alerts.numbers import rfc3339

    return rfc3339(at // 1_000_000 * 1_000_000).replace(".000", "")


@command.command()
@CONFIG
@click.option("--topic", type=click.Choice(KINDS), required=True, help="plumbline.interactions or plumbline.feedback.")
@click.option("--partition", type=click.IntRange(0), help="Only this one; without it all of the topic.")
@click.option(
    "--to",
    required=True,
    metavar="OFFSET|earliest|latest|TIMESTAMP",
    help="Where to go on: an offset, or the first record that Kafka accepted at a time (RFC 3339) or later.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def seek(config: str | None, topic: str, partition: int | None, to: str, yes: bool) -> None:
    """Set where partitions are counted from; workers that run go on from there within seconds.

    Going back reads again what Kafka still has. Interactions accepted more than `deduplicate_within` before the newest that
    was counted then count twice. Going on leaves out what lies between, for good.

    \b
    Example:
      plumbline topics seek -c plumbline.yaml --topic interactions --partition 0 --to latest --yes
    """
    import time

    from monitor import seeking
    from monitor.cli.store import actor, opened
    from monitor.config import load
    from streams.topics import describe

    found = load(config)
    broker = _broker(found, config)
    name = f"plumbline.{topic}"
    wanted = seeking.targets(broker, name, partition, to)
    with opened(found) as store:
        if not yes:
            with store.read() as c:
                planned = seeking.planned(c, wanted)
            click.echo("\n".join([*map(str, planned), *_warnings(planned, found)]), err=True)
            click.confirm("Set this?", abort=True, err=True)
        topic_id = describe(broker)[name].id
        with store.begin() as c:
            done = seeking.move(c, wanted, topic_id, actor(), time.time_ns() // 1000)
    click.echo("\n".join(map(str, done)))


def _warnings(moves: "Sequence[Move]", config: "Config") -> "Iterator[str]":
    from monitor.config.duration import format_duration

    if any(move.after < move.before for move in moves):
        within = format_duration(config.deduplicate_within)
        yield f"Of what is read again, interactions accepted more than {within} before the newest that was counted count twice."
    if any(move.after > move.before for move in moves):
        yield "What is left out is never counted; the windows of its time stay incomplete."


def _broker(config: "Config", file: str | None) -> "Broker":
    broker = config.broker()
    if broker is None:
        raise ConfigError("expected kafka://host:9092; the embedded stream has no topics", file=file, key="stream")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what goes wrong is said once, by the error
    return broker
